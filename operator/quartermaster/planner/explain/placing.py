"""Counts said as placements: a row for every option with replicas. No choice."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np

from quartermaster.planner.fleet import Key
from quartermaster.planner.numerics.arrays import Ints
from quartermaster.planner.plan import Placement
from quartermaster.planner.posing.pose import Posed


def placements_of(posed: Posed, counts: Ints, needs: Sequence[int]) -> dict[Key, tuple[Placement, ...]]:
    """Return the placements of some needs, by deployment; each has an entry."""
    return {posed.offers[need].need.key: _placements(posed, counts, need) for need in needs}


def in_order(placements_by_key: Mapping[Key, tuple[Placement, ...]], keys: Iterable[Key]) -> tuple[Placement, ...]:
    """Return all placements, by what identifies them; keys are in order."""
    return tuple(chain.from_iterable([placements_by_key.get(key, ()) for key in keys]))


def _placements(posed: Posed, counts: Ints, need: int) -> tuple[Placement, ...]:
    first, last = np.searchsorted(posed.problem.options.need, [need, need + 1]).tolist()
    offer, zones = posed.offers[need], posed.problem.options.zone
    placed = [
        Placement(
            offer.admitted.candidate(int(offer.candidate[i - first])),
            int(counts[i]),
            posed.places.zone_name(int(zones[i])),
        )
        for i in (first + np.flatnonzero(counts[first:last])).tolist()
    ]
    return tuple(sorted(placed, key=lambda placement: placement.place))
