"""Builders of what was seen: nodes from manifests, pods from a few words."""

from typing import Any

from quartermaster.api import names
from quartermaster.cluster import trim
from quartermaster.reconcile.observed import NodeSeen, PodSeen


def node_seen(node: dict[str, Any]) -> NodeSeen:
    """Return a node of the laboratory as the informer keeps it; ready, unless it says otherwise."""
    status = dict(node.get("status", {}))
    status.setdefault("conditions", [{"type": "Ready", "status": "True"}])
    status.setdefault("allocatable", status.get("capacity", {}))
    metadata = {"uid": node["metadata"]["name"], **node["metadata"]}
    return trim.node(names.LOCAL_CLUSTER)({**node, "metadata": metadata, "status": status})


def pod_seen(
    name: str, *, node: str | None, chips: dict[str, int], phase: str = "Running", pool: str | None = None
) -> PodSeen:
    """Return a pod that holds chips; one of ours when it names a pool."""
    labels = {names.MANAGED_BY_LABEL: names.MANAGED_BY, names.POOL_LABEL: pool} if pool else {}
    return PodSeen(
        cluster=names.LOCAL_CLUSTER,
        namespace="default",
        name=name,
        uid=name,
        labels=labels,
        owner_uid=None,
        node_name=node,
        phase=phase,
        pod_ip=None,
        is_ready=True,
        is_deleting=False,
        requests_by_resource=chips,
        waiting_reason=None,
        scheduling_reason=None,
        scheduling_message=None,
        restarts=0,
        started_at=None,
        ready_at=None,
    )
