"""The kinds that Quartermaster reads or writes, and the paths at which an API server keeps them.

Only descriptors live here: no request, no object, nothing that differs between clusters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object at one version: `group` is empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    is_namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The `apiVersion` of its objects, for example `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def label(self) -> str:
        """The name by which metrics and messages call it, for example `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None = None, name: str | None = None, *, subresource: str | None = None) -> str:
        """The URL path of one object, of one of its subresources, or (without a name) of the collection.

        Raises:
            ValueError: an object of a namespaced kind is asked for without its namespace.
        """
        if name is not None and self.is_namespaced and not namespace:
            message = f"{self.kind} {name!r} is namespaced: wanted its namespace, found none; pass it"
            raise ValueError(message)
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if self.is_namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name is not None:
            parts.append(name)
        if subresource is not None:
            parts.append(subresource)
        return "/" + "/".join(quote(part, safe="") for part in parts)


NODES = Resource("", "v1", "nodes", "Node", is_namespaced=False)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", is_namespaced=False)
PODS = Resource("", "v1", "pods", "Pod")
SERVICES = Resource("", "v1", "services", "Service")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SECRETS = Resource("", "v1", "secrets", "Secret")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
POD_DISRUPTION_BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
INFERENCE_DEPLOYMENTS = Resource("quartermaster.dev", "v1alpha1", "inferencedeployments", "InferenceDeployment")
ACCELERATOR_POOLS = Resource(
    "quartermaster.dev", "v1alpha1", "acceleratorpools", "AcceleratorPool", is_namespaced=False
)
MODEL_PROFILES = Resource("quartermaster.dev", "v1alpha1", "modelprofiles", "ModelProfile", is_namespaced=False)

ALL: tuple[Resource, ...] = (
    NODES,
    NAMESPACES,
    PODS,
    SERVICES,
    CONFIG_MAPS,
    SECRETS,
    DEPLOYMENTS,
    REPLICA_SETS,
    POD_DISRUPTION_BUDGETS,
    ENDPOINT_SLICES,
    EVENTS,
    LEASES,
    INFERENCE_DEPLOYMENTS,
    ACCELERATOR_POOLS,
    MODEL_PROFILES,
)

_BY_TYPE: Mapping[tuple[str, str], Resource] = {(resource.api_version, resource.kind): resource for resource in ALL}


def of(document: Mapping[str, Any]) -> Resource:
    """The resource to which an object belongs, by its `apiVersion` and `kind`.

    Raises:
        LookupError: the object is of a kind that Quartermaster does not handle.
    """
    found = (str(document.get("apiVersion")), str(document.get("kind")))
    resource = _BY_TYPE.get(found)
    if resource is None:
        known = ", ".join(sorted(f"{api_version} {kind}" for api_version, kind in _BY_TYPE))
        message = f"wanted an object of a known kind, found {found[0]} {found[1]}; known are {known}"
        raise LookupError(message)
    return resource
