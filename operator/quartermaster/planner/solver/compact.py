"""A small problem as one integer program, a count for each option: where columns leave a need without room.

min  Σ price_i n_i + Σ change_i a_i
s.t. Σ share_i n_i ≥ rate,  least ≤ Σ n_i ≤ most,  Σ dollars_i n_i ≤ budget          for every need
y_g ≤ Σ_(i in g) n_i,  Σ y_g ≥ regions (likewise zones)
Σ_(i in g) T_i n_i − share Σ T_i n_i ≤ excess                                   for every region g
a_i ≥ |n_i − running_i|,   Σ amount_i n_i ≤ room                                for every limit
"""

import numpy as np

from quartermaster.planner.numerics.arrays import Bools, Floats, Ints
from quartermaster.planner.numerics.highs import INFINITY, Choice, Matrix, Stop, choose
from quartermaster.planner.posing.problem import Problem

LARGE = 250
"""Options from which the last tenths of a percent would take minutes."""
SMALL_STOP = Stop(gap_fraction=1e-5, nodes=20_000, seconds=10.0)
LARGE_STOP = Stop(gap_fraction=2e-3, nodes=100, seconds=10.0)
_EPSILON = 1e-9


class _Rows:
    """A program put together row by row."""

    def __init__(self, cost: Floats, most: Floats) -> None:
        self.cost, self.most = list(cost), list(most)
        self.is_integer = [True] * len(self.cost)
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.row: list[int] = []
        self.column: list[int] = []
        self.value: list[float] = []

    def variable(self, cost: float, most: float, *, is_integer: bool) -> int:
        self.cost.append(cost)
        self.most.append(most)
        self.is_integer.append(is_integer)
        return len(self.cost) - 1

    def add(self, columns: Ints, values: Floats, *, lower: float = -INFINITY, upper: float = INFINITY) -> None:
        self.row += [len(self.lower)] * columns.size
        self.column += columns.tolist()
        self.value += values.tolist()
        self.lower.append(lower)
        self.upper.append(upper)

    def choice(self) -> Choice:
        column, row = np.array(self.column, dtype=np.int64), np.array(self.row, dtype=np.int64)
        order = np.argsort(column, kind="stable")
        starts = np.searchsorted(column[order], np.arange(len(self.cost) + 1))
        return Choice(
            np.array(self.cost),
            Matrix(starts, row[order], np.array(self.value)[order]),
            np.array(self.lower),
            np.array(self.upper),
            np.array(self.most),
            np.array(self.is_integer),
        )


def compact(problem: Problem) -> tuple[Ints | None, float]:
    """Return the cheapest counts found that meet every need whole, if any, and what none can undercut."""
    options = problem.options
    fresh = np.where(options.running > 0, 0.0, options.change_price)
    rows = _Rows(options.price + fresh, options.most.astype(np.float64))
    for need in range(problem.needs.count):
        _add_need(rows, problem, need)
    for i in np.flatnonzero((options.running > 0) & (options.change_price > 0)).tolist():
        change = rows.variable(float(options.change_price[i]), INFINITY, is_integer=False)
        pair = np.array([change, i])
        rows.add(pair, np.array([1.0, -1.0]), lower=-float(options.running[i]))
        rows.add(pair, np.array([1.0, 1.0]), lower=float(options.running[i]))
    usage = problem.usage
    for limit, room in enumerate(problem.room.tolist()):
        own = np.flatnonzero(usage.limit == limit)
        rows.add(usage.option[own], usage.amount[own], upper=room)
    found = choose(rows.choice(), LARGE_STOP if options.count >= LARGE else SMALL_STOP)
    if found.values is None:
        return None, found.bound
    return np.round(found.values[: options.count]).astype(np.int64), found.bound


def _add_need(rows: _Rows, problem: Problem, need: int) -> None:
    needs, options = problem.needs, problem.options
    first, last = np.searchsorted(options.need, [need, need + 1])
    own = np.arange(first, last)
    inside = own[~options.is_external[own]]
    if needs.rate[need] > 0:
        rows.add(own, options.share[own], lower=float(needs.rate[need]))
    rows.add(inside, np.ones(inside.size), lower=float(needs.least[need]), upper=float(needs.most[need]))
    if np.isfinite(needs.budget[need]):
        rows.add(own, options.dollars_per_hour[own], upper=float(needs.budget[need]) + _EPSILON)
    _add_presence(rows, inside, options.region, int(needs.regions[need]))
    _add_presence(rows, inside, options.zone, int(needs.zones[need]))
    if needs.region_share[need] < 1:
        scale = 1.0 / needs.share_scale[need]
        for region in np.unique(options.region[own]).tolist():
            here: Bools = options.region[own] == region
            values = options.requests_per_second[own] * scale * (here - needs.region_share[need])
            rows.add(own, values, upper=float(needs.region_excess[need]) * scale + _EPSILON)


def _add_presence(rows: _Rows, inside: Ints, group: Ints, wanted: int) -> None:
    """Ask for replicas in as many groups as are wanted."""
    if wanted <= 1:
        return
    present = []
    for one in np.unique(group[inside]).tolist():
        members = inside[group[inside] == one]
        variable = rows.variable(0.0, 1.0, is_integer=True)
        rows.add(np.append(members, variable), np.append(np.ones(members.size), -1.0), lower=0.0)
        present.append(variable)
    rows.add(np.array(present, dtype=np.int64), np.ones(len(present)), lower=float(wanted))
