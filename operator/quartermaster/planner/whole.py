"""Whole plans of a problem: begun from columns, eased until they fit, then improved. The moves are ``easing``'s."""

from collections.abc import Callable, Sequence

import numpy as np

from quartermaster.planner.arrays import Floats, Ints
from quartermaster.planner.branch import Effort
from quartermaster.planner.column import Columns, chosen_columns, paid_of, total_of, value_of
from quartermaster.planner.cover import Covers
from quartermaster.planner.easing import better, ease, improve
from quartermaster.planner.problem import Problem
from quartermaster.planner.standing import BACK, MOST_FINE, Ground, desk_of, hold, log_of, shift, standing_of

EFFORT = Effort(0.0, 0.0, 1_000, 8)
"""How closely the covers of a move are looked for ..."""
THOROUGH = Effort(0.0, 0.0, 20_000, 64)
"""... and where a plan left a need without room that way."""
FIRST_FINE = 0.1
"""Part of its price by which a limit that is overdrawn is fined at first."""
UNPRICED_FRACTION = 0.1
"""Part of a usual price that a limit without a price counts as."""
GROWTH = 1.5
"""By how much fines grow where nothing moves."""
COVERS = 100_000
"""Covers that are looked for until fines grow steeply."""
MOVES = 2_000
"""Moves of others for one need that takes what it would like best ..."""
TRIED = 200
"""... and covers that are looked for ..."""
TRIED_WITHOUT_ROOM = 5_000
"""... or where the need has nothing."""
PASSES = 8
"""Times that all needs are tried."""
CHUNK = 64
"""Needs that are tried between two looks at the clock."""
NEAR_FRACTION = 1e-6
"""Part of the objective that a pass is to gain."""


class Whole:
    """A whole plan in the making: every need holds a column or nothing."""

    def __init__(self, problem: Problem, covers: Covers, prices: Floats, effort: Effort = EFFORT) -> None:
        """Begin with nothing held; prices are those of the limits."""
        self.problem = problem
        self._covers, self._prices = covers, prices
        items, usage, options = covers.items, problem.usage, problem.options
        count = problem.needs.count
        wanted = np.unique(usage.limit * count + options.need[usage.option])
        self._ground = Ground(
            items,
            covers.wants,
            usage.start.astype(np.int64),
            usage.limit.astype(np.int64),
            usage.amount,
            np.searchsorted(wanted // count, np.arange(problem.room.size + 1)),
            wanted % count,
            covers.base,
            covers.before,
            covers.idle,
            prices,
            problem.room,
        )
        self._standing = standing_of(count, problem.room.size)
        self._standing.cost[:] = covers.idle
        self._standing.free[:] = problem.room
        entries = np.bincount(items.need, np.diff(usage.start)[items.option], count)
        widest = int(np.diff(items.start).max(initial=0))
        self._desk = desk_of(widest, int(entries.max(initial=0)), count, problem.room.size, effort)
        self._log = log_of(MOVES + 1)
        priced = prices[prices > 0]
        usual = float(np.median(priced)) if priced.size else 1.0
        self._fine = prices + UNPRICED_FRACTION * usual

    @property
    def counts(self) -> Ints:
        """Counts by option of what is held."""
        standing = self._standing
        counts = np.zeros(self.problem.options.count, dtype=np.int64)
        held = np.arange(standing.item.shape[1]) < standing.size[:, None]
        np.add.at(counts, self._covers.items.option[standing.item[held]], standing.times[held])
        return counts

    def hold(self, columns: Columns) -> None:
        """Let needs hold these columns instead of what they hold; a need may not come twice."""
        ground, standing = self._ground, self._standing
        starts, costs = (
            columns.start.tolist(),
            (value_of(self.problem, columns) - self._covers.stop[columns.need]).tolist(),
        )
        for need, first, last, cost in zip(columns.need.tolist(), starts[:-1], starts[1:], costs, strict=True):
            shift(ground, standing, need, BACK)
            standing.size[need], standing.cost[need] = 0, ground.idle[need]
            hold(ground, standing, need, columns.option[first:last], columns.count[first:last], cost)

    def ease(self, *, is_late: Callable[[], bool]) -> None:
        """Let needs make way until everything fits; where it is late, at any price."""
        self._standing.fine[:] = FIRST_FINE * self._fine
        no_log = log_of(0)
        ease(
            self._ground,
            self._standing,
            1.0,
            GROWTH,
            0 if is_late() else COVERS,
            np.inf,
            self._desk,
            no_log,
        )

    def improve(self, *, least: Floats, goal: float, is_late: Callable[[], bool], passes: int = PASSES) -> None:
        """Let needs have what they would like best, those first that lose most, until the objective reaches the goal.

        ``least`` is the least price of every need at the prices of the limits.
        """
        for _ in range(passes):
            counts = self.counts
            before = total_of(self.problem, counts)
            if before <= goal or is_late():
                return
            columns = chosen_columns(self.problem, counts)
            regret = value_of(self.problem, columns) + paid_of(self.problem, columns, self._prices) - least
            gain = 0.0
            for chunk in _chunks(np.argsort(-regret, kind="stable")):
                gain += self._improve(chunk)
                if is_late():
                    return
            if gain <= NEAR_FRACTION * abs(before):
                return

    def _improve(self, needs: Ints) -> float:
        standing = self._standing
        return improve(
            self._ground,
            standing,
            needs,
            self._fine,
            GROWTH,
            np.where(standing.size[needs] == 0, TRIED_WITHOUT_ROOM, TRIED),
            self._desk,
            self._log,
        )

    def fill(self, needs: Sequence[int]) -> None:
        """Let needs that hold nothing have what still fits, one after another."""
        self._standing.fine[:] = MOST_FINE
        for need in needs:
            better(
                self._ground,
                self._standing,
                need,
                0.0,
                self._desk,
            )


def _chunks(order: Ints) -> list[Ints]:
    return [order[first : first + CHUNK] for first in range(0, order.size, CHUNK)]
