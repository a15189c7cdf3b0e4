"""Children wanted right now: the placements of the plan, stretched by what has to stay meanwhile."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from quartermaster.api import names
from quartermaster.api.v1alpha1 import InferenceDeployment
from quartermaster.catalog.catalog import Catalog
from quartermaster.manifests.errors import ManifestError
from quartermaster.manifests.labels import place_of
from quartermaster.planner.candidate import CandidateId
from quartermaster.planner.eligibility.eligible import Eligible
from quartermaster.planner.eligibility.judged import Judged
from quartermaster.planner.fleet import Fleet, Key, Place, Pool, Workload
from quartermaster.planner.plan import Candidate, Placement, PlacementId, Plan
from quartermaster.planner.posing.limit import chips_of
from quartermaster.reconcile.observed import ChildSeen
from quartermaster.reconcile.outcome import Apply, Delete, Memory, Rendered
from quartermaster.reconcile.precedence import Turn, blocked
from quartermaster.reconcile.rendering import Wish, faces, rendered
from quartermaster.reconcile.stock import Ground, Stock
from quartermaster.reconcile.transition import Lack, replicas_now
from quartermaster.reconcile.writes import Identity


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
    held_by_place: Mapping[Place, int] = field(default_factory=dict, hash=False)
    """Replicas that stay beyond the plan because nothing has room for others in their place."""
    turn_by_place: Mapping[Place, Turn] = field(default_factory=dict, hash=False)
    """Placements whose replicas wait until larger ones have found a node."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the children of all deployments are decided in sight of."""

    pools_by_name: Mapping[str, Pool] = field(hash=False)
    ground_by_pool: Mapping[str, Ground] = field(hash=False)
    lapsed: frozenset[PlacementId] = frozenset()
    """Placements that waited for chips so long that no others wait for them any more."""
    refused: frozenset[PlacementId] = frozenset()
    """Placements of which the scheduler finds no node for a pod."""


@dataclass(frozen=True, slots=True)
class Children:
    """What to write for the children of every deployment, and what the next look has to know."""

    written_by_key: Mapping[Key, Written] = field(hash=False)
    unbound_by_id: Mapping[PlacementId, int] = field(hash=False)
    """Planned replicas that hold no chips yet."""
    blocked: frozenset[PlacementId]
    """Placements for which the plan found room that is not there any more."""
    rendered_by_key: Mapping[Key, Rendered] = field(hash=False)
    face_by_pool: Mapping[str, Pool] = field(hash=False)


_WANT_OF_ROOM = frozenset({"nodes", "single-host"})
"""Rules that refuse a pool only because its nodes are gone, too small or closed to new pods."""
_FULL = frozenset({"FleetFull", "NoEligiblePool", "NoPools"})
"""Reasons of a shortfall that more room would end. Budgets and maxima are limits that somebody set."""


def ground_by_pool(fleet: Fleet, draining_chips_by_host: Mapping[str, int]) -> dict[str, Ground]:
    """Return what replicas can sit in, by pool; a node that an autoscaler would add counts as free.

    Args:
        fleet: what can be planned on.
        draining_chips_by_host: chips held by pods of ours that are being deleted.
    """
    return {
        pool.name: Ground(
            {
                host.name: min(host.available_chips, host.free_chips + draining_chips_by_host.get(host.name, 0))
                for host in pool.hosts
            },
            {host.name: host.zone for host in pool.hosts},
            is_whole=any(host.is_whole for host in pool.hosts),
        )
        for pool in fleet.pools
    }


def child_writes(
    wanted: Sequence[Wanted],
    plan: Plan,
    *,
    sight: Sight,
    memory: Memory,
    catalog: Catalog,
) -> Children:
    """Return the writes of every deployment, by its key; one that cannot be rendered stops no other.

    Args:
        wanted: every deployment with what is planned for it and what exists.
        plan: the plan in force.
        sight: what can be planned on and sat in.
        memory: what was rendered before.
        catalog: facts that ship with Quartermaster.
    """
    candidate_by_id = {candidate.id: candidate for entry in wanted for candidate in _concerned(entry, plan.eligible)}
    stocks_by_key = {entry.workload.key: _stocks(entry, candidate_by_id, plan.eligible) for entry in wanted}
    stocks = [stock for rows in stocks_by_key.values() for stock in rows]
    lack_by_key = {s.workload: Lack(s.requests_per_second, s.replicas) for s in plan.shortfalls if s.reason in _FULL}
    now = replicas_now(stocks, sight.ground_by_pool, lack_by_key=lack_by_key, lapsed=sight.lapsed)
    face_by_pool = faces(sight.pools_by_name, memory.face_by_pool)
    found: dict[Key, Written] = {}
    rendered_by_key: dict[Key, Rendered] = {}
    for entry in wanted:
        key = entry.workload.key
        wish = _wish(entry, now.count_by_id, candidate_by_id, face_by_pool, sight.refused)
        made = rendered(wish, memory.rendered_by_key.get(key), catalog=catalog)
        rendered_by_key[key] = made
        rows = stocks_by_key[key]
        held = {s.id.place: now.count_by_id[s.id] - s.planned for s in rows if key in lack_by_key and s.is_allowed}
        turn = {s.id.place: now.turn_by_id[s.id] for s in rows if s.id in now.turn_by_id}
        found[key] = Written(
            made.apply,
            made.delete,
            made.refusal,
            held_by_place={place: count for place, count in held.items() if count > 0},
            turn_by_place={place: each for place, each in turn.items() if each.held_back},
        )
    unbound_by_id = {stock.id: stock.unbound for stock in stocks if stock.unbound}
    return Children(found, unbound_by_id, blocked(stocks, sight.ground_by_pool), rendered_by_key, face_by_pool)


def _concerned(entry: Wanted, eligible: Eligible) -> Iterator[Candidate]:
    """Yield the candidates that are planned, and those of pools where replicas exist."""
    judged = eligible.get(entry.workload.key)
    if judged is not None:
        running = {row.pool for row in entry.workload.running}
        existing = {child.labels[names.POOL_LABEL] for child in entry.children if names.POOL_LABEL in child.labels}
        yield from judged.candidates(running | existing)
    yield from (placement.candidate for placement in entry.placements)


def _is_closed(judged: Judged | None, pool: str) -> bool:
    """Whether the pool is refused only for want of room."""
    refusal = None if judged is None else judged.on(pool)
    return refusal is not None and refusal.rule in _WANT_OF_ROOM


def _ordinary_rate(entry: Wanted, eligible: Eligible) -> float:
    """Return the mean request rate of a replica, over every candidate of the deployment."""
    known = {candidate.id: candidate for candidate in eligible.candidates_of(entry.workload.key)}
    known |= {placement.candidate.id: placement.candidate for placement in entry.placements}
    rates = [candidate.throughput.requests_per_second for _, candidate in sorted(known.items())]
    return sum(rates) / len(rates) if rates else 1.0


def _stocks(entry: Wanted, candidate_by_id: Mapping[CandidateId, Candidate], eligible: Eligible) -> list[Stock]:
    planned = {p.id: p for p in entry.placements if not p.candidate.is_external}
    running = {PlacementId(entry.workload.key, row.place): row for row in entry.workload.running}
    judged = eligible.get(entry.workload.key)
    # What runs where nothing is admissible any more is taken for an average replica, so that it too is moved gently.
    is_known = {_candidate_id(stock_id) for stock_id in running} <= candidate_by_id.keys()
    ordinary = 1.0 if is_known else _ordinary_rate(entry, eligible)
    stocks = []
    for stock_id in sorted(planned.keys() | running.keys()):
        candidate = candidate_by_id.get(_candidate_id(stock_id))
        exists = running.get(stock_id)
        stocks.append(
            Stock(
                id=stock_id,
                priority=entry.workload.spec.priority or 0,
                chips_per_replica=candidate.shape.chips if candidate else max(1, chips_of(stock_id.place.shape_key)),
                requests_per_second_per_replica=candidate.throughput.requests_per_second if candidate else ordinary,
                planned=planned[stock_id].replicas if stock_id in planned else 0,
                existing=exists.replicas if exists else 0,
                ready=min(exists.ready, exists.replicas) if exists else 0,
                is_allowed=candidate is not None or _is_closed(judged, stock_id.place.pool),
                hosts=exists.hosts if exists else (),
            )
        )
    return stocks


def _wish(
    entry: Wanted,
    count_by_id: Mapping[PlacementId, int],
    candidate_by_id: Mapping[CandidateId, Candidate],
    face_by_pool: Mapping[str, Pool],
    refused: frozenset[PlacementId],
) -> Wish:
    placements = [
        placement if placement.candidate.is_external else replace(placement, replicas=count_by_id[placement.id])
        for placement in entry.placements
    ]
    planned = {placement.id for placement in entry.placements}
    kept: set[Identity] = set()
    for child in entry.children:
        stock_id = PlacementId(entry.workload.key, place_of(child.labels))
        if child.kind != "Deployment" or stock_id in planned or not count_by_id.get(stock_id):
            continue
        candidate = candidate_by_id.get(_candidate_id(stock_id))
        if candidate is not None and candidate.pool in face_by_pool:
            placements.append(Placement(candidate, count_by_id[stock_id], stock_id.place.zone))
        else:
            # Nothing admissible renders it any more: it stays as it is until it can go altogether.
            kept.add((child.kind, child.namespace, child.name))
    pools = {placement.candidate.pool: face_by_pool[placement.candidate.pool] for placement in placements}
    return Wish(
        entry.deployment,
        entry.workload,
        tuple(placements),
        tuple(pools.values()),
        entry.children,
        frozenset(kept),
        frozenset(placement.place for placement in placements if placement.id in refused),
    )


def _candidate_id(stock_id: PlacementId) -> CandidateId:
    return (stock_id.workload, stock_id.place.pool, stock_id.place.shape_key)
