"""First prices of limits: those of a small linear program over each need's best options, in parts of replicas."""

import numpy as np

from quartermaster.planner.arrays import Floats, Ints, ranks_in
from quartermaster.planner.highs import INFINITY, Matrix, Relaxation
from quartermaster.planner.problem import Problem
from quartermaster.planner.unmet import NOTHING_PRICE

OPTIONS = 24
"""Options of each need that are looked at, the cheapest by share."""


def first_prices(problem: Problem) -> Floats:
    """Return dollars per hour for one unit of each limit."""
    needs, options = problem.needs, problem.options
    chosen = _best(problem)
    own = options.need[chosen]
    share = np.where(needs.rate[own] > 0, options.share[chosen], 1 / np.maximum(needs.least[own], 1))
    owner, at = problem.usage.entries(chosen)
    count = needs.count
    column = np.concatenate([np.arange(chosen.size), owner, chosen.size + np.arange(count)])
    row = np.concatenate([own, count + problem.usage.limit[at], np.arange(count)])
    value = np.concatenate([share, problem.usage.amount[at], np.ones(count)])
    order = np.argsort(column, kind="stable")
    starts = np.searchsorted(column[order], np.arange(chosen.size + count + 1))
    relaxation = Relaxation(
        np.concatenate([np.ones(count), np.full(problem.room.size, -INFINITY)]),
        np.concatenate([np.full(count, INFINITY), problem.room]),
    )
    cost = np.concatenate([options.price[chosen], NOTHING_PRICE * needs.dearest])
    relaxation.add(cost, Matrix(starts, row[order], value[order]))
    return np.maximum(relaxation.solve().prices[count:], 0.0)


def _best(problem: Problem) -> Ints:
    needs, options = problem.needs, problem.options
    key = np.where(needs.rate[options.need] > 0, options.price / np.maximum(options.share, 1e-12), options.price)
    order = np.lexsort((np.arange(options.count), key, options.need))
    return np.sort(order[ranks_in(options.need[order]) < OPTIONS])
