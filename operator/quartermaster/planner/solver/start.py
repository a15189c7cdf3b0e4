"""First prices of limits: those at which each need's best options, in parts of replicas, ask for what there is."""

import numpy as np

from quartermaster.planner.numerics.arrays import Floats, Ints, ranks_in
from quartermaster.planner.posing.problem import Problem
from quartermaster.planner.solver.primaldual import Bundle, Limits, approach

OPTIONS = 24
"""Options of each need that are looked at, the cheapest by share."""
STEPS = 240
EVERY = 40
"""Steps after which parts and prices go on from their averages."""
MOST_TIMES = 4.0
"""No limit is dearer at first than this many times what its unit usually costs."""


def usual_prices(problem: Problem) -> Floats:
    """Return dollars per hour that a unit of each limit usually costs: the mean price of the options that take it."""
    usage, count = problem.usage, problem.room.size
    takes = np.flatnonzero(usage.amount > 0)
    limit = usage.limit[takes]
    each = problem.options.price[usage.option[takes]] / usage.amount[takes]
    total, times = np.bincount(limit, each, count), np.bincount(limit, minlength=count)
    usual: Floats = np.maximum(total / np.maximum(times, 1), 1e-9)
    return usual


def first_prices(problem: Problem) -> Floats:
    """Return dollars per hour for one unit of each limit."""
    needs, options, usage = problem.needs, problem.options, problem.usage
    chosen = _best(problem)
    own = options.need[chosen]
    share = np.where(needs.rate[own] > 0, options.share[chosen], 1 / np.maximum(needs.least[own], 1))
    share = np.maximum(share, 1e-9)
    owner, at = usage.entries(chosen)
    is_there = np.bincount(own, minlength=needs.count) > 0
    start = np.concatenate([[0], np.cumsum(np.bincount(own, minlength=needs.count)[is_there])])
    entry = np.searchsorted(owner, np.arange(chosen.size + 1))
    bundle = Bundle(start, options.price[chosen] / share, entry, usage.limit[at], usage.amount[at] / share[owner])
    usual = usual_prices(problem)
    part = np.zeros(chosen.size)
    part[start[:-1]] = 1.0
    prices = np.zeros(problem.room.size)
    limits = Limits(problem.room, usual, prices.copy(), MOST_TIMES * usual)
    return approach(bundle, part, prices, limits, STEPS, EVERY)


def _best(problem: Problem) -> Ints:
    """Return the best options of each need, by need, the cheapest by share first."""
    needs, options = problem.needs, problem.options
    key = np.where(needs.rate[options.need] > 0, options.price / np.maximum(options.share, 1e-12), options.price)
    order = np.lexsort((np.arange(options.count), key, options.need))
    return order[ranks_in(options.need[order]) < OPTIONS]
