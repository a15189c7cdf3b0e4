"""Needs that go short because of what runs are covered again, one by one, with what can be realised. Counts only.

Limits that were tightened say less than is true: here whoever goes short may have what others leave in their pools, as
long as every replica finds a host. A replica that only finds one if those leave
whose chips it wants is better than none: the next plan sees who it was.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from quartermaster.planner.covers.cheapest import Covers
from quartermaster.planner.hosts.seating import homeless
from quartermaster.planner.numerics.arrays import Ints
from quartermaster.planner.posing.column import chosen_columns, total_of, unmet_of
from quartermaster.planner.posing.pose import Posed, priorities_of
from quartermaster.planner.posing.problem import Part, Problem, softened
from quartermaster.planner.room import Owner
from quartermaster.planner.solver.solve import Solution, objective_of

MOST = 64
"""Needs that are looked at, those of the highest priority first."""
TRIES = 8
"""Covers of one need that are tried."""
_SLACK = 1e-9


def reseated(posed: Posed, solution: Solution, *, is_late: Callable[[], bool]) -> tuple[Posed, Solution]:
    """Return the solution with those who go short served better where that is possible, and the problem it solves.

    Where anything was found, no limit of the problem is tightened any more.
    """
    is_tight = posed.problem.room < posed.most
    pools = np.unique([limit.pool for limit, is_one in zip(posed.limits, is_tight, strict=True) if is_one])
    loose = replace(posed, problem=replace(posed.problem, room=posed.most))
    counts = solution.counts
    for is_sure in (True, False):
        for need in _short(loose, counts, pools):
            if is_late():
                break
            counts = _covered(loose, counts, need, is_sure=is_sure)
    if counts is solution.counts:
        return posed, solution
    reached = objective_of(loose.problem, counts)
    return loose, replace(solution, counts=counts, objective=reached, bound=min(solution.bound, reached))


def _short(posed: Posed, counts: Ints, pools: Ints) -> Sequence[int]:
    """Return the needs that go short and could have something in one of these pools."""
    problem = posed.problem
    is_near = np.zeros(problem.needs.count, dtype=np.bool_)
    is_near[problem.options.need[np.isin(posed.pool, pools)]] = True
    found = np.flatnonzero(is_near & ~unmet_of(problem, chosen_columns(problem, counts)).is_nothing)
    order = np.lexsort((found, -problem.needs.dearest[found], -priorities_of(posed)[found]))
    chosen: list[int] = found[order][:MOST].tolist()
    return chosen


def _covered(posed: Posed, counts: Ints, need: int, *, is_sure: bool) -> Ints:
    """Return the counts with the need covered better on what others leave; the very counts where there is no way."""
    part, others = softened(posed.problem).apart(np.array([need]), counts)
    problem, before = part.problem, counts[part.options]
    cost = total_of(problem, before)
    for _ in range(TRIES):
        columns = Covers(problem).cheapest(np.zeros(problem.room.size), np.full(1, np.inf)).columns
        own = columns.counts(problem.options.count)
        if total_of(problem, own) >= cost - _SLACK:
            break
        tried = others.copy()
        tried[part.options] = own
        changed = {posed.places.pools[pool].name for pool in posed.pool[part.options[own != before]].tolist()}
        left_by_pool = homeless(posed, tried, changed, is_sure=is_sure)
        if not left_by_pool:
            return tried
        problem = _capped(posed, replace(part, problem=problem), own, left_by_pool)
    return counts


def _capped(posed: Posed, part: Part, own: Ints, left_by_pool: Mapping[str, Sequence[Owner]]) -> Problem:
    """Return the problem with fewer replicas of what found no host."""
    options = part.problem.options
    most = options.most.copy()
    for place in np.flatnonzero(own).tolist():
        left = left_by_pool.get(posed.places.pools[posed.pool[part.options[place]]].name, ())
        if left:
            alike = [owner for owner in left if owner.chips == options.chips[place]]
            most[place] = max(int(own[place]) - max(len(alike), 1), 0)
    return replace(part.problem, options=replace(options, most=most))
