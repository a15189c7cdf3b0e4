"""Whole plans from a relaxed one: what it has decided is fixed, and the rest is relaxed again on the room left.

Each turn works on a smaller problem, whose columns all fit into what is left; where nothing is decided, the columns
that are nearest to it are.
"""

from collections.abc import Callable

import numpy as np

from quartermaster.planner.arrays import Ints
from quartermaster.planner.column import Columns, inside
from quartermaster.planner.master import WHOLE, Master
from quartermaster.planner.problem import Part

TURNS = 60
DECIDED_FRACTION = 0.2
"""Part of the undecided needs that are decided in a turn where the relaxation decides nothing."""
_SLACK = 1e-9
ROUNDS = 8
"""Rounds of new columns in a turn."""


def dive(master: Master, *, is_late: Callable[[], bool]) -> Ints:
    """Return counts by option that break no limit; needs that found no room have none."""
    problem = master.problem
    counts = np.zeros(problem.options.count, dtype=np.int64)
    part = Part(problem, np.arange(problem.needs.count), np.arange(problem.options.count), np.arange(problem.room.size))
    prices, room = master.prices, problem.room.copy()
    for _ in range(TURNS):
        fixed = _decided(master)
        taken = np.zeros(part.problem.options.count, dtype=np.int64)
        entries = master.columns.of(fixed)
        taken[entries.option] = entries.count
        counts[part.options] += taken
        room[part.limits] -= part.problem.taken(taken)
        left = np.setdiff1d(part.needs, part.needs[entries.need])
        if not left.size:
            break
        known = _as_whole(part, master.columns)
        part = problem.part(left, room)
        master = Master(part.problem)
        master.add(inside(part, known))
        master.generate(prices[part.limits], is_late=is_late, rounds=0 if is_late() else ROUNDS)
    return counts


def _decided(master: Master) -> Ints:
    """Return the columns that are whole, or, where there are none, those that are nearest to it and fit together."""
    parts = master.parts()
    whole = np.flatnonzero(parts >= WHOLE)
    if whole.size:
        return whole
    problem, columns = master.problem, master.columns
    order = np.lexsort((np.arange(parts.size), -parts))
    order = order[parts[order] > 0]
    _, firsts = np.unique(columns.need[order], return_index=True)
    order = order[np.sort(firsts)]
    most = max(1, int(DECIDED_FRACTION * problem.needs.count))
    room = problem.room.copy()
    column, limit, amount = master.taken
    found: list[int] = []
    for candidate in order.tolist():
        first, last = np.searchsorted(column, [candidate, candidate + 1])
        after = room[limit[first:last]] - amount[first:last]
        if (after >= -_SLACK).all():
            room[limit[first:last]] = after
            found.append(candidate)
        if len(found) >= most:
            break
    return np.array(sorted(found), dtype=np.int64)


def _as_whole(part: Part, columns: Columns) -> Columns:
    return Columns(part.needs[columns.need], columns.start, part.options[columns.option], columns.count)
