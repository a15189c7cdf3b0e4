"""Where the scheduler may put a pod: node affinity and tolerations. Only scheduling is built here.

The rules were judged before the solver; node affinity makes it impossible to break them afterwards, so the labels that
tell the pool's nodes from all others, region among them, are required, never preferred.
"""

from collections.abc import Iterable
from typing import Any, Final

from quartermaster.api.v1alpha1.enums import CapacityType
from quartermaster.catalog.locality import ZONE
from quartermaster.catalog.slices import TPU_ACCELERATOR, TPU_TOPOLOGY
from quartermaster.catalog.taints import SPOT_TAINTS
from quartermaster.manifests.errors import ManifestError
from quartermaster.manifests.replica import Replica

ARCHITECTURE_LABEL: Final = "kubernetes.io/arch"

LOST_NODE_SECONDS: Final = 30
"""For how long a replica may stay on a node that is not ready, or cannot be reached, before another takes its place.

Kubernetes' own default is five minutes. A node is only called so after 50 seconds of silence (kube-controller-manager
1.36, ``--node-monitor-grace-period``), so a short break of the network costs no replica that has its weights loaded.
"""
_LOST_NODE_TAINTS: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")

_SELECTED_BY_GKE: Final = (TPU_ACCELERATOR, TPU_TOPOLOGY)
"""GKE wants these two of a TPU pod in its nodeSelector (GKE documentation, "TPUs in GKE", read 2026-11-21)."""


def node_affinity(replica: Replica) -> dict[str, Any]:
    """Return the affinity that pins the pod to the pool, to the planned zone and to the image's architecture.

    Raises:
        ManifestError: nothing tells the pool's nodes from others, so the pod could run anywhere.
    """
    pool = replica.pool
    if not pool.node_labels:
        raise ManifestError(
            "NotPinned",
            f"wanted labels that tell the nodes of pool {pool.name} from all others, found none: set spec.nodeSelector"
            " of the AcceleratorPool",
        )
    allowed_by_label: dict[str, tuple[str, ...]] = {label: (value,) for label, value in pool.node_labels.items()}
    if image := replica.catalog_image:
        allowed_by_label.setdefault(ARCHITECTURE_LABEL, image.node_architectures)
    if replica.placement.zone:
        allowed_by_label.setdefault(ZONE, (replica.placement.zone,))
    expressions: list[dict[str, Any]] = [
        {"key": label, "operator": "In", "values": sorted(values)} for label, values in sorted(allowed_by_label.items())
    ]
    expressions += [{"key": label, "operator": "DoesNotExist"} for label in sorted(pool.absent_labels)]
    return {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": expressions}]}
        }
    }


def node_selector(replica: Replica) -> dict[str, str]:
    """Return the node selector that a platform demands besides the affinity; empty where none does."""
    labels = replica.pool.node_labels
    return {label: labels[label] for label in _SELECTED_BY_GKE if label in labels}


def tolerations(replica: Replica) -> list[dict[str, Any]]:
    """Return the tolerations of the pool, the chip's platforms, the extended resource and spot capacity.

    Nodes that are lost are tolerated as well, for a while.
    """
    pool = replica.pool
    found = [_toleration(t.key, t.value, t.effect) for t in pool.tolerations]
    found += [_toleration(t.key, t.value, t.effect) for t in replica.accelerator.taints]
    found.append(_toleration(replica.resource_name, None, "NoSchedule"))
    if pool.capacity_type is CapacityType.SPOT:
        found += [_toleration(t.key, t.value, t.effect) for t in SPOT_TAINTS.values()]
    lost = [
        {**_toleration(key, None, "NoExecute"), "tolerationSeconds": LOST_NODE_SECONDS} for key in _LOST_NODE_TAINTS
    ]
    return [*_distinct(found), *lost]


def _toleration(key: str, value: str | None, effect: str | None) -> dict[str, str]:
    toleration = {"key": key, "operator": "Equal" if value else "Exists"}
    if value:
        toleration["value"] = value
    if effect:
        toleration["effect"] = effect
    return toleration


def _distinct(tolerations_found: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    by_content = {tuple(sorted(toleration.items())): toleration for toleration in tolerations_found}
    return [by_content[content] for content in sorted(by_content)]
