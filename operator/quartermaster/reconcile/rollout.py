"""How a changed template reaches replicas that run: not at all where it says nothing new, nor for ever in a full pool.

A changed template replaces every pod of a Deployment, and a large model takes long to load. What the plan says of zones
follows from its counts, which follow the load; so it is not taken over where replicas sit as well already. A roll-out
makes before it breaks, one more pod at a time. Where the scheduler finds no node for that pod and nothing is leaving,
it would wait for ever: then it breaks before it makes, one pod at a time, until every pod has the new template.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quartermaster.api import names
from quartermaster.catalog.locality import ZONE
from quartermaster.planner.fleet import Key
from quartermaster.reconcile.chips import deployment_of, is_ours
from quartermaster.reconcile.observed import PodSeen
from quartermaster.reconcile.stock import Ground, PlacementId, Stock

Place = tuple[str, str]
"""Pool and shape key."""
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rollouts:
    """What is known of the placements of one deployment."""

    seated: frozenset[Place] = frozenset()
    """Those whose replicas sit well, whatever zones are planned."""
    refused: frozenset[Place] = frozenset()
    """Those of which the scheduler finds no node for a pod."""


NO_ROLLOUTS: Final = Rollouts()
BREAK_FIRST: Final[Document] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}


def refused(pods: Iterable[PodSeen]) -> frozenset[PlacementId]:
    """Return the placements of which the scheduler finds no node for a pod, in pools that no replica is leaving."""
    found: set[PlacementId] = set()
    left: set[str] = set()
    for pod in pods:
        key = deployment_of(pod) if is_ours(pod) else None
        if key is None or pod.is_finished:
            continue
        pool = pod.labels[names.POOL_LABEL]
        if pod.is_deleting:
            left.add(pool)
        elif pod.node_name is None and pod.scheduling_reason is not None:
            found.add((key, pool, pod.labels.get(names.SHAPE_LABEL, "")))
    return frozenset(placement for placement in found if placement[1] not in left)


def seated(
    stocks: Sequence[Stock], ground_by_pool: Mapping[str, Ground], *, min_zones_by_key: Mapping[Key, int]
) -> frozenset[PlacementId]:
    """Return the placements whose zones need not be those of the plan: all replicas sit, spread as widely as is asked.

    Where somebody waits for room in the pool the plan may count on their going elsewhere, so that zones are as planned.

    Args:
        stocks: every placement that is planned or exists.
        ground_by_pool: what can be sat in, by pool.
        min_zones_by_key: zones that replicas must be spread over at least, by deployment.
    """
    contended = {stock.pool for stock in stocks if stock.unbound}
    zones_by_key: dict[Key, set[str]] = defaultdict(set)
    for stock in stocks:
        zone_by_host = ground_by_pool.get(stock.pool, Ground()).zone_by_host
        if stock.planned:
            zones_by_key[stock.id[0]] |= {zone_by_host[host] for host in stock.hosts if zone_by_host.get(host)}
    return frozenset(
        stock.id
        for stock in stocks
        if stock.zones
        and stock.pool not in contended
        and len(zones_by_key[stock.id[0]]) >= min_zones_by_key.get(stock.id[0], 1)
    )


def by_deployment(seated_ids: Iterable[PlacementId], refused_ids: Iterable[PlacementId]) -> dict[Key, Rollouts]:
    """Return what is known of the placements of each deployment of which anything is."""
    seated_by_key: dict[Key, set[Place]] = defaultdict(set)
    refused_by_key: dict[Key, set[Place]] = defaultdict(set)
    for key, *place in seated_ids:
        seated_by_key[key].add((place[0], place[1]))
    for key, *place in refused_ids:
        refused_by_key[key].add((place[0], place[1]))
    return {
        key: Rollouts(frozenset(seated_by_key.get(key, ())), frozenset(refused_by_key.get(key, ())))
        for key in seated_by_key.keys() | refused_by_key.keys()
    }


def settled(manifest: Document, seen: Document, *, rollouts: Rollouts) -> Document:
    """Return what to declare of a child that exists, so that no pod is replaced without need or waits for ever."""
    if manifest["kind"] != "Deployment":
        return manifest
    labels = manifest["metadata"]["labels"]
    place = labels[names.POOL_LABEL], labels[names.SHAPE_LABEL]
    present = with_present_zones(manifest, seen) if place in rollouts.seated else with_present_skew(manifest, seen)
    return with_way_out(present, seen, is_refused=place in rollouts.refused)


def with_way_out(manifest: Document, seen: Document, *, is_refused: bool) -> Document:
    """Return a Deployment that breaks before it makes, where its roll-out would wait for ever; until that has ended."""
    status, strategy = seen.get("status", {}), seen["spec"].get("strategy", {})
    is_rolling = status.get("updatedReplicas", 0) < status.get("replicas", 0)
    is_breaking = strategy.get("rollingUpdate", {}).get("maxSurge") == 0
    if not is_rolling or not (is_refused or is_breaking):
        return manifest
    return {**manifest, "spec": {**manifest["spec"], "strategy": BREAK_FIRST}}


def with_present_skew(manifest: Document, seen: Document) -> Document:
    """Return a Deployment with the skew over zones that it has, where that serves as well as the one that is planned.

    A larger skew does no harm while it is less than the replicas, since then no zone can be left out.
    """
    wanted, present = _spread(manifest), _spread(seen)
    if len(wanted) != 1 or len(present) != 1 or wanted[0]["whenUnsatisfiable"] != "DoNotSchedule":
        return manifest
    skew = present[0].get("maxSkew")
    is_enough = isinstance(skew, int) and wanted[0]["maxSkew"] <= skew < manifest["spec"]["replicas"]
    return _with_skew(manifest, seen, wanted[0]) if is_enough else manifest


def with_present_zones(manifest: Document, seen: Document) -> Document:
    """Return a Deployment with the zones and the skew over them that it has, where the plan wants others."""
    wanted, present = _zones(manifest), _zones(seen)
    spread = _spread(manifest)
    if wanted is None or present is None or len(spread) != 1 or len(_spread(seen)) != 1:
        return manifest
    return _with_skew(_with_zones(manifest, present), seen, spread[0])


def _with_skew(manifest: Document, seen: Document, wanted: Document) -> Document:
    """Return the Deployment with the skew that is seen, unless the constraint seen is another in more than that."""
    (present,) = _spread(seen)
    if present != {**wanted, "maxSkew": present.get("maxSkew")}:
        return manifest
    return _with_pod(manifest, {**_pod(manifest), "topologySpreadConstraints": [present]})


def _with_zones(manifest: Document, zones: Sequence[str]) -> Document:
    pod = _pod(manifest)
    affinity = pod["affinity"]["nodeAffinity"]
    required = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
    terms = [
        {
            **term,
            "matchExpressions": [
                {**each, "values": list(zones)} if each["key"] == ZONE else each for each in term["matchExpressions"]
            ],
        }
        for term in required["nodeSelectorTerms"]
    ]
    required = {**required, "nodeSelectorTerms": terms}
    affinity = {**affinity, "requiredDuringSchedulingIgnoredDuringExecution": required}
    return _with_pod(manifest, {**pod, "affinity": {**pod["affinity"], "nodeAffinity": affinity}})


def _with_pod(manifest: Document, pod: Document) -> Document:
    spec = manifest["spec"]
    return {**manifest, "spec": {**spec, "template": {**spec["template"], "spec": pod}}}


def _pod(document: Document) -> Document:
    found: Document = document["spec"].get("template", {}).get("spec", {})
    return found


def _spread(document: Document) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _pod(document).get("topologySpreadConstraints") or []
    return found


def _zones(document: Document) -> Sequence[str] | None:
    """Return the zones that nodes must be in; None where none is said."""
    required = _pod(document).get("affinity", {}).get("nodeAffinity", {})
    terms = required.get("requiredDuringSchedulingIgnoredDuringExecution", {}).get("nodeSelectorTerms", ())
    for term in terms:
        for each in term.get("matchExpressions", ()):
            if each["key"] == ZONE and each["operator"] == "In":
                found: Sequence[str] = each["values"]
                return found
    return None
