"""From what runs to what is planned, without dropping what serves: how many replicas each child should have right now.

Make before break: capacity that leaves is kept until capacity that comes is ready,

    serving(after the removal) ≥ min(serving now, planned capacity)

unless nothing could start then: replicas that leave make room where no other way leads on (``yielding``). Replicas that
come start in an order in which each finds a node (``precedence``). Where the plan falls short for want of room (nodes
are cordoned, say), what serves where the rules allow stays beyond the plan, up to what is wanted: nobody is served
better by fewer replicas. Nothing here is remembered, so a run that died is repaired by the next one.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from quartermaster.planner.fleet import Key
from quartermaster.planner.plan import PlacementId
from quartermaster.reconcile.precedence import Turn, turns
from quartermaster.reconcile.stock import Ground, Stock
from quartermaster.reconcile.yielding import given_up


@dataclass(frozen=True, slots=True)
class Lack:
    """What the plan leaves undone for one deployment because nothing has room."""

    requests_per_second: float = 0.0
    replicas: int = 0


NOTHING_LACKS: Final[Mapping[Key, Lack]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Now:
    """The replicas that each placement's child should have until the next look."""

    count_by_id: Mapping[PlacementId, int]
    turn_by_id: Mapping[PlacementId, Turn]
    """Of the placements that have replicas which hold no chips yet."""


def replicas_now(
    stocks: Sequence[Stock],
    ground_by_pool: Mapping[str, Ground],
    *,
    lack_by_key: Mapping[Key, Lack] = NOTHING_LACKS,
    lapsed: Collection[PlacementId] = (),
) -> Now:
    """Return the replica count that each placement's child should have until the next look.

    Args:
        stocks: every placement that is planned or exists.
        ground_by_pool: what replicas can sit in, by pool name.
        lack_by_key: what is wanted beyond the plan, where room is all that is missing.
        lapsed: placements that others do not wait for any more.
    """

    def keeping(group: Sequence[Stock]) -> dict[PlacementId, int]:
        kept = _kept_for_service(group)
        more = _kept_for_want_of_room(group, kept, lack_by_key.get(group[0].id.workload, Lack()))
        return {stock.id: kept[stock.id] + more[stock.id] for stock in group}

    by_workload: dict[Key, list[Stock]] = defaultdict(list)
    for stock in sorted(stocks, key=lambda s: s.id):
        by_workload[stock.id.workload].append(stock)
    kept = {stock.id: 0 for stock in stocks}
    for group in by_workload.values():
        if any(stock.leaving for stock in group):
            kept.update(keeping(group))
    turn_by_id = turns(stocks, ground_by_pool, lapsed=lapsed)
    if turn_by_id and any(kept.values()):
        for stock_id, count in given_up(stocks, ground_by_pool, keeping=keeping, lapsed=lapsed).items():
            kept[stock_id] -= min(count, kept[stock_id])
    count_by_id = {stock.id: stock.planned + kept[stock.id] for stock in stocks}
    for stock_id, turn in turn_by_id.items():
        count_by_id[stock_id] -= turn.held_back
    return Now(count_by_id, turn_by_id)


def _kept_for_service(group: Sequence[Stock]) -> dict[PlacementId, int]:
    """Return how many leaving replicas of one deployment stay until what comes is ready."""
    serving = sum(stock.ready * stock.requests_per_second_per_replica for stock in group)
    planned = sum(stock.planned * stock.requests_per_second_per_replica for stock in group)
    staying = sum(min(stock.ready, stock.planned) * stock.requests_per_second_per_replica for stock in group)
    missing = min(serving, planned) - staying
    kept: dict[PlacementId, int] = {}
    # The strongest leaving replicas bridge the gap with the fewest pods.
    for stock in sorted(group, key=lambda s: (-s.requests_per_second_per_replica, s.id)):
        ready_leaving = max(0, min(stock.leaving, stock.ready - stock.planned))
        keep = 0
        while keep < ready_leaving and missing > _TOLERANCE * max(planned, 1e-9):
            keep += 1
            missing -= max(stock.requests_per_second_per_replica, 1e-12)
        kept[stock.id] = keep
    return kept


_TOLERANCE = 1e-6


def _kept_for_want_of_room(
    group: Sequence[Stock], kept: Mapping[PlacementId, int], lack: Lack
) -> dict[PlacementId, int]:
    """Return how many more leaving replicas stay because nothing can take their place."""
    planned = sum(stock.planned * stock.requests_per_second_per_replica for stock in group)
    stay = {stock.id: min(stock.ready, stock.planned) + kept[stock.id] for stock in group}
    staying = sum(stay[stock.id] * stock.requests_per_second_per_replica for stock in group)
    missing = planned + lack.requests_per_second - staying if lack.requests_per_second > 0 else 0.0
    missing_replicas = sum(s.planned for s in group) + lack.replicas - sum(stay.values()) if lack.replicas > 0 else 0
    more: dict[PlacementId, int] = {}
    for stock in sorted(group, key=lambda s: (-s.requests_per_second_per_replica, s.id)):
        leaving = max(0, min(stock.leaving, stock.ready - stock.planned)) - kept[stock.id]
        keep = 0
        while stock.is_allowed and keep < leaving and (missing > _TOLERANCE or missing_replicas > 0):
            keep += 1
            missing -= stock.requests_per_second_per_replica
            missing_replicas -= 1
        more[stock.id] = keep
    return more
