"""Large-neighbourhood search: some needs are planned again together, on the room that all others leave.

Needs are taken where a plan loses most against the bound: those that found no room first, then those whose replicas
cost most above their best price. With them come the needs that hold the room they would want.
"""

from collections.abc import Callable

import numpy as np

from quartermaster.planner.arrays import Floats, Ints, spans
from quartermaster.planner.column import Columns, chosen_columns, inside, usage_of_columns, value_of
from quartermaster.planner.combine import combine
from quartermaster.planner.dive import dive
from quartermaster.planner.highs import Effort
from quartermaster.planner.master import Master, never

NEIGHBOURS = 24
"""Needs that are planned again together."""
EFFORT = Effort(gap_fraction=1e-5, nodes=40, seconds=2.0)
ROUNDS = 6
"""Rounds of new columns in a neighbourhood."""
_SLACK = 1e-9
NEAR = 1.25
"""Options of the need in the middle within this of its best price count as wanted."""


def improve(master: Master, counts: Ints, *, goal: float, is_late: Callable[[], bool]) -> Ints:
    """Return counts that cost no more, until the objective reaches the goal, nothing is gained, or it is late."""
    problem = master.problem
    tried: set[int] = set()
    while not is_late():
        columns = chosen_columns(problem, counts)
        values = value_of(problem, columns)
        if values.sum() <= goal:
            break
        regret = _regret(master, columns, values)
        order = np.argsort(-regret, kind="stable")
        middle = next((int(w) for w in order if int(w) not in tried and regret[w] > _SLACK), None)
        if middle is None:
            break
        tried.add(middle)
        chosen = _neighbours(master, counts, middle, regret)
        better = _again(master, counts, chosen, is_late=is_late)
        if better is not None:
            counts = better
            tried -= set(chosen.tolist())
            tried.add(middle)
    return counts


def _regret(master: Master, columns: Columns, values: Floats) -> Floats:
    column, limit, amount = usage_of_columns(master.problem, columns)
    paid = values + np.bincount(column, master.prices[limit] * amount, columns.size)
    return paid - master.known(master.prices)


def _neighbours(master: Master, counts: Ints, middle: int, regret: Floats) -> Ints:
    """Return the needs to be planned again with the one in the middle."""
    problem = master.problem
    wanted = _wanted(master, middle)
    usage = problem.usage
    taken = np.flatnonzero(counts)
    owner, at = spans(usage.start[taken], usage.start[taken + 1] - usage.start[taken])
    holds = np.isin(usage.limit[at], wanted)
    holders = problem.options.need[taken[owner[holds]]]
    weight = np.bincount(holders, minlength=problem.needs.count).astype(np.float64)
    weight[middle] = 0.0
    candidates = np.flatnonzero(weight)
    order = candidates[np.lexsort((candidates, -regret[candidates]))][: NEIGHBOURS - 1]
    return np.sort(np.append(order, middle))


def _wanted(master: Master, middle: int) -> Ints:
    """Return the limits that the need's cheapest options take from."""
    problem = master.problem
    first, last = np.searchsorted(problem.options.need, [middle, middle + 1])
    own = np.arange(first, last)
    usage, options = problem.usage, problem.options
    owner, at = spans(usage.start[own], usage.start[own + 1] - usage.start[own])
    price = options.price[own] + np.bincount(owner, master.prices[usage.limit[at]] * usage.amount[at], own.size)
    ratio = price / np.maximum(options.share[own], 1e-9)
    near = ratio <= NEAR * ratio.min(initial=np.inf)
    return np.unique(usage.limit[at][near[owner]])


def _again(master: Master, counts: Ints, chosen: Ints, *, is_late: Callable[[], bool]) -> Ints | None:
    """Return better counts, with the chosen needs planned again; None when there are none."""
    problem = master.problem
    is_chosen = np.zeros(problem.needs.count, dtype=np.bool_)
    is_chosen[chosen] = True
    others = np.where(is_chosen[problem.options.need], 0, counts)
    part = problem.part(chosen, problem.room - problem.taken(others))
    small = Master(part.problem)
    now = inside(part, chosen_columns(problem, counts))
    before = float(value_of(part.problem, now).sum())
    small.add(now)
    small.add(inside(part, master.columns))
    small.generate(master.prices[part.limits], is_late=is_late, rounds=ROUNDS)
    if small.bound >= before - 1e-6 * abs(before) or is_late():
        return None
    found, _ = combine(small, now, EFFORT)
    if found is None:
        return None
    own = value_of(part.problem, chosen_columns(part.problem, found)).sum()
    if own >= before - 1e-7 * abs(before):
        return None
    better = others.copy()
    better[part.options] = found
    return better


def serve_left(master: Master, counts: Ints) -> Ints:
    """Return counts in which needs without replicas have what still fits, those of the greatest weight first."""
    problem = master.problem
    counts = counts.copy()
    room = problem.room - problem.taken(counts)
    columns = chosen_columns(problem, counts)
    empty = np.flatnonzero((np.diff(columns.start) == 0) & (_regret(master, columns, value_of(problem, columns)) > 0))
    for need in empty[np.argsort(-problem.needs.weight[empty], kind="stable")].tolist():
        part = problem.part(np.array([need]), room)
        alone = Master(part.problem)
        alone.generate(master.prices[part.limits], is_late=never, rounds=ROUNDS)
        own = dive(alone, is_late=never)
        counts[part.options] = own
        room[part.limits] -= part.problem.taken(own)
    return counts
