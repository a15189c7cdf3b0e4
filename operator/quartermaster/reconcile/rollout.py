"""How a changed template reaches replicas that run in a full pool: it must not wait for ever.

A roll-out makes before it breaks, one more pod at a time. Where the scheduler finds no node for that pod and nothing is
leaving, it would wait for ever: then it breaks before it makes, one pod at a time, until every pod has the new
template.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from quartermaster.manifests.labels import place_of
from quartermaster.planner.fleet import Place
from quartermaster.planner.plan import PlacementId
from quartermaster.reconcile.chips import deployment_of, is_ours
from quartermaster.reconcile.observed import PodSeen

Document = Mapping[str, Any]

BREAK_FIRST: Final[Document] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}


def refused(pods: Iterable[PodSeen]) -> frozenset[PlacementId]:
    """Return the placements of which the scheduler finds no node for a pod, in pools that no replica is leaving."""
    found: set[PlacementId] = set()
    left: set[str] = set()
    for pod in pods:
        key = deployment_of(pod) if is_ours(pod) else None
        if key is None or pod.is_finished:
            continue
        place = place_of(pod.labels)
        if pod.is_deleting:
            left.add(place.pool)
        elif pod.node_name is None and pod.scheduling_reason is not None:
            found.add(PlacementId(key, place))
    return frozenset(one for one in found if one.place.pool not in left)


def with_way_out(manifest: Document, seen: Document, *, refused_places: Collection[Place]) -> Document:
    """Return what to declare of a child that exists: a Deployment whose roll-out would wait for ever breaks first.

    It does so until the roll-out has ended.
    """
    if manifest["kind"] != "Deployment":
        return manifest
    status, strategy = seen.get("status", {}), seen["spec"].get("strategy", {})
    is_refused = place_of(manifest["metadata"]["labels"]) in refused_places
    is_rolling = status.get("updatedReplicas", 0) < status.get("replicas", 0)
    is_breaking = strategy.get("rollingUpdate", {}).get("maxSurge") == 0
    if not is_rolling or not (is_refused or is_breaking):
        return manifest
    return {**manifest, "spec": {**manifest["spec"], "strategy": BREAK_FIRST}}
