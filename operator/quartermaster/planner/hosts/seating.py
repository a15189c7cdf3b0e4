"""Whether whole plans can be realised on hosts, pool by pool, and what is left of those that cannot. No costs here."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace

import numpy as np

from quartermaster.planner.hosts.pack import Party, is_certain, unseated
from quartermaster.planner.numerics.arrays import Ints
from quartermaster.planner.posing.offer import Offer
from quartermaster.planner.posing.pose import Posed, priorities_of
from quartermaster.planner.room import Owner
from quartermaster.planner.solver.solve import Solution, objective_of


def homeless(
    posed: Posed, counts: Ints, among: Collection[str] | None = None, *, is_sure: bool = True
) -> dict[str, list[Owner]]:
    """Return the planned replicas that find no host, by pool; of all pools, or of some.

    ``is_sure`` says whether they must find one whoever leaves where a deployment shrinks.
    """
    found: dict[str, list[Owner]] = {}
    for index, parties in _parties(posed, counts, among).items():
        pool = posed.places.pools[index]
        tenants = posed.tenants[pool.name]
        if not is_certain(pool, parties, tenants):
            left = unseated(pool, parties, tenants, is_sure=is_sure)
            if left:
                found[pool.name] = left
    return found


def _parties(posed: Posed, counts: Ints, among: Collection[str] | None) -> dict[int, list[Party]]:
    options, pools = posed.problem.options, posed.places.pools
    taken = np.flatnonzero((counts > 0) & (options.chips > 0))
    need = options.need[taken]
    columns = (need, taken - posed.starts[need], posed.pool[taken], options.zone[taken], counts[taken])
    found: dict[int, list[Party]] = defaultdict(list)
    for owner, place, pool, zone, count in zip(*(column.tolist() for column in columns), strict=True):
        if among is None or pools[pool].name in among:
            found[pool].append(Party(_owner(posed.offers[owner], place, posed.places.zone_name(zone)), count))
    return {pool: sorted(parties) for pool, parties in sorted(found.items())}


def _owner(one: Offer, place: int, zone: str) -> Owner:
    found = one.admitted
    shape, _ = found.offers[found.offer[one.candidate[place]]]
    return Owner(one.need.key, shape.key, shape.chips, zone)


def without_unseated(posed: Posed, solution: Solution) -> Solution:
    """Leave out replicas without a host, those of the lowest priority first; what is left can be realised."""
    counts, options = solution.counts.copy(), posed.problem.options
    priority = priorities_of(posed)
    index = {pool.name: place for place, pool in enumerate(posed.places.pools)}
    left_by_pool = homeless(posed, counts, is_sure=False)
    while left_by_pool:
        for name, left in left_by_pool.items():
            size, zone = left[0].chips, left[0].zone
            same = np.flatnonzero((counts > 0) & (posed.pool == index[name]) & (options.chips == size))
            if zone:
                same = same[options.zone[same] == posed.places.zone_index[zone]]
            drop = min(
                same.tolist(),
                key=lambda i: (bool(counts[i] <= options.running[i]), int(priority[options.need[i]]), i),
            )
            counts[drop] -= 1
        left_by_pool = homeless(posed, counts, left_by_pool.keys(), is_sure=False)
    if (counts == solution.counts).all():
        return solution
    reached = objective_of(posed.problem, counts)
    return replace(solution, counts=counts, objective=reached, bound=min(solution.bound, reached))
