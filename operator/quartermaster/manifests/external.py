"""Objects of an external placement: a Service that names the hosted endpoint inside the cluster; there are no pods.

A host name becomes an ExternalName. An address becomes a Service without selector and an EndpointSlice, in which the
API server refuses addresses that mean something else on every node.
"""

import ipaddress
from typing import Any, Final
from urllib.parse import urlsplit

from quartermaster.api import names as wire
from quartermaster.api.v1alpha1 import InferenceDeployment
from quartermaster.manifests.errors import ManifestError
from quartermaster.manifests.labels import child_metadata, placement_labels
from quartermaster.manifests.names import external_service_name
from quartermaster.planner.fleet import External
from quartermaster.planner.plan import Placement

_PORT_BY_SCHEME: Final = {"http": 80, "https": 443}


def external_objects(
    deployment: InferenceDeployment, placement: Placement, external: External
) -> tuple[dict[str, Any], ...]:
    """Return the Service of one external placement, and the EndpointSlice that it needs for an address.

    Raises:
        ManifestError: the endpoint is an address that Kubernetes cannot send load to.
    """
    endpoint = urlsplit(external.endpoint)
    host = endpoint.hostname or ""
    port = {
        "name": endpoint.scheme,
        "port": endpoint.port or _PORT_BY_SCHEME[endpoint.scheme],
        "protocol": "TCP",
        "appProtocol": endpoint.scheme,
    }
    name = external_service_name(placement.candidate.workload, placement.candidate.pool)
    labels = placement_labels(placement)
    labels.pop(wire.ENGINE_LABEL)  # what the service runs is its own affair
    service: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(deployment, name, labels),
        "spec": {"type": "ExternalName", "externalName": host, "ports": [port]},
    }
    version = _ip_version(host)
    if version is None:
        return (service,)
    service["spec"] = {"type": "ClusterIP", "ports": [port]}
    slice_labels = {
        **labels,
        "kubernetes.io/service-name": name,
        "endpointslice.kubernetes.io/managed-by": wire.GROUP,
    }
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": child_metadata(deployment, name, slice_labels),
        "addressType": f"IPv{version}",
        "endpoints": [{"addresses": [host], "conditions": {"ready": True}}],
        "ports": [port],
    }
    return (service, endpoints)


def _ip_version(host: str) -> int | None:
    """Return the version of an address, or None for a host name.

    Raises:
        ManifestError: the address is one that an EndpointSlice may not hold.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        raise ManifestError(
            "EndpointNotRoutable",
            f"wanted an address that every node can reach, found {host}: give spec.external.endpoint of the"
            " AcceleratorPool a host name or another address",
        )
    return address.version
