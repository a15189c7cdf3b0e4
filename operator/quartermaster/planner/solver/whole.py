"""Whole plans of a problem: begun from columns, eased until they fit, then improved. The moves are ``easing``'s."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from quartermaster.planner.covers.cheapest import Covers
from quartermaster.planner.covers.records import DEPTH, Effort, room_for
from quartermaster.planner.numerics.arrays import Floats, Ints
from quartermaster.planner.posing.column import Columns, chosen_columns, paid_of, total_of, unmet_of, value_of
from quartermaster.planner.posing.problem import Problem, softened
from quartermaster.planner.posing.unmet import met
from quartermaster.planner.solver.easing import NOBODY, improve
from quartermaster.planner.solver.standing import MOST_FINE, Ground, Limit, desk_of, hold, log_of, standing_of

EFFORT = Effort(0.0, 0.0, 1_000, 8)
"""How closely the covers of a move are looked for ..."""
THOROUGH = Effort(0.0, 0.0, 20_000, 64)
"""... and where a plan left a need without room that way."""
UNPRICED_FRACTION = 0.1
"""Part of a usual price that a limit without a price counts as."""
GROWTH = 1.5
"""By how much fines grow where nothing moves."""
COVERS_EACH = 200
"""Covers for each need that are looked for until fines grow steeply."""
MOVES = 2_000
"""Moves of others for one need that takes what it would like best ..."""
TRIED = 200
"""... and covers that are looked for ..."""
TRIED_WITHOUT_ROOM = 5_000
"""... or where the need has nothing."""
CHUNK = 64
"""Needs that are tried between two looks at the clock."""


class Easing(NamedTuple):
    """How needs make way for what is overdrawn."""

    fine: float
    """Part of its price by which a limit that is overdrawn is fined at first."""
    weight: float
    """Part of the prices of limits that counts for what is not overdrawn."""


FIRST = Easing(0.05, 1.0)
"""Where needs begin with what they would like best ..."""
AGAIN = Easing(0.3, 0.9)
"""... and where few are in the way of a plan that is good already: moves that free what others want count for more."""


class Passes(NamedTuple):
    """How a whole plan is improved."""

    weights: tuple[float, ...]
    """Part of the prices of limits that counts where room is free, pass by pass: at first for what others want most."""
    most: int | None
    """Needs that are tried in a pass, those first that lose most; all where it is None."""
    growth: float
    """By how much fines grow where nothing moves."""


ALL = Passes((0.8, 0.6, 0.4, 0.2, 0.0), None, 1.5)
SOME = Passes((0.4, 0.0), 150, 4.0)


class Whole:
    """A whole plan in the making: every need holds a column or nothing."""

    def __init__(
        self,
        problem: Problem,
        covers: Covers,
        prices: Floats,
        effort: Effort = EFFORT,
        ground: Ground | None = None,
    ) -> None:
        """Begin with nothing held; prices are those of the limits, and the ground is that of these."""
        self.problem = problem
        self._covers, self._prices = covers, prices
        self._ground = ground_of(problem, covers, prices) if ground is None else ground
        self._standing = standing_of(problem.needs.count, problem.room.size)
        self._standing.needs["cost"][:] = covers.idle
        self._standing.limits["free"][:] = problem.room
        entries = np.bincount(covers.items["need"], covers.items["end"] - covers.items["first"], problem.needs.count)
        self._desk = desk_of(covers.widest, int(entries.max(initial=0)), effort)
        self._log = log_of(MOVES + 1)
        priced = prices[prices > 0]
        usual = float(np.median(priced)) if priced.size else 1.0
        self._fine = prices + UNPRICED_FRACTION * usual

    @property
    def counts(self) -> Ints:
        """Counts by option of what is held."""
        size, held = self._standing.needs["size"], self._standing.held
        counts = np.zeros(self.problem.options.count, dtype=np.int64)
        is_held = np.arange(DEPTH) < size[:, None]
        np.add.at(counts, self._covers.items["option"][held["item"][is_held]], held["times"][is_held])
        return counts

    def hold(self, columns: Columns) -> None:
        """Let needs hold these columns instead of what they hold; a need may not come twice."""
        costs = value_of(self.problem, columns) - self._covers.stop[columns.need]
        hold(self._ground, self._standing, columns.need, columns.start, columns.option, columns.count, costs)

    def ease(self, how: Easing, *, is_late: Callable[[], bool]) -> None:
        """Let needs make way until everything fits; where it is late, at any price."""
        covers = 0 if is_late() else COVERS_EACH * self.problem.needs.count
        improve(
            self._ground,
            self._standing,
            np.array([NOBODY]),
            how.fine * self._fine,
            how.weight,
            GROWTH,
            np.array([covers]),
            self._desk,
            log_of(0),
        )

    def improve(self, passes: Passes, *, least: Floats, goal: float, is_late: Callable[[], bool]) -> None:
        """Let needs have what they would like best, those first that lose most, until the objective reaches the goal.

        ``least`` is the least price of every need at the prices of the limits.
        """
        for weight in passes.weights:
            counts = self.counts
            if total_of(self.problem, counts) <= goal or is_late():
                return
            columns = chosen_columns(self.problem, counts)
            regret = value_of(self.problem, columns) + paid_of(self.problem, columns, self._prices) - least
            for chunk in _chunks(np.argsort(-regret, kind="stable")[: passes.most]):
                self._improve(chunk, self._fine, weight, passes.growth)
                if is_late():
                    return

    def _improve(self, needs: Ints, fine: Floats, weight: float = 0.0, growth: float = GROWTH) -> None:
        has_nothing = self._standing.needs["size"][needs] == 0
        most = np.where(has_nothing, TRIED_WITHOUT_ROOM, TRIED)
        improve(self._ground, self._standing, needs, fine, weight, growth, most, self._desk, self._log)

    def serve(self) -> None:
        """Let needs that hold nothing have what others make way for."""
        lost = np.flatnonzero(self._standing.needs["size"] == 0)
        self._improve(lost, self._fine)

    def fill(self, needs: Ints) -> None:
        """Let needs that hold nothing have what still fits, one after another."""
        self._improve(needs, np.full(self._fine.size, MOST_FINE))


def ground_of(problem: Problem, covers: Covers, prices: Floats) -> Ground:
    """Return the numbers that stay while plans of a problem are made."""
    start = covers.laid.starts(problem.room.size)
    limits = room_for(Limit, problem.room.size)
    limits["price"][:], limits["room"][:] = prices, problem.room
    limits["first"][:], limits["end"][:] = start[:-1], start[1:]
    return Ground(covers.items, covers.wants, covers.laid.uses, limits, covers.laid.wanted_by)


def refitted(covers: Covers, counts: Ints, prices: Floats, *, least: Floats, is_late: Callable[[], bool]) -> Ints:
    """Return counts that fit into the limits of a problem, made from some that may not.

    A need that loses everything has what is left, before others take it. ``least`` is the least price of every need at
    these prices of the limits.
    """
    problem = covers.problem
    whole = _holding(covers, counts, prices)
    whole.ease(AGAIN, is_late=is_late)
    whole.serve()
    counts = whole.counts
    lost = np.flatnonzero(~unmet_of(problem, chosen_columns(problem, counts)).is_nothing)
    if lost.size:
        whole = _holding(Covers(softened(problem), like=covers), counts, prices)
        whole.fill(lost[np.argsort(-problem.needs.dearest[lost], kind="stable")])
        needs = met(problem.needs, unmet_of(problem, chosen_columns(problem, whole.counts)))
        whole = _holding(Covers(replace(problem, needs=needs), like=covers), whole.counts, prices)
    whole.improve(SOME, least=least, goal=-np.inf, is_late=is_late)
    return whole.counts


def _holding(covers: Covers, counts: Ints, prices: Floats) -> Whole:
    whole = Whole(covers.problem, covers, prices)
    whole.hold(chosen_columns(covers.problem, counts))
    return whole


def _chunks(order: Ints) -> list[Ints]:
    return [order[first : first + CHUNK] for first in range(0, order.size, CHUNK)]
