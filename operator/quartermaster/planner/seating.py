"""Whether whole plans can be realised on hosts, pool by pool, and what is left of those that cannot. No costs here."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace

import numpy as np

from quartermaster.planner.arrays import Ints
from quartermaster.planner.offer import ANY_ZONE
from quartermaster.planner.pack import Seat, is_certain, unseated
from quartermaster.planner.pose import Posed, priorities_of
from quartermaster.planner.solve import Solution, objective_of


def homeless(posed: Posed, counts: Ints, among: Collection[str] | None = None) -> dict[str, list[Seat]]:
    """Return the planned replicas that find no host, by pool; of all pools, or of some."""
    found: dict[str, list[Seat]] = {}
    for index, wanted in _seats(posed, counts).items():
        pool = posed.places.pools[index]
        if among is not None and pool.name not in among:
            continue
        if not is_certain(pool, wanted, posed.tenants[pool.name]):
            left = unseated(pool, wanted, posed.tenants[pool.name])
            if left:
                found[pool.name] = left
    return found


def _seats(posed: Posed, counts: Ints) -> dict[int, list[Seat]]:
    found: dict[int, list[Seat]] = defaultdict(list)
    options = posed.problem.options
    taken = np.flatnonzero((counts > 0) & (options.chips > 0))
    columns = (posed.pool[taken], options.chips[taken], options.zone[taken], counts[taken])
    for pool, chips, zone, count in zip(*(column.tolist() for column in columns), strict=True):
        found[pool] += [(chips, "" if zone == ANY_ZONE else posed.places.zones[zone])] * count
    return found


def without_unseated(posed: Posed, solution: Solution) -> Solution:
    """Leave out replicas without a host, those of the lowest priority first; what is left can be realised."""
    counts, options = solution.counts.copy(), posed.problem.options
    priority = priorities_of(posed)
    index = {pool.name: place for place, pool in enumerate(posed.places.pools)}
    left_by_pool = homeless(posed, counts)
    while left_by_pool:
        for name, left in left_by_pool.items():
            size, zone = left[0]
            same = np.flatnonzero((counts > 0) & (posed.pool == index[name]) & (options.chips == size))
            if zone:
                same = same[options.zone[same] == posed.places.zone_index[zone]]
            drop = min(
                same.tolist(),
                key=lambda i: (bool(counts[i] <= options.running[i]), int(priority[options.need[i]]), i),
            )
            counts[drop] -= 1
        left_by_pool = homeless(posed, counts, left_by_pool.keys())
    if (counts == solution.counts).all():
        return solution
    reached = objective_of(posed.problem, counts)
    return replace(solution, counts=counts, objective=reached, bound=min(solution.bound, reached))
