"""Column generation: which replica vectors to combine under the shared limits, with a bound that always holds.

    min  Σ_k value_k λ_k    s.t.  Σ_k λ_k = 1 for every need,   Σ_k usage_k λ_k ≤ room for every limit (price π ≥ 0)

At any prices π ≥ 0 no plan costs less than  Σ_w price_w(π) − Σ π · room,  where price_w is that of the cheapest cover.
Prices are smoothed between the best so far and the master's, which needs fewer rounds.
"""

from collections.abc import Callable

import numpy as np

from quartermaster.planner.arrays import Floats, Ints
from quartermaster.planner.column import Columns, usage_of_columns, value_of
from quartermaster.planner.cover import USUAL, Care, Covers
from quartermaster.planner.highs import INFINITY, Matrix, Relaxation, Relaxed
from quartermaster.planner.problem import Problem

ROUNDS = 60
CLOSE_FRACTION = 1e-4
"""The master and the bound are as close as is useful."""
SMOOTHING = 0.5
FIRST_SMOOTHING = 0.8
"""While the master knows few columns its prices are wild."""
FIRST_ROUNDS = 3
CHEAP_FRACTION = 0.15
"""Part of its price that not serving a need costs at first: prices are wild where much of it is in the relaxation."""
FAR_FRACTION = 0.01
QUICK = Care(1e-3, 300, 8)
"""While the bound is this far off, covers that are little better are not looked for."""
WHOLE = 1 - 1e-6
"""A part of a column that is all of it."""


def never() -> bool:
    """Return that there is time."""
    return False


class Master:
    """Columns of one problem, their relaxation, and the best bound with its prices."""

    def __init__(self, problem: Problem) -> None:
        """Begin with one column for each need: nothing at all."""
        self.problem = problem
        self.covers = Covers(problem)
        needs = problem.needs.count
        self.bound = -INFINITY
        self.prices = np.zeros(problem.room.size)
        """Prices of limits at which the bound was found."""
        self.hoped = -INFINITY
        """What the bound at the last prices would be if the covers found were the best."""
        self.solution: Relaxed | None = None
        self.columns = Columns.joined([])
        self.values = np.zeros(0)
        self.taken: tuple[Ints, Ints, Floats] = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))
        """Column, limit and amount, by column."""
        self._known: set[bytes] = set()
        ones = np.ones(needs)
        self._relaxation = Relaxation(
            np.concatenate([ones, np.full(problem.room.size, -INFINITY)]), np.concatenate([ones, problem.room])
        )
        nothing = np.zeros(0, dtype=np.int64)
        self.add(Columns(np.arange(needs), np.zeros(needs + 1, dtype=np.int64), nothing, nothing))

    def add(self, columns: Columns) -> int:
        """Add the columns that are new; return how many."""
        new = []
        for place, name in enumerate(columns.names()):
            if name not in self._known:
                self._known.add(name)
                new.append(place)
        if not new:
            return 0
        fresh = columns.of(np.array(new))
        values = value_of(self.problem, fresh)
        column, limit, amount = usage_of_columns(self.problem, fresh)
        before = self.columns.size
        self.columns = Columns.joined([self.columns, fresh])
        self.values = np.concatenate([self.values, values])
        self.taken = (
            np.concatenate([self.taken[0], column + before]),
            np.concatenate([self.taken[1], limit]),
            np.concatenate([self.taken[2], amount]),
        )
        self._relaxation.add(values, matrix_of(fresh.need, column, limit, amount, needs=self.problem.needs.count))
        return fresh.size

    def reduced(self, prices: Floats) -> Floats:
        """Return what each column costs at the prices."""
        column, limit, amount = self.taken
        return self.values + np.bincount(column, prices[limit] * amount, self.columns.size)

    def known(self, prices: Floats) -> Floats:
        """Return the price of the best known column of each need."""
        found = np.full(self.problem.needs.count, np.inf)
        np.minimum.at(found, self.columns.need, self.reduced(prices))
        return found

    def price(self, prices: Floats, care: Care = USUAL) -> int:
        """Look for better columns at the prices; keep the bound; return how many columns are new."""
        priced = self.covers.cheapest(prices, self.known(prices), care)
        spared = float(prices @ self.problem.room)
        bound = float(priced.bound.sum()) - spared
        self.hoped = float(priced.value.sum()) - spared
        if bound > self.bound:
            self.bound, self.prices = bound, prices
        return self.add(priced.columns)

    def charge_nothing(self, fraction: float) -> None:
        """Let not serving a need cost only this fraction of its price, in the relaxation."""
        first = np.arange(self.problem.needs.count)
        self._relaxation.charge(first, fraction * self.values[first])

    def relax(self) -> Relaxed:
        """Solve the master over the known columns without integrality."""
        self.solution = self._relaxation.solve()
        return self.solution

    def limit_prices(self) -> Floats:
        """Return the prices of the limits in the last relaxation."""
        if self.solution is None:
            return self.prices
        return np.maximum(self.solution.prices[self.problem.needs.count :], 0.0)

    def generate(self, first_prices: Floats, *, is_late: Callable[[], bool], rounds: int = ROUNDS) -> None:
        """Add columns until the bound is close, no column is new, or it is late."""
        self.price(first_prices, QUICK)
        is_cheap = rounds == ROUNDS
        if is_cheap:
            self.charge_nothing(CHEAP_FRACTION)
        for turn in range(rounds + 1):
            value = self.relax().objective
            gap = (value - max(self.hoped, self.bound)) / max(abs(value), 1e-6)
            if is_cheap and (gap < FAR_FRACTION or turn + 1 >= rounds):
                self.charge_nothing(1.0)
                is_cheap = False
                continue
            if gap <= CLOSE_FRACTION or turn == rounds or is_late():
                return
            prices = self.limit_prices()
            weight = FIRST_SMOOTHING if turn < FIRST_ROUNDS else SMOOTHING
            smooth = weight * self.prices + (1 - weight) * prices
            care = USUAL if gap < FAR_FRACTION else QUICK
            if not (self.price(smooth, care) or self.price(prices, care) or self.price(prices)):
                if not is_cheap:
                    return
                self.charge_nothing(1.0)
                is_cheap = False

    def likeliest(self) -> Columns:
        """Return the column of each need of which the last relaxation takes most."""
        parts = np.zeros(self.columns.size) if self.solution is None else self.solution.values
        order = np.lexsort((np.arange(parts.size), -parts, self.columns.need))
        _, firsts = np.unique(self.columns.need[order], return_index=True)
        return self.columns.of(order[firsts])


def matrix_of(need: Ints, column: Ints, limit: Ints, amount: Floats, *, needs: int) -> Matrix:
    """Return the master's matrix: a row for each need, then one for each limit."""
    size = need.size
    owner = np.concatenate([np.arange(size), column])
    order = np.argsort(owner, kind="stable")
    row = np.concatenate([need, needs + limit])[order]
    value = np.concatenate([np.ones(size), amount])[order]
    return Matrix(np.searchsorted(owner[order], np.arange(size + 1)), row, value)
