"""How much the placements of one deployment can bear. Replicas on unequal chips are unequal, so all is in requests/s.

External placements hold no replicas of ours: they take a share of the load, and their capacity is not counted here.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from quartermaster.planner.fleet import Place
from quartermaster.planner.plan import Placement

EXTERNAL_SHARE_FRACTION: Final = 0.1
"""Part of a deployment's demand that one unit of an external placement takes (``Candidate.is_external``)."""


def own(placements: Iterable[Placement]) -> tuple[Placement, ...]:
    """Return the placements that hold replicas."""
    return tuple(placement for placement in placements if not placement.candidate.is_external)


def replicas(placements: Iterable[Placement]) -> int:
    """Return how many replicas the placements hold."""
    return sum(placement.replicas for placement in own(placements))


def capacity(placements: Iterable[Placement]) -> float:
    """Return the request rate that all replicas sustain, in requests per second."""
    return sum(placement.requests_per_second for placement in own(placements))


def ready_capacity(placements: Iterable[Placement], ready_by_place: Mapping[Place, int]) -> float:
    """Return the request rate that ready replicas sustain, as far as the placements still want them."""
    return sum(
        min(placement.replicas, ready_by_place.get(placement.place, 0))
        * placement.candidate.throughput.requests_per_second
        for placement in own(placements)
    )


def external_share_fraction(placements: Iterable[Placement]) -> float:
    """Return the part of the load that external placements take."""
    units = sum(placement.replicas for placement in placements if placement.candidate.is_external)
    return min(1.0, units * EXTERNAL_SHARE_FRACTION)
