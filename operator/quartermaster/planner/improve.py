"""Large-neighbourhood search: some needs are planned again together, on the room that all others leave.

Needs are taken where a plan loses most against the bound: those that found no room first, then those whose replicas
cost most above their best price. With them come the needs that hold the room they would want.
"""

from collections.abc import Callable

import numpy as np

from quartermaster.planner.arrays import Floats, Ints
from quartermaster.planner.column import Columns, chosen_columns, inside, paid_of, running_columns, total_of, value_of
from quartermaster.planner.combine import NARROW, combine
from quartermaster.planner.dive import dive, fitting
from quartermaster.planner.highs import Effort
from quartermaster.planner.master import Master, never
from quartermaster.planner.problem import Part, softened

NEIGHBOURS = 24
"""Needs that are planned again together."""
CROWDED_TRIES = 40
"""Neighbourhoods in which room is looked for."""
PASSES = 3
"""Times that room is looked for, for needs that lost theirs to a heavier one."""
CROWDS = (24, 48, 96)
"""The same where one of them found no room, tried one after another."""
EFFORT = Effort(gap_fraction=1e-4, nodes=20, seconds=1.0)
ROUNDS = 6
"""Rounds of new columns in a neighbourhood."""
_SLACK = 1e-9


def improve(master: Master, counts: Ints, *, goal: float, tries: int, is_late: Callable[[], bool]) -> Ints:
    """Return counts that cost no more, until the objective reaches the goal, all was tried, or it is late."""
    problem = master.problem
    tried: set[int] = set()
    for _ in range(tries):
        columns = chosen_columns(problem, counts)
        values = value_of(problem, columns)
        if values.sum() <= goal or is_late():
            break
        regret = _regret(master, columns, values)
        order = np.argsort(-regret, kind="stable")
        middle = next((int(w) for w in order if int(w) not in tried and regret[w] > _SLACK), None)
        if middle is None:
            break
        tried.add(middle)
        chosen = _neighbours(master, counts, middle, regret, NEIGHBOURS)
        better = _again(master, counts, chosen, is_late=is_late)
        if better is not None:
            counts = better
            tried -= set(chosen.tolist())
            tried.add(middle)
    return counts


def squeeze(master: Master, counts: Ints, *, is_late: Callable[[], bool]) -> Ints:
    """Return counts in which needs that found no room have some, where planning others again makes it.

    A heavy need may leave a lighter one without room, for which others are planned again in their turn.
    """
    tries = 0
    for _ in range(PASSES):
        before = counts
        for middle in without_room(master, counts):
            for size in CROWDS:
                tries += 1
                if tries > CROWDED_TRIES or is_late():
                    return counts
                better = _seated(master, counts, middle, size, is_late=is_late)
                if better is not None:
                    counts = better
                    first, last = np.searchsorted(master.problem.options.need, [middle, middle + 1])
                    if counts[first:last].any():
                        break
        if (counts == before).all():
            break
    return counts


def without_room(master: Master, counts: Ints) -> list[int]:
    """Return the needs that have nothing though they want something, the heaviest first."""
    columns = chosen_columns(master.problem, counts)
    regret = _regret(master, columns, value_of(master.problem, columns))
    empty = np.flatnonzero((np.diff(columns.start) == 0) & (regret > _SLACK))
    return [int(need) for need in empty[np.argsort(-master.problem.needs.weight[empty], kind="stable")]]


def _seated(master: Master, counts: Ints, middle: int, size: int, *, is_late: Callable[[], bool]) -> Ints | None:
    columns = chosen_columns(master.problem, counts)
    regret = _regret(master, columns, value_of(master.problem, columns))
    chosen = _neighbours(master, counts, middle, regret, size, is_crowded=True)
    return _again(master, counts, chosen, is_late=is_late, is_thorough=True)


def _regret(master: Master, columns: Columns, values: Floats) -> Floats:
    return values + paid_of(master.problem, columns, master.prices) - master.known(master.prices)


def _neighbours(
    master: Master, counts: Ints, middle: int, regret: Floats, size: int, *, is_crowded: bool = False
) -> Ints:
    """Return the needs to be planned again with the one in the middle."""
    problem = master.problem
    usage = problem.usage
    taken = np.flatnonzero(counts)
    owner, at = usage.entries(taken)
    holds = np.isin(usage.limit[at], problem.wanted(np.array([middle]), master.prices))
    holders = problem.options.need[taken[owner[holds]]]
    held = np.bincount(holders, (usage.amount[at] * counts[taken[owner]])[holds], problem.needs.count)
    held[middle] = 0.0
    candidates = np.flatnonzero(held)
    # The dearest by regret gain most from being planned again; around one without room, those that hold most of it.
    key = held[candidates] if is_crowded else regret[candidates]
    order = candidates[np.lexsort((candidates, -key))][: size - 1]
    return np.sort(np.append(order, middle))


def _again(
    master: Master, counts: Ints, chosen: Ints, *, is_late: Callable[[], bool], is_thorough: bool = False
) -> Ints | None:
    """Return better counts, with the chosen needs planned again; None when there are none."""
    problem = master.problem
    part, others = problem.apart(chosen, counts)
    small = Master(part.problem)
    now = inside(part, chosen_columns(problem, counts))
    before = float(value_of(part.problem, now).sum())
    small.add(now)
    small.add(inside(part, master.columns))
    small.generate(master.prices[part.limits], is_late=is_late, rounds=ROUNDS)
    if small.bound >= before - 1e-6 * abs(before) or is_late():
        return None
    found = dive(small, is_late=is_late)
    if is_thorough and not _is_better(part, found, before):
        combined = combine(small, now, EFFORT, NARROW)
        found = found if combined is None else combined
    if not _is_better(part, found, before):
        return None
    better = others.copy()
    better[part.options] = found
    return better


def _is_better(part: Part, found: Ints, before: float) -> bool:
    return total_of(part.problem, found) < before - 1e-7 * abs(before)


def resumed(master: Master) -> Ints:
    """Return counts in which every need that what runs meets has just that, the heaviest first where room is short."""
    problem = master.problem
    names = {name: place for place, name in enumerate(master.columns.names())}
    runs = [names[name] for name in running_columns(problem).names() if name in names]
    order = np.array(runs, dtype=np.int64)
    order = order[np.argsort(-problem.needs.weight[master.columns.need[order]], kind="stable")]
    return master.columns.of(fitting(master, order, order.size)).counts(problem.options.count)


def serve_left(master: Master, counts: Ints, *, is_soft: bool = False) -> Ints:
    """Return counts in which needs without replicas have what still fits, those of the greatest weight first.

    Where they are soft, part of what they want will do.
    """
    problem = master.problem
    counts = counts.copy()
    room = problem.room - problem.taken(counts)
    for need in without_room(master, counts):
        part = problem.part(np.array([need]), room)
        alone = Master(softened(part.problem) if is_soft else part.problem)
        alone.generate(master.prices[part.limits], is_late=never, rounds=ROUNDS)
        own = dive(alone, is_late=never)
        counts[part.options] = own
        room[part.limits] -= part.problem.taken(own)
    return counts
