"""One replica more or one less: which one, and what the counts then are. Nothing of load or time.

More: the candidate that closes the gap for the least money when used alone, so the cheapest per capacity for a wide gap
and a small replica for a narrow one; where no candidate can close it alone, the one with the most capacity.
Fewer: the dearest per capacity whose removal leaves enough.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import ceil

from quartermaster.autoscaler.capacity import Place, ready_capacity
from quartermaster.autoscaler.limits import Limits
from quartermaster.planner.fleet import Key
from quartermaster.planner.plan import Candidate, Placement

CandidateId = tuple[Key, str, str]
Room = dict[CandidateId, int]
"""How many more replicas of each candidate there are chips for."""

_TOLERANCE = 1e-9


def more(
    placements: tuple[Placement, ...], gap: float, *, room: Room, slots: int, limits: Limits
) -> tuple[tuple[Placement, ...], Room] | None:
    """Return the placements with one replica more, and the room left; None when none can be added.

    Args:
        placements: counts now.
        gap: capacity missing, in requests per second; 0 or less when only a replica is missing.
        room: chips free, counted in replicas of each candidate.
        slots: how many replicas may still be added in all.
        limits: bounds of cost and spread.
    """
    ranked = []
    for index, placement in enumerate(placements):
        candidate = placement.candidate
        free = room.get(candidate.id, 0)
        if candidate.is_external or free <= 0 or candidate.throughput.requests_per_second <= 0:
            continue
        ranked.append((_rank_to_add(candidate, gap, most=min(free, slots)), index))
    for _, index in sorted(ranked):
        grown = (*placements[:index], _changed(placements[index], 1), *placements[index + 1 :])
        if limits.admit(placements, grown):
            return grown, _room_after(placements, placements[index].candidate, room)
    return None


def fewer(
    placements: tuple[Placement, ...], needed: float, *, ready_by_place: Mapping[Place, int], limits: Limits
) -> tuple[Placement, ...] | None:
    """Return the placements with one replica fewer, of which the ready ones still bear ``needed``; None if none can go.

    A replica that is not ready is the first to go where its placement shrinks: Kubernetes removes such pods first.
    """
    ranked = sorted(
        (_rank_to_remove(placement.candidate), index)
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
        (_rank_to_remove(placement.candidate), index)
        for index, placement in enumerate(placements)
        if placement.replicas > 0 and not placement.candidate.is_external
    )
    return (*placements[:index], _changed(placements[index], -1), *placements[index + 1 :])


def _rank_to_add(candidate: Candidate, gap: float, *, most: int) -> tuple[bool, float, str, str]:
    sustained = candidate.throughput.requests_per_second
    count = max(1, ceil(gap / sustained - _TOLERANCE))
    closes = count <= most
    score = count * candidate.dollars_per_hour if closes else -sustained
    return (not closes, score, candidate.pool, candidate.shape.key)


def _rank_to_remove(candidate: Candidate) -> tuple[float, str, str]:
    sustained = candidate.throughput.requests_per_second
    dollars_per_request = candidate.dollars_per_hour / sustained if sustained > 0 else float("inf")
    return (-dollars_per_request, candidate.pool, candidate.shape.key)


def _room_after(placements: tuple[Placement, ...], taken: Candidate, room: Room) -> Room:
    """Return the room once a replica was added: other shapes of the same pool lose the chips that it holds."""
    left = dict(room)
    for placement in placements:
        candidate = placement.candidate
        if candidate.pool == taken.pool and candidate.id in left:
            lost = 1 if candidate.id == taken.id else ceil(taken.shape.chips / candidate.shape.chips)
            left[candidate.id] = max(0, left[candidate.id] - lost)
    return left


def _changed(placement: Placement, by: int) -> Placement:
    """Return the placement with one replica more or fewer; where it is spread over zones, the spread is kept even."""
    zones = dict(placement.zones)
    if zones:
        pick = min if by > 0 else max
        zone = pick(sorted(zones), key=lambda name: zones[name])
        zones[zone] += by
    return replace(
        placement, replicas=placement.replicas + by, zones=tuple((name, zones[name]) for name, _ in placement.zones)
    )
