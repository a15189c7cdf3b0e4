"""The best whole combination of known columns: a small integer program, where the relaxation leaves a choice."""

from dataclasses import dataclass

import numpy as np

from quartermaster.planner.arrays import Floats, Ints
from quartermaster.planner.column import Columns
from quartermaster.planner.highs import INFINITY, Choice, Chosen, Effort, choose
from quartermaster.planner.master import Master, matrix_of


@dataclass(frozen=True, slots=True)
class Breadth:
    """How many columns are looked at."""

    each: int
    """Of one need."""
    most: int
    """In all."""
    slack_fraction: float
    """Part of a need's best price by which its columns may be dearer."""


WIDE = Breadth(60, 4_000, 1e12)
NARROW = Breadth(16, 800, 0.3)
HALF = 0.5


def combine(master: Master, known: Columns, effort: Effort, breadth: Breadth = WIDE) -> Ints | None:
    """Return the best counts by option that known columns and others near them make; None where none were found.

    Only columns whose price is within the gap can be part of a better plan: they are collected first.
    """
    master.add(known)
    prices = master.prices
    least = master.known(prices)
    value = _value(master, known)
    slack = max(value - master.bound, 0.0)
    own = np.minimum(slack, breadth.slack_fraction * np.abs(least)) + 1e-6
    master.add(master.covers.within(prices, least, own, each=breadth.each, most=breadth.most))
    reduced = master.reduced(prices)
    kept = np.flatnonzero(reduced <= (least + own)[master.columns.need])
    if kept.size > breadth.most:
        over = reduced[kept] - least[master.columns.need[kept]]
        kept = np.sort(kept[np.argsort(over, kind="stable")[: breadth.most]])
    names = set(known.names())
    kept = np.union1d(kept, [place for place, name in enumerate(master.columns.names()) if name in names])
    columns = master.columns.of(kept)
    chosen = _chosen(master, columns, kept, names, effort)
    if chosen.values is None:
        return None
    return columns.of(np.flatnonzero(chosen.values > HALF)).counts(master.problem.options.count)


def _value(master: Master, columns: Columns) -> float:
    names = {name: place for place, name in enumerate(master.columns.names())}
    return float(sum(master.values[names[name]] for name in columns.names()))


def _chosen(master: Master, columns: Columns, kept: Ints, names: set[bytes], effort: Effort) -> Chosen:
    problem = master.problem
    place = np.full(master.columns.size, -1)
    place[kept] = np.arange(kept.size)
    column, limit, amount = master.taken
    own = np.flatnonzero(place[column] >= 0)
    matrix = matrix_of(columns.need, place[column[own]], limit[own], amount[own], needs=problem.needs.count)
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
    return choose(choice, effort, start)
