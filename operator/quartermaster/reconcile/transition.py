"""From what runs to what is planned, without dropping what serves: how many replicas each child should have right now.

Make before break: capacity that leaves is kept until capacity that comes is ready,

    serving(after the removal) ≥ min(serving now, planned capacity)

unless the pool is too full for the coming replicas to start. Then replicas that leave make room, the lowest priority
first and no more than the coming ones need. Where the plan falls short for want of room (nodes are cordoned, say), what
serves where the rules allow stays beyond the plan, up to what is wanted: nobody is served better by fewer replicas.
Pure; time plays no part, so a run that died is repaired by the next one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from quartermaster.planner.fleet import Key

PlacementId = tuple[Key, str, str]
"""Deployment, pool, shape key: ``Candidate.id``."""


@dataclass(frozen=True, slots=True)
class Lack:
    """What the plan leaves undone for one deployment because nothing has room."""

    requests_per_second: float = 0.0
    replicas: int = 0


NOTHING_LACKS: Final[Mapping[Key, Lack]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Stock:
    """The replicas of one placement: planned, existing, and seen ready."""

    id: PlacementId
    priority: int
    chips_per_replica: int
    requests_per_second_per_replica: float
    planned: int
    existing: int
    ready: int
    is_allowed: bool = True
    """Whether no rule forbids the place, so that its replicas may stay where others lack room."""

    @property
    def leaving(self) -> int:
        """Replicas that exist and are not planned."""
        return max(0, self.existing - self.planned)

    @property
    def coming(self) -> int:
        """Replicas that are planned and not ready yet."""
        return max(0, self.planned - self.ready)


def replicas_now(
    stocks: Sequence[Stock], free_chips_by_pool: Mapping[str, int], *, lack_by_key: Mapping[Key, Lack] = NOTHING_LACKS
) -> dict[PlacementId, int]:
    """Return the replica count that each placement's child should have until the next look.

    Args:
        stocks: every placement that is planned or exists.
        free_chips_by_pool: chips that no pod holds, by pool name.
        lack_by_key: what is wanted beyond the plan, where room is all that is missing.
    """
    by_workload: dict[Key, list[Stock]] = defaultdict(list)
    for stock in sorted(stocks, key=lambda s: s.id):
        by_workload[stock.id[0]].append(stock)
    kept = {stock.id: 0 for stock in stocks}
    for key, group in by_workload.items():
        kept.update(_kept_for_service(group))
        for stock_id, more in _kept_for_want_of_room(group, kept, lack_by_key.get(key, Lack())).items():
            kept[stock_id] += more
    for stock_id, given_up in _given_up_for_room(stocks, kept, free_chips_by_pool).items():
        kept[stock_id] -= given_up
    return {stock.id: stock.planned + kept[stock.id] for stock in stocks}


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


def _given_up_for_room(
    stocks: Sequence[Stock], kept: Mapping[PlacementId, int], free_chips_by_pool: Mapping[str, int]
) -> dict[PlacementId, int]:
    """Return the kept replicas that must go first because coming ones cannot start beside them."""
    wanting: dict[str, int] = defaultdict(int)
    for stock in stocks:
        # Chips of pods that exist but wait are not held by anybody yet, so all that is not ready needs room.
        wanting[stock.id[1]] += stock.coming * stock.chips_per_replica
    given_up: dict[PlacementId, int] = {}
    for pool, chips in sorted(wanting.items()):
        lacking = chips - free_chips_by_pool.get(pool, 0)
        # Leaving replicas that nobody keeps free their chips anyway.
        lacking -= sum(
            (stock.leaving - kept[stock.id]) * stock.chips_per_replica for stock in stocks if stock.id[1] == pool
        )
        for stock in sorted((s for s in stocks if s.id[1] == pool), key=lambda s: (s.priority, s.id)):
            while lacking > 0 and given_up.get(stock.id, 0) < kept[stock.id]:
                given_up[stock.id] = given_up.get(stock.id, 0) + 1
                lacking -= stock.chips_per_replica
    return given_up
