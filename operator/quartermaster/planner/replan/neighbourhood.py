"""A plan of before made good: the few deployments that something happened to are planned again, and few others.

Prices of the limits are those of before. At these prices the least price of a need is known as long as nothing about it
has changed, so a bound on every plan is at hand without asking anybody else.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quartermaster.planner.covers.cheapest import Covers
from quartermaster.planner.numerics.arrays import Bools, Floats, Ints
from quartermaster.planner.posing.column import chosen_columns, paid_of, unmet_of, value_of
from quartermaster.planner.posing.problem import Problem
from quartermaster.planner.solver.whole import SOME, Whole

NEIGHBOURS = (0, 16, 80)
"""Others that are planned again beside, in the first, second and third attempt."""
WELL_FRACTION = 3e-3
"""A plan this close to its bound is not worth another attempt ..."""
LOSS_FRACTION = 5e-4
"""... nor one that the change brought no further from it."""
FEW = 32
"""Needs that changed which are all planned again; of more only those that lose by staying."""
MOST_AGAIN = 150
"""Needs beyond which everything is planned anew."""
BUMP_FRACTION = 0.3
"""Of a chip's usual price: by how much limits get dearer, to see who would give way."""
_SLACK = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """A plan of before in a problem that is otherwise."""

    problem: Problem
    counts: Ints
    """By option; what they take may be more than there is."""
    prices: Floats
    """Of the limits, as before; 0 for new ones."""
    least: Floats
    """Least price of each need at these prices; nothing is known of those that are ``unknown``."""
    unknown: Bools
    """Needs of which no least price is known."""
    changed: Bools
    """Needs that are new or ask otherwise."""
    loose_room: Floats
    """Room of the limits where what runs would make way."""
    gap_fraction: float
    """Of the plan before, at these prices."""


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """Counts that serve every need, with what is proven."""

    counts: Ints
    objective: float
    bound: float
    least: Floats
    attempt: int
    """The attempt that found them, from 0."""

    @property
    def gap_fraction(self) -> float:
        """Fraction of the objective by which the plan may be above the optimum."""
        return max(0.0, self.objective - self.bound) / max(self.objective, _SLACK)


def mended(start: Start, *, goal_fraction: float, is_late: Callable[[], bool], first_attempt: int = 0) -> Ended | None:
    """Return a plan within the goal of its bound, with as few deployments planned again as do; None when none does.

    Attempts before the first one are known to be of no use.
    """
    least = start.least.copy()
    unknown = np.flatnonzero(start.unknown)
    least[unknown] = least_prices(start.problem, unknown, start.prices, start.loose_room)
    bound = float(least.sum() - start.prices @ start.loose_room)
    counts, again = _fitting(start, least)
    if again.size > MOST_AGAIN:
        return None
    best: Ended | None = None
    for attempt, others in list(enumerate(NEIGHBOURS))[first_attempt:]:
        chosen = again if not others else _with_neighbours(start, counts, again, least, others)
        if attempt > first_attempt and chosen.size == again.size:
            break
        counts = _planned(start, counts, chosen, least, is_late=is_late)
        columns = chosen_columns(start.problem, counts)
        if unmet_of(start.problem, columns).is_nothing.all():
            objective = float(value_of(start.problem, columns).sum())
            if best is None or objective < best.objective:
                best = Ended(counts, objective, min(bound, objective), least, attempt)
            if best.gap_fraction <= min(max(WELL_FRACTION, start.gap_fraction + LOSS_FRACTION), goal_fraction):
                break
        if is_late():
            break
    return best if best is not None and best.gap_fraction <= goal_fraction else None


def least_prices(problem: Problem, chosen: Ints, prices: Floats, room: Floats) -> Floats:
    """Return the least price of each of some needs at prices of the limits."""
    if not chosen.size:
        return np.zeros(0)
    part = problem.part(chosen, room)
    covers = Covers(part.problem)
    found: Floats = covers.cheapest(prices[part.limits], np.full(chosen.size, np.inf)).bound
    return found


def _losing(start: Start, least: Floats) -> Bools:
    """Return which of the needs that changed are to be planned again: those unmet, and those that lose most."""
    problem = start.problem
    if int(start.changed.sum()) <= FEW:
        return start.changed.copy()
    columns = chosen_columns(problem, start.counts)
    values = value_of(problem, columns)
    regret = values + paid_of(problem, columns, start.prices) - least
    is_unmet = ~unmet_of(problem, columns).is_nothing
    released = start.changed & is_unmet
    candidates = np.flatnonzero(start.changed & ~is_unmet)
    candidates = candidates[np.argsort(-regret[candidates], kind="stable")]
    left = regret[candidates].sum() - np.cumsum(regret[candidates])
    worst = np.flatnonzero(left + regret[candidates] > WELL_FRACTION / 2 * values[~is_unmet].sum())
    released[candidates[worst]] = True
    return released


def _fitting(start: Start, least: Floats) -> tuple[Ints, Ints]:
    """Return counts that fit, and the needs to be planned again: those that gave way have nothing."""
    problem, options = start.problem, start.problem.options
    released = _losing(start, least)
    released[options.need[start.counts > options.most]] = True
    counts = np.where(released[options.need], 0, start.counts)
    over = problem.taken(counts) - problem.room
    rows = np.flatnonzero(over > _SLACK)
    if rows.size:
        order, holds = _yielding(start, counts, rows, least)
        for need in order.tolist():
            if (over[rows] <= _SLACK).all():
                break
            over[rows] -= holds[need]
            released[need] = True
        counts = np.where(released[options.need], 0, counts)
    return counts, np.flatnonzero(released)


def _yielding(start: Start, counts: Ints, rows: Ints, least: Floats) -> tuple[Ints, dict[int, Floats]]:
    """Return the needs that hold something of these limits, those first that would go elsewhere for least.

    The second value is how much each holds of each limit.
    """
    problem, usage = start.problem, start.problem.usage
    place = np.full(problem.room.size, -1)
    place[rows] = np.arange(rows.size)
    taken = np.flatnonzero(counts)
    owner, at = usage.entries(taken)
    own = place[usage.limit[at]] >= 0
    option, at = taken[owner[own]], at[own]
    holders, inverse = np.unique(problem.options.need[option], return_inverse=True)
    held = np.zeros((holders.size, rows.size))
    np.add.at(held, (inverse, place[usage.limit[at]]), usage.amount[at] * counts[option])
    if not holders.size:
        return holders, {}
    bumped = start.prices.copy()
    bump = BUMP_FRACTION * _usual_price(problem)
    bumped[rows] += bump
    dearer = least_prices(problem, holders, bumped, start.loose_room) - least[holders]
    order = np.argsort(dearer / (bump * held.sum(axis=1)), kind="stable")
    return holders[order], dict(zip(holders.tolist(), held, strict=True))


def _usual_price(problem: Problem) -> float:
    """Return dollars per hour of a chip in the middle."""
    inside = problem.options.chips > 0
    if not inside.any():
        return 1.0
    return float(np.median(problem.options.price[inside] / problem.options.chips[inside]))


def _with_neighbours(start: Start, counts: Ints, again: Ints, least: Floats, most: int) -> Ints:
    """Return needs with those that hold what they want and would go elsewhere for least."""
    rows = start.problem.wanted(again, start.prices)
    order, _ = _yielding(start, counts, rows, least)
    others = order[~np.isin(order, again)][:most]
    return np.sort(np.concatenate([again, others]))


def _planned(start: Start, counts: Ints, chosen: Ints, least: Floats, *, is_late: Callable[[], bool]) -> Ints:
    """Return counts in which the chosen needs are planned again together, on the room that all others leave."""
    problem = start.problem
    if not chosen.size:
        return counts
    part, others = problem.apart(chosen, counts)
    covers = Covers(part.problem)
    whole = Whole(part.problem, covers, start.prices[part.limits])
    whole.hold(chosen_columns(part.problem, counts[part.options]))
    if chosen.size == 1:
        whole.fill(np.zeros(1, dtype=np.int64))
    else:
        whole.improve(SOME, least=least[chosen], goal=-np.inf, is_late=is_late)
    made = others.copy()
    made[part.options] = whole.counts
    return made
