"""Column generation: which replica vectors to combine under the shared limits, with a bound that always holds.

    min  Σ_k value_k λ_k    s.t.  Σ_k λ_k = 1 for every need,   Σ_k usage_k λ_k ≤ room for every limit (price π ≥ 0)

At any prices π ≥ 0 no plan costs less than  Σ_w price_w(π) − Σ π · room,  where price_w is that of the cheapest cover.
Prices stay near the best so far from round to round: while few columns are known, those of the master are wild.
"""

from collections.abc import Callable

import numpy as np

from quartermaster.planner.covers.cheapest import CLOSE, USUAL, Care, Covers
from quartermaster.planner.numerics.arrays import Floats, Ints, spans
from quartermaster.planner.numerics.highs import INFINITY
from quartermaster.planner.posing.column import Columns, usage_of_columns, value_of
from quartermaster.planner.posing.problem import Problem
from quartermaster.planner.solver.primaldual import Bundle, Limits, approach, least
from quartermaster.planner.solver.start import usual_prices

ROUNDS = 40
MOST_TIMES = 4
"""Where a round brings next to nothing, the next takes twice the steps, up to so many times as many."""
CLOSE_FRACTION = 1e-4
"""What is next to nothing ..."""
DONE_FRACTION = 5e-5
"""... and what is not worth another round, where covers were looked for closely."""
FAR_FRACTION = 0.01
QUICK = Care(1e-3, 300, 8)
"""While the bound is this far off, covers that are little better are not looked for."""
REACH_FRACTION = 0.3
"""By how much a price may move in a round, in parts of itself ..."""
LEAST_REACH_FRACTION = 0.05
"""... and of what a unit of its limit usually costs."""
STEPS, CLOSE_STEPS = 80, 160
"""Steps of a round, and of one where the bound is near."""
EVERY = 20
"""Steps after which parts and prices may go on from their averages."""
FEW_ENTRIES = 3_000
"""A master this small is solved more closely: its steps cost next to nothing."""
MORE = 10
"""Times as many steps, there."""
_EPSILON = 1e-6
DEAR_FRACTION = 0.2
"""A column that costs more than this above its need's best one is not looked at."""


class Master:
    """Columns of one problem, the parts of them that are taken, and the best bound with its prices."""

    def __init__(self, problem: Problem) -> None:
        """Begin with one column for each need: nothing at all."""
        self.problem = problem
        self.covers = Covers(problem)
        needs = problem.needs.count
        self.bound = -INFINITY
        self.prices = np.zeros(problem.room.size)
        """Prices of limits at which the bound was found ..."""
        self.least = np.zeros(needs)
        """... and what each need costs at least at these prices."""
        self.hoped = -INFINITY
        """What the bound at the last prices would be if the covers found were the best."""
        self.value = INFINITY
        """What the known columns cost at least, at the prices of the last round."""
        self.columns = Columns.joined([])
        self.values = np.zeros(0)
        self.parts = np.zeros(0)
        """The part of each column that is taken."""
        self.taken: tuple[Ints, Ints, Floats] = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))
        """Column, limit and amount, by column."""
        self._known: set[bytes] = set()
        nothing = np.zeros(0, dtype=np.int64)
        self.add(Columns(np.arange(needs), np.zeros(needs + 1, dtype=np.int64), nothing, nothing))

    def add(self, columns: Columns) -> None:
        """Add the columns that are new."""
        new = []
        for place, name in enumerate(columns.names()):
            if name not in self._known:
                self._known.add(name)
                new.append(place)
        if not new:
            return
        fresh = columns.of(np.array(new))
        values = value_of(self.problem, fresh)
        column, limit, amount = usage_of_columns(self.problem, fresh)
        before = self.columns.size
        self.columns = Columns.joined([self.columns, fresh])
        self.values = np.concatenate([self.values, values])
        self.parts = np.concatenate([self.parts, np.zeros(fresh.size)])
        self.taken = (
            np.concatenate([self.taken[0], column + before]),
            np.concatenate([self.taken[1], limit]),
            np.concatenate([self.taken[2], amount]),
        )

    def reduced(self, prices: Floats) -> Floats:
        """Return what each column costs at the prices."""
        column, limit, amount = self.taken
        return self.values + np.bincount(column, prices[limit] * amount, self.columns.size)

    def known(self, prices: Floats) -> Floats:
        """Return the price of the best known column of each need."""
        return self._least(self.reduced(prices))

    def _least(self, reduced: Floats) -> Floats:
        found = np.full(self.problem.needs.count, np.inf)
        np.minimum.at(found, self.columns.need, reduced)
        return found

    def price(self, prices: Floats, care: Care) -> None:
        """Look for better columns at the prices, and keep the bound."""
        priced = self.covers.cheapest(prices, self.known(prices), care)
        spared = float(prices @ self.problem.room)
        bound = float(priced.bound.sum()) - spared
        self.hoped = float(priced.value.sum()) - spared
        if bound > self.bound:
            self.bound, self.prices, self.least = bound, prices, priced.bound
        self.add(priced.columns)

    def generate(self, first_prices: Floats, *, is_late: Callable[[], bool]) -> None:
        """Add columns until the bound is close, rounds bring nothing more, or it is late."""
        usual = usual_prices(self.problem)
        self.price(first_prices, QUICK)
        prices, middle, best, times = first_prices, first_prices, -INFINITY, 1
        for _ in range(ROUNDS):
            if is_late():
                return
            low = np.maximum((1 - REACH_FRACTION) * middle - LEAST_REACH_FRACTION * usual, 0.0)
            high = (1 + REACH_FRACTION) * middle + LEAST_REACH_FRACTION * usual
            steps = times * (CLOSE_STEPS if self._gap(best) < FAR_FRACTION else STEPS)
            limits = Limits(self.problem.room, usual, low, high)
            prices = self._approached(np.clip(prices, low, high), limits, steps)
            care = QUICK if self._gap(best) >= FAR_FRACTION else USUAL if times == 1 else CLOSE
            self.price(prices, care)
            is_stale = self.hoped <= best + CLOSE_FRACTION * abs(best)
            if self.hoped > best:
                best, middle = self.hoped, prices
            left = (self.value - self.hoped) / max(abs(self.value), _EPSILON)
            if is_stale and left <= CLOSE_FRACTION:
                is_done = times > 1 and left <= DONE_FRACTION
                times *= 2
                if is_done or times > MOST_TIMES:
                    return

    def _gap(self, best: float) -> float:
        """Return by which fraction the known columns cost more than the best bound."""
        if self.value >= INFINITY:
            return 1.0
        return (self.value - max(best, self.bound)) / max(abs(self.value), _EPSILON)

    def _approached(self, prices: Floats, limits: Limits, steps: int) -> Floats:
        """Return prices of the limits at which the known columns cost most; move the parts that are taken."""
        needs = self.problem.needs.count
        reduced = self.reduced(prices)
        cheapest = self._least(reduced)[self.columns.need]
        over = reduced - cheapest
        is_worth = (over <= DEAR_FRACTION * np.abs(cheapest)) | (self.parts > 0)
        is_worth[:needs] = True
        worth = np.flatnonzero(is_worth)
        order = worth[np.argsort(self.columns.need[worth], kind="stable")]
        need = self.columns.need[order]
        start = np.searchsorted(need, np.arange(needs + 1))
        column, limit, amount = self.taken
        first = np.searchsorted(column, np.arange(self.columns.size + 1))
        owner, at = spans(first[order], first[order + 1] - first[order])
        bundle = Bundle(
            start, self.values[order], np.searchsorted(owner, np.arange(order.size + 1)), limit[at], amount[at]
        )
        part = self.parts[order]
        first_of_need = np.lexsort((over[order], need))[start[:-1]]
        part[first_of_need[np.bincount(need, part, needs) <= 0]] = 1.0
        steps *= MORE if at.size < FEW_ENTRIES else 1
        found = approach(bundle, part, prices.copy(), limits, steps, EVERY)
        self.parts[:] = 0.0
        self.parts[order] = part
        self.value = least(bundle, found, limits.room)
        return found

    def likeliest(self) -> Columns:
        """Return the column of each need of which most is taken."""
        return self._first_by(-self.parts)

    def drawn(self) -> Columns:
        """Return a column of each need, drawn by the parts that are taken; the same ones each time."""
        chance = np.random.default_rng(0).random(self.parts.size)
        return self._first_by(np.log(np.maximum(chance, _EPSILON)) / -np.maximum(self.parts, _EPSILON**2))

    def _first_by(self, key: Floats) -> Columns:
        order = np.lexsort((np.arange(key.size), key, self.columns.need))
        _, firsts = np.unique(self.columns.need[order], return_index=True)
        return self.columns.of(order[firsts])
