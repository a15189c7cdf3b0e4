"""Whole plans from a relaxed one: what it has decided is fixed, and the rest is relaxed again on the room left.

Each turn works on a smaller problem, whose columns all fit into what is left; where nothing is decided, the columns
that are nearest to it are.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quartermaster.planner.arrays import Floats, Ints
from quartermaster.planner.column import Columns, inside
from quartermaster.planner.master import WHOLE, Master
from quartermaster.planner.problem import Part, Problem

DECIDED_FRACTION = 0.6
"""Part of the undecided needs that are decided in a turn."""
RETREAT = 4
"""By how much fewer are decided where a need lost its room."""
LOST = 1e-3
"""Dollars per hour of weight without room that is nothing."""
ROUNDS = 6
"""Rounds of new columns in a turn."""
_SLACK = 1e-9


def dive(
    master: Master,
    *,
    fraction: float = DECIDED_FRACTION,
    giant_fraction: float = np.inf,
    is_late: Callable[[], bool],
) -> Ints:
    """Return counts by option that break no limit; needs that found no room have none.

    Args:
        master: columns and their relaxation.
        fraction: part of the undecided needs that are decided in a turn.
        giant_fraction: part of all weight from which needs are decided first, before the rest takes their room.
        is_late: whether to stop.
    """
    problem = master.problem
    everything = (np.arange(n) for n in (problem.needs.count, problem.options.count, problem.room.size))
    state = _State(Part(problem, *everything), master, np.zeros(problem.options.count, dtype=np.int64), problem.room)
    prices = master.prices
    giants = problem.needs.weight >= giant_fraction * problem.needs.weight.sum()
    while state.part.needs.size:
        order, wholes = _order(state.master)
        if not order.size:
            break
        if giants.any():
            order = order[giants[state.master.columns.need[order]]]
            wholes, giants = order.size, np.zeros(0, dtype=np.bool_)
        most = wholes + math.ceil(fraction * (order.size - wholes))
        while True:
            after = _after(problem, state, fitting(state.master, order, most), prices, is_late=is_late)
            # Where a need loses its room by what was decided, less is decided at once.
            if after.idle <= state.idle + LOST or most <= wholes + 1 or is_late():
                break
            most = wholes + max((most - wholes) // RETREAT, 1)
        if after.part.needs.size == state.part.needs.size:
            break
        state = after
    return state.counts


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """What is decided, and the problem of the rest, relaxed."""

    part: Part
    master: Master
    counts: Ints
    room: Floats

    @property
    def idle(self) -> float:
        """Weight of the needs that find no room in the relaxation."""
        needs = self.master.problem.needs
        return float(self.master.parts()[: needs.count] @ needs.weight) if needs.count else 0.0


def _order(master: Master) -> tuple[Ints, int]:
    """Return the columns that may be decided, the surest first, and how many are whole; heavy needs come first."""
    parts, problem, columns = master.parts(), master.problem, master.columns
    order = np.flatnonzero(parts > _SLACK)
    weight = problem.needs.weight[columns.need[order]]
    order = order[np.lexsort((order, -(parts[order] ** 2) * weight, parts[order] < WHOLE))]
    _, firsts = np.unique(columns.need[order], return_index=True)
    order = order[np.sort(firsts)]
    return order, int((parts[order] >= WHOLE).sum())


def _after(problem: Problem, state: _State, fixed: Ints, prices: Floats, *, is_late: Callable[[], bool]) -> _State:
    """Return the state in which these columns are decided too."""
    part, master = state.part, state.master
    counts, room = state.counts.copy(), state.room.copy()
    decided = master.columns.of(fixed)
    taken = decided.counts(part.problem.options.count)
    counts[part.options] += taken
    room[part.limits] -= part.problem.taken(taken)
    left = np.setdiff1d(part.needs, part.needs[decided.need])
    smaller = problem.part(left, room)
    rest = Master(smaller.problem)
    if left.size and not is_late():
        rest.add(inside(smaller, _as_whole(part, master.columns)))
        rest.generate(prices[smaller.limits], is_late=is_late, rounds=ROUNDS)
    return _State(smaller, rest, counts, room)


def fitting(master: Master, order: Ints, most: int) -> Ints:
    """Return up to ``most`` of the columns, in this order, that fit together."""
    room = master.problem.room.copy()
    column, limit, amount = master.taken
    starts = np.searchsorted(column, order)
    ends = np.searchsorted(column, order, side="right")
    found: list[int] = []
    for candidate, first, last in zip(order.tolist(), starts.tolist(), ends.tolist(), strict=True):
        rows = limit[first:last]
        after = room[rows] - amount[first:last]
        if (after >= -_SLACK * np.maximum(room[rows], 1.0)).all():
            room[rows] = after
            found.append(candidate)
            if len(found) >= most:
                break
    return np.array(sorted(found), dtype=np.int64)


def _as_whole(part: Part, columns: Columns) -> Columns:
    return Columns(part.needs[columns.need], columns.start, part.options[columns.option], columns.count)
