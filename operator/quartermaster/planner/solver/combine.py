"""The best whole combination of known columns: a small integer program, where the relaxation leaves a choice."""

import numpy as np

from quartermaster.planner.numerics.arrays import Floats, Ints
from quartermaster.planner.numerics.highs import INFINITY, Choice, Chosen, Matrix, Stop, choose
from quartermaster.planner.posing.column import Columns
from quartermaster.planner.solver.master import Master

EACH = 60
"""Columns of one need that are collected."""
MOST = 4_000
"""Columns that are looked at in all."""
HALF = 0.5


def combine(master: Master, known: Columns, stop: Stop) -> tuple[Ints | None, float]:
    """Return the best counts by option that known columns and others near them make, and what none can undercut.

    Only columns whose price is within the gap can be part of a better plan: they are collected first. Where all of them
    were, the best choice of them is the best of all. None stands for counts where none were found.
    """
    master.add(known)
    prices = master.prices
    least = master.known(prices)
    slack = max(_value(master, known) - master.bound, 0.0)
    # What costs nothing at all needs nothing better.
    own = np.where(least == 0, 0.0, slack) + 1e-6
    near, beyond = master.covers.within(prices, least, own, each=EACH, most=MOST)
    master.add(near)
    over = master.reduced(prices) - least[master.columns.need]
    kept = np.flatnonzero(over <= own[master.columns.need])
    if kept.size > MOST:
        kept = np.sort(kept[np.argsort(over[kept], kind="stable")[:MOST]])
    names = set(known.names())
    kept = np.union1d(kept, [place for place, name in enumerate(master.columns.names()) if name in names])
    columns = master.columns.of(kept)
    chosen = _chosen(master, columns, kept, names, stop)
    left_out = np.ones(over.size, dtype=np.bool_)
    left_out[kept] = False
    # A plan with a column that was not looked at costs at least the bound with that column in it.
    missed = min(float((beyond - least).min(initial=INFINITY)), float(over[left_out].min(initial=INFINITY)))
    bound = max(master.bound, min(chosen.bound, master.bound + max(missed, 0.0)))
    if chosen.values is None:
        return None, bound
    return columns.of(np.flatnonzero(chosen.values > HALF)).counts(master.problem.options.count), bound


def _value(master: Master, columns: Columns) -> float:
    names = {name: place for place, name in enumerate(master.columns.names())}
    return float(sum(master.values[names[name]] for name in columns.names()))


def _chosen(master: Master, columns: Columns, kept: Ints, names: set[bytes], stop: Stop) -> Chosen:
    problem = master.problem
    place = np.full(master.columns.size, -1)
    place[kept] = np.arange(kept.size)
    column, limit, amount = master.taken
    own = np.flatnonzero(place[column] >= 0)
    matrix = _matrix(columns.need, place[column[own]], limit[own], amount[own], needs=problem.needs.count)
    ones = np.ones(problem.needs.count)
    start: Floats = np.array([float(name in names) for name in columns.names()])
    choice = Choice(
        master.values[kept],
        matrix,
        np.concatenate([ones, np.full(problem.room.size, -INFINITY)]),
        np.concatenate([ones, problem.room]),
        np.ones(kept.size),
        np.ones(kept.size, dtype=np.bool_),
    )
    return choose(choice, stop, start)


def _matrix(need: Ints, column: Ints, limit: Ints, amount: Floats, *, needs: int) -> Matrix:
    """Return the master's matrix: a row for each need, then one for each limit."""
    size = need.size
    owner = np.concatenate([np.arange(size), column])
    order = np.argsort(owner, kind="stable")
    row = np.concatenate([need, needs + limit])[order]
    value = np.concatenate([np.ones(size), amount])[order]
    return Matrix(np.searchsorted(owner[order], np.arange(size + 1)), row, value)
