"""Of replicas that cost and serve alike, the smaller: what several small ones do, no large one is asked to do."""

from dataclasses import replace

import numpy as np

from quartermaster.planner.numerics.arrays import Ints
from quartermaster.planner.posing.pose import Posed
from quartermaster.planner.solver.solve import Solution, objective_of

_EPSILON = 1e-9


def finer(posed: Posed, solution: Solution) -> Solution:
    """Return the solution with large replicas replaced by small ones on the same chips, where nothing is lost by it."""
    counts = finer_counts(posed, solution.counts)
    if (counts == solution.counts).all():
        return solution
    objective = objective_of(posed.problem, counts)
    return replace(solution, counts=counts, objective=objective, bound=min(solution.bound, objective))


def finer_counts(posed: Posed, counts: Ints) -> Ints:
    """Return the counts with large replicas replaced by small ones on the same chips, where nothing is lost by it."""
    counts = counts.copy()
    options = posed.problem.options
    for large in np.flatnonzero((counts > 0) & (options.chips > 1) & (options.running == 0)).tolist():
        small = _smaller(posed, counts, large)
        if small is not None:
            counts[small] += counts[large] * (options.chips[large] // options.chips[small])
            counts[large] = 0
    return counts


def _smaller(posed: Posed, counts: Ints, large: int) -> int | None:
    """Return the smallest option of the same pool and zone that stands in for the large one."""
    options, needs = posed.problem.options, posed.problem.needs
    need = int(options.need[large])
    first, last = np.searchsorted(options.need, [need, need + 1])
    own = np.arange(first, last)
    same = (posed.pool[own] == posed.pool[large]) & (options.zone[own] == options.zone[large])
    own = own[same & (options.chips[own] < options.chips[large]) & (options.chips[own] > 0)]
    own = own[
        (options.chips[large] % options.chips[own] == 0) & (needs.rate[need] > 0) & (needs.region_share[need] == 1)
    ]
    times = options.chips[large] // options.chips[own]
    change = options.change_price
    serves = times * options.requests_per_second[own] >= options.requests_per_second[large] * (1 - _EPSILON)
    costs = times * (options.price[own] + change[own]) <= (options.price[large] + change[large]) * (1 + _EPSILON)
    more = counts[large] * times
    total = int(counts[first:last][~options.is_external[first:last]].sum() - counts[large])
    fits = (counts[own] + more <= options.most[own]) & (total + more <= needs.most[need])
    good = own[serves & costs & fits]
    return int(good[np.argmin(options.chips[good])]) if good.size else None
