"""Columns: whole replica vectors of one deployment each, with what they cost and take. Nothing is chosen here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quartermaster.planner.numerics.arrays import Bools, Floats, Ints, spans
from quartermaster.planner.posing.problem import Problem
from quartermaster.planner.posing.unmet import TOLERANCE, Unmet, unmet_price


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Replica vectors; the entries of column ``k`` are those from ``start[k]`` to ``start[k + 1]``."""

    need: Ints
    start: Ints
    option: Ints
    count: Ints

    @property
    def size(self) -> int:
        """Number of columns."""
        return int(self.need.size)

    @property
    def owner(self) -> Ints:
        """The column of each entry."""
        return np.repeat(np.arange(self.size), np.diff(self.start))

    @classmethod
    def of_entries(cls, need: Ints, entries: Sequence[tuple[Ints, Ints, Ints]]) -> "Columns":
        """Return columns of ``(column, option, count)`` entries in any order; counts of one option are added up."""
        column, option, count = (
            np.concatenate([*(entry[place] for entry in entries), np.zeros(0, dtype=np.int64)]) for place in range(3)
        )
        span = int(option.max(initial=0)) + 1
        key, inverse = np.unique(column * span + option, return_inverse=True)
        total = np.bincount(inverse, count, key.size).astype(np.int64)
        starts = np.searchsorted(key // span, np.arange(need.size + 1))
        return cls(need, starts, key % span, total)

    @classmethod
    def joined(cls, parts: Sequence["Columns"]) -> "Columns":
        """Return all columns, one part after another."""
        parts = [part for part in parts if part.size]
        if not parts:
            nothing = np.zeros(0, dtype=np.int64)
            return cls(nothing, np.zeros(1, dtype=np.int64), nothing, nothing)
        lengths = np.concatenate([np.diff(part.start) for part in parts])
        return cls(
            np.concatenate([part.need for part in parts]),
            np.concatenate([[0], np.cumsum(lengths)]),
            np.concatenate([part.option for part in parts]),
            np.concatenate([part.count for part in parts]),
        )

    def of(self, chosen: Ints) -> "Columns":
        """Return some of the columns."""
        owner, entries = spans(self.start[chosen], self.start[chosen + 1] - self.start[chosen])
        starts = np.searchsorted(owner, np.arange(chosen.size + 1))
        return Columns(self.need[chosen], starts, self.option[entries], self.count[entries])

    def counts(self, options: int) -> Ints:
        """Return counts by option, of so many; no two columns are of one need."""
        counts = np.zeros(options, dtype=np.int64)
        counts[self.option] = self.count
        return counts

    def names(self) -> list[bytes]:
        """Return what tells a column from others: its need, options and counts."""
        row = np.stack([self.option, self.count], axis=1)
        return [
            row[first:last].tobytes() + need.tobytes()
            for need, first, last in zip(self.need, self.start[:-1], self.start[1:], strict=True)
        ]


def value_of(problem: Problem, columns: Columns) -> Floats:
    """Return what each column adds to the objective: prices, changes from what runs, and what stays unmet."""
    options, owner = problem.options, columns.owner
    running = options.running[columns.option]
    change = options.change_price[columns.option]
    kept_running = np.bincount(options.need, options.change_price * options.running, problem.needs.count)
    prices = columns.count * options.price[columns.option] + change * (np.abs(columns.count - running) - running)
    value = np.bincount(owner, prices, columns.size) + kept_running[columns.need]
    unmet = unmet_of(problem, columns)
    return value + unmet_price(problem.needs, columns.need, unmet)


def total_of(problem: Problem, counts: Ints) -> float:
    """Return what counts by option add to the objective, over all needs."""
    return float(value_of(problem, chosen_columns(problem, counts)).sum())


def unmet_of(problem: Problem, columns: Columns) -> Unmet:
    """Return what each column leaves undone."""
    options, needs, owner = problem.options, problem.needs, columns.owner
    of, size = columns.need, columns.size
    inside = ~options.is_external[columns.option]
    served = np.bincount(owner, columns.count * options.share[columns.option], size)
    counted = np.bincount(owner[inside], columns.count[inside], size).astype(np.int64)
    left = needs.rate[of] - served
    return Unmet(
        rate=np.where(left > TOLERANCE, left, 0.0),
        replicas=np.maximum(needs.least[of] - counted, 0),
        regions=_missing(needs.regions[of], owner[inside], options.region[columns.option[inside]], size),
        zones=_missing(needs.zones[of], owner[inside], options.zone[columns.option[inside]], size),
        excess=_excess(problem, columns),
    )


def _missing(wanted: Ints, owner: Ints, group: Ints, size: int) -> Ints:
    span = int(group.max(initial=0)) + 2
    present = np.bincount(np.unique(owner * span + group + 1) // span, minlength=size)
    return np.where(wanted > 1, np.maximum(wanted - present, 0), 0)


def _excess(problem: Problem, columns: Columns) -> Floats:
    needs, options, of = problem.needs, problem.options, columns.need
    if not (needs.region_share[of] < 1).any():
        return np.zeros(columns.size)
    region = options.region[columns.option]
    capacity = columns.count * options.requests_per_second[columns.option]
    span = int(region.max(initial=0)) + 1
    table = np.bincount(columns.owner * span + region, capacity, columns.size * span).reshape(columns.size, span)
    excess = table.max(axis=1) - needs.region_share[of] * table.sum(axis=1) - needs.region_excess[of]
    return np.where((needs.region_share[of] < 1) & (excess > 1e-6 * needs.share_scale[of]), excess, 0.0)


def usage_of_columns(problem: Problem, columns: Columns) -> tuple[Ints, Ints, Floats]:
    """Return what columns take from limits, as entries of column, limit and amount, by column."""
    usage = problem.usage
    entry, at = usage.entries(columns.option)
    rows = problem.room.size + 1
    key, inverse = np.unique(columns.owner[entry] * rows + usage.limit[at], return_inverse=True)
    amount: Floats = np.bincount(inverse, usage.amount[at] * columns.count[entry], key.size).astype(np.float64)
    return key // rows, key % rows, amount


def paid_of(problem: Problem, columns: Columns, prices: Floats) -> Floats:
    """Return what each column pays for what it takes, at prices of the limits."""
    column, limit, amount = usage_of_columns(problem, columns)
    paid: Floats = np.bincount(column, prices[limit] * amount, columns.size).astype(np.float64)
    return paid


def chosen_columns(problem: Problem, counts: Ints) -> Columns:
    """Return the columns that counts by option consist of, one for each need."""
    taken = np.flatnonzero(counts)
    starts = np.searchsorted(problem.options.need[taken], np.arange(problem.needs.count + 1))
    return Columns(np.arange(problem.needs.count), starts, taken, counts[taken])


def running_columns(problem: Problem) -> Columns:
    """Return the columns of what runs, as far as it may go on, of the needs that it meets or that may stay unmet."""
    options = problem.options
    columns = chosen_columns(problem, np.minimum(options.running, options.most))
    keeps = is_allowed(problem, columns) & (unmet_of(problem, columns).is_nothing | problem.needs.is_soft)
    return columns.of(np.flatnonzero(keeps & (np.diff(columns.start) > 0)))


def is_allowed(problem: Problem, columns: Columns) -> Bools:
    """Return which columns keep to the budget and the most replicas of their need."""
    options, needs, of = problem.options, problem.needs, columns.need
    spent = np.bincount(columns.owner, options.dollars_per_hour[columns.option] * columns.count, columns.size)
    counted = np.bincount(columns.owner, np.where(options.is_external[columns.option], 0, columns.count), columns.size)
    allowed: Bools = (spent <= needs.budget[of] + TOLERANCE) & (counted <= needs.most[of])
    return allowed
