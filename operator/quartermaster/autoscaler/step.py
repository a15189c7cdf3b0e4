"""One replica more or one less: which one, and what the counts then are. Nothing of load or time.

More: the candidate that closes the gap for the least money when used alone, so the cheapest per capacity for a wide gap
and a small replica for a narrow one; where no candidate can close it alone, the one with the most capacity.
Fewer: the dearest per capacity whose removal leaves enough. Of zones that are equal in this, more go where there are
fewest, and leave where there are most.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from math import ceil

from quartermaster.autoscaler.capacity import ready_capacity
from quartermaster.autoscaler.limits import Limits
from quartermaster.planner.candidate import CandidateId
from quartermaster.planner.fleet import Place, may_meet
from quartermaster.planner.plan import Placement, PlacementId

Room = dict[PlacementId, int]
"""How many more replicas of each placement there are chips for."""

_TOLERANCE = 1e-9


def more(
    placements: tuple[Placement, ...], gap: float, *, room: Room, slots: int, limits: Limits
) -> tuple[tuple[Placement, ...], Room] | None:
    """Return the placements with one replica more, and the room left; None when none can be added.

    Args:
        placements: counts now.
        gap: capacity missing, in requests per second; 0 or less when only a replica is missing.
        room: chips free, counted in replicas of each placement.
        slots: how many replicas may still be added in all.
        limits: bounds of cost and spread.
    """
    free_by_candidate = _free_by_candidate(placements, room)
    ranked = []
    for index, placement in enumerate(placements):
        candidate = placement.candidate
        if candidate.is_external or room.get(placement.id, 0) <= 0 or candidate.throughput.requests_per_second <= 0:
            continue
        ranked.append((_rank_to_add(placement, gap, most=min(free_by_candidate[candidate.id], slots)), index))
    for _, index in sorted(ranked):
        grown = (*placements[:index], _changed(placements[index], 1), *placements[index + 1 :])
        if limits.admit(placements, grown):
            return grown, _room_after(placements, placements[index], room)
    return None


def fewer(
    placements: tuple[Placement, ...], needed: float, *, ready_by_place: Mapping[Place, int], limits: Limits
) -> tuple[Placement, ...] | None:
    """Return the placements with one replica fewer, of which the ready ones still bear ``needed``; None if none can go.

    A replica that is not ready is the first to go where its placement shrinks: Kubernetes removes such pods first.
    """
    ranked = sorted(
        (_rank_to_remove(placement), index)
        for index, placement in enumerate(placements)
        if placement.replicas > 0 and not placement.candidate.is_external
    )
    for _, index in ranked:
        shrunk = (*placements[:index], _changed(placements[index], -1), *placements[index + 1 :])
        holds = ready_capacity(shrunk, ready_by_place) >= needed * (1.0 - _TOLERANCE)
        if holds and limits.admit(placements, shrunk):
            return shrunk
    return None


def fewest(placements: tuple[Placement, ...]) -> tuple[Placement, ...]:
    """Return the placements without one replica of the dearest per capacity, whatever is needed."""
    _, index = min(
        (_rank_to_remove(placement), index)
        for index, placement in enumerate(placements)
        if placement.replicas > 0 and not placement.candidate.is_external
    )
    return (*placements[:index], _changed(placements[index], -1), *placements[index + 1 :])


def _free_by_candidate(placements: tuple[Placement, ...], room: Room) -> Counter[CandidateId]:
    """Return how many more replicas of each candidate there are chips for, over all its zones."""
    free: Counter[CandidateId] = Counter()
    for placement in placements:
        free[placement.candidate.id] += room.get(placement.id, 0)
    return free


def _rank_to_add(placement: Placement, gap: float, *, most: int) -> tuple[bool, float, str, str, int, str]:
    candidate = placement.candidate
    sustained = candidate.throughput.requests_per_second
    count = max(1, ceil(gap / sustained - _TOLERANCE))
    closes = count <= most
    score = count * candidate.dollars_per_hour if closes else -sustained
    return (not closes, score, candidate.pool, candidate.shape.key, placement.replicas, placement.zone)


def _rank_to_remove(placement: Placement) -> tuple[float, str, str, int, str]:
    candidate = placement.candidate
    sustained = candidate.throughput.requests_per_second
    dollars_per_request = candidate.dollars_per_hour / sustained if sustained > 0 else float("inf")
    return (-dollars_per_request, candidate.pool, candidate.shape.key, -placement.replicas, placement.zone)


def _room_after(placements: tuple[Placement, ...], taken: Placement, room: Room) -> Room:
    """Return the room once a replica was added: all that could be where it is lose the chips that it holds."""
    left = dict(room)
    for placement in placements:
        is_near = placement.place.pool == taken.place.pool and may_meet(placement.zone, taken.zone)
        if is_near and placement.id in left:
            lost = ceil(taken.candidate.shape.chips / max(placement.candidate.shape.chips, 1))
            left[placement.id] = max(0, left[placement.id] - (1 if placement.id == taken.id else lost))
    return left


def _changed(placement: Placement, by: int) -> Placement:
    return replace(placement, replicas=placement.replicas + by)
