"""Children wanted right now: the placements of the plan, stretched by what has to stay meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from quartermaster.api import names
from quartermaster.api.v1alpha1 import InferenceDeployment
from quartermaster.catalog.catalog import Catalog
from quartermaster.manifests.children import children
from quartermaster.manifests.errors import ManifestError
from quartermaster.planner.fleet import Fleet, Key, Pool, Workload
from quartermaster.planner.plan import Candidate, Placement, Plan
from quartermaster.reconcile.observed import ChildSeen
from quartermaster.reconcile.outcome import Apply, Delete
from quartermaster.reconcile.transition import Lack, PlacementId, Stock, replicas_now
from quartermaster.reconcile.writes import Identity, writes


@dataclass(frozen=True, slots=True)
class Wanted:
    """One deployment with what is planned for it and what exists of it."""

    deployment: InferenceDeployment
    workload: Workload
    placements: tuple[Placement, ...]
    children: tuple[ChildSeen, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What to write for the children of one deployment; ``refusal`` where they cannot be rendered."""

    apply: tuple[Apply, ...] = ()
    delete: tuple[Delete, ...] = ()
    refusal: ManifestError | None = None
    held_by_place: Mapping[tuple[str, str], int] = field(default_factory=dict, hash=False)
    """Replicas by (pool, shape key) that stay beyond the plan because nothing has room for others in their place."""


_WANT_OF_ROOM = frozenset({"nodes", "single-host"})
"""Rules that refuse a pool only because its nodes are gone, too small or closed to new pods."""
_FULL = frozenset({"FleetFull", "NoEligiblePool", "NoPools"})
"""Reasons of a shortfall that more room would end. Budgets and maxima are limits that somebody set."""


def free_chips_by_pool(fleet: Fleet) -> dict[str, int]:
    """Return the chips that no pod holds, by pool; a node that an autoscaler would add counts as free."""
    return {pool.name: sum(host.free_chips for host in pool.hosts) for pool in fleet.pools}


def child_writes(wanted: Sequence[Wanted], fleet: Fleet, plan: Plan, *, catalog: Catalog) -> dict[Key, Written]:
    """Return the writes of every deployment, by its key; one that cannot be rendered stops no other."""
    candidate_by_id = {candidate.id: candidate for candidate in plan.candidates}
    for entry in wanted:
        candidate_by_id.update({p.candidate.id: p.candidate for p in entry.placements})
    closed = frozenset((r.workload, r.pool) for r in plan.rejections if r.rule in _WANT_OF_ROOM)
    stocks = [stock for entry in wanted for stock in _stocks(entry, candidate_by_id, closed=closed)]
    lack_by_key = {s.workload: Lack(s.requests_per_second, s.replicas) for s in plan.shortfalls if s.reason in _FULL}
    count_by_id = replicas_now(stocks, free_chips_by_pool(fleet), lack_by_key=lack_by_key)
    held_by_id = {s.id: count_by_id[s.id] - s.planned for s in stocks if s.id[0] in lack_by_key and s.is_allowed}
    pools_by_name = {pool.name: pool for pool in fleet.pools}
    found = {}
    for entry in wanted:
        key = entry.workload.key
        written = _written(entry, count_by_id, candidate_by_id, pools_by_name, catalog=catalog)
        held = {(i[1], i[2]): count for i, count in held_by_id.items() if i[0] == key and count > 0}
        found[key] = replace(written, held_by_place=held)
    return found


def _stocks(
    entry: Wanted, candidate_by_id: Mapping[PlacementId, Candidate], *, closed: frozenset[tuple[Key, str]]
) -> list[Stock]:
    planned = {p.candidate.id: p.replicas for p in entry.placements if not p.candidate.is_external}
    running = {(entry.workload.key, r.pool, r.shape_key): r for r in entry.workload.running}
    known = [c.throughput.requests_per_second for i, c in sorted(candidate_by_id.items()) if i[0] == entry.workload.key]
    # What runs where nothing is admissible any more is taken for an average replica, so that it too is moved gently.
    ordinary = sum(known) / len(known) if known else 1.0
    stocks = []
    for stock_id in sorted(planned.keys() | running.keys()):
        candidate = candidate_by_id.get(stock_id)
        exists = running.get(stock_id)
        stocks.append(
            Stock(
                id=stock_id,
                priority=entry.workload.spec.priority or 0,
                chips_per_replica=candidate.shape.chips if candidate else 1,
                requests_per_second_per_replica=candidate.throughput.requests_per_second if candidate else ordinary,
                planned=planned.get(stock_id, 0),
                existing=exists.replicas if exists else 0,
                ready=min(exists.ready, exists.replicas) if exists else 0,
                is_allowed=candidate is not None or stock_id[:2] in closed,
            )
        )
    return stocks


def _written(
    entry: Wanted,
    count_by_id: Mapping[PlacementId, int],
    candidate_by_id: Mapping[PlacementId, Candidate],
    pools_by_name: Mapping[str, Pool],
    *,
    catalog: Catalog,
) -> Written:
    placements = [
        placement
        if placement.candidate.is_external
        else replace(placement, replicas=count_by_id[placement.candidate.id])
        for placement in entry.placements
    ]
    planned = {placement.candidate.id for placement in entry.placements}
    kept: set[Identity] = set()
    for child in entry.children:
        stock_id = (entry.workload.key, child.labels.get(names.POOL_LABEL, ""), child.labels.get(names.SHAPE_LABEL, ""))
        if child.kind != "Deployment" or stock_id in planned or not count_by_id.get(stock_id):
            continue
        candidate = candidate_by_id.get(stock_id)
        if candidate is not None and candidate.pool in pools_by_name:
            placements.append(Placement(candidate, count_by_id[stock_id]))
        else:
            # Nothing admissible renders it any more: it stays as it is until it can go altogether.
            kept.add((child.kind, child.namespace, child.name))
    try:
        manifests = children(
            entry.deployment,
            entry.workload,
            placements=placements,
            pools_by_name=pools_by_name,
            engines_by_name=catalog.engines_by_name,
        )
    except ManifestError as refusal:
        return Written(refusal=refusal)
    applied, deleted = writes(manifests, entry.children, kept=frozenset(kept))
    return Written(applied, deleted)
