"""The joint problem solved: the cheapest counts among those that leave least unserved, priority by priority.

A plan that meets every need whole is sought first. A need that cannot be met even alone is asked for what it can have.
Where there is still no full plan, needs of the highest priority go short as little as possible, then those of the next,
each held while the next is looked at; cost comes last.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from quartermaster.planner.covers.cheapest import CLOSE, PROOF, Covers
from quartermaster.planner.covers.records import Effort
from quartermaster.planner.numerics import cores
from quartermaster.planner.numerics.arrays import Bools, Floats, Ints
from quartermaster.planner.numerics.highs import Stop
from quartermaster.planner.posing.column import Columns, chosen_columns, running_columns, total_of, unmet_of
from quartermaster.planner.posing.problem import Problem, softened
from quartermaster.planner.posing.unmet import met
from quartermaster.planner.solver.combine import combine
from quartermaster.planner.solver.compact import compact
from quartermaster.planner.solver.master import Master
from quartermaster.planner.solver.start import first_prices
from quartermaster.planner.solver.whole import ALL, EFFORT, FIRST, THOROUGH, Whole, ground_of

GOAL_FRACTION = 1e-3
"""A plan this close to its bound is not improved any more."""
URGENCY = 4.0
"""How many times dearer it is to leave a need without room than one of the next lower priority ..."""
URGENT_RANKS = 4
"""... up to so many priorities above the lowest."""
SOME_NEEDS = 250
"""Needs of a problem that one integer program is tried on where some find no room."""
_SLACK = 1e-6
FEW_NEEDS = 80
"""Needs of a problem that is solved to the end."""
TO_THE_END = Stop(gap_fraction=1e-7, nodes=2_000, seconds=10.0)


def never() -> bool:
    """Return that there is time."""
    return False


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Counts by option, with what they cost and what is proven."""

    counts: Ints
    objective: float
    bound: float
    """At least as little unserved, by priority, cannot be had for less."""
    prices: Floats
    """Dollars per hour for one unit of each limit."""
    least: Floats
    """Least price of each need at these prices, where it is met whole."""
    columns: Columns
    """Replica vectors that the next plan may begin with."""

    def prices_of(self, limits: int) -> Floats:
        """Return the prices of so many limits: 0 for those that came behind the ones it knew."""
        return np.concatenate([self.prices, np.zeros(limits - self.prices.size)])


def solve(
    problem: Problem,
    priority: Ints,
    *,
    is_late: Callable[[], bool] = never,
    known: tuple[Floats, Columns] | None = None,
) -> Solution:
    """Return the best counts found, with a bound that holds even where it was late.

    Args:
        problem: needs, all of them to be met whole.
        priority: of each need.
        is_late: whether to stop as soon as there is a plan.
        known: prices and columns of an earlier plan of the same limits and options.
    """
    if not problem.needs.count:
        nothing = np.zeros(0, dtype=np.int64)
        return Solution(nothing, 0.0, 0.0, np.zeros(problem.room.size), np.zeros(0), Columns.joined([]))
    problem = _urged(problem, priority)
    asked = _possible_alone(problem, _is_hopeless(problem))
    found = _solve_hard(asked, is_late=is_late, known=known)
    if _unserved(asked, found.counts).any():
        if problem.needs.count > FEW_NEEDS or is_late():
            asked, found = _with_the_rest(problem, asked, found, is_late=is_late)
        else:
            asked = _possible_alone(asked, _unserved(asked, found.counts))
            again = _solve_hard(asked, is_late=is_late, known=(found.prices, found.columns))
            if _unserved(asked, again.counts).any():
                asked, again = _by_priority(problem, asked, priority, is_late=is_late)
            found = again
    objective = objective_of(problem, found.counts)
    # What stays unmet is priced in both: the bound is that of every plan that leaves as little unserved.
    bound = objective - found.objective + found.bound
    if is_late() and _unserved(problem, found.counts).any():
        # Nobody knows whether that little could have been served.
        bound = min(bound, _soft_bound(problem, found.prices))
    return replace(found, objective=objective, bound=min(objective, bound))


def objective_of(problem: Problem, counts: Ints) -> float:
    """Return what counts cost, with preferences, changes and whatever stays unmet priced in."""
    return total_of(softened(problem), counts)


def _solve_hard(
    problem: Problem,
    *,
    is_late: Callable[[], bool],
    known: tuple[Floats, Columns] | None = None,
    is_hasty: bool = False,
) -> Solution:
    """Return the cheapest plan found that meets needs whole, or, where they are soft, as far as pays.

    In haste, no second plan is sought where the first one leaves a need without room.
    """
    master = Master(problem)
    master.add(running_columns(problem))
    if known is not None:
        master.add(known[1])
    master.generate(first_prices(problem) if known is None else known[0], is_late=is_late)
    master.price(master.prices, PROOF)
    counts, bound = _whole(master, is_hasty=is_hasty, is_late=is_late), master.bound
    if problem.needs.count <= FEW_NEEDS and not is_late():
        better, bound = combine(master, chosen_columns(problem, counts), TO_THE_END)
        if better is not None and total_of(problem, better) < total_of(problem, counts):
            counts = better
    if not is_late() and not problem.needs.is_soft.any():
        counts, bound = _by_one_program(problem, counts, bound)
    objective = total_of(problem, counts)
    return Solution(counts, objective, min(bound, objective), master.prices, master.least, master.columns)


def _whole(master: Master, *, is_hasty: bool, is_late: Callable[[], bool]) -> Ints:
    """Return the best whole plan found: where all leave a need without room, another is sought more closely."""
    problem, least = master.problem, master.known(master.prices)
    ground = ground_of(problem, master.covers, master.prices)

    def made(begin: Columns, effort: Effort) -> tuple[float, Ints]:
        whole = Whole(problem, master.covers, master.prices, effort, ground)
        whole.hold(begin)
        whole.ease(FIRST, is_late=is_late)
        whole.improve(ALL, least=least, goal=master.bound * (1 + GOAL_FRACTION), is_late=is_late)
        return total_of(problem, whole.counts), whole.counts

    tries = cores.beside(lambda: made(master.likeliest(), EFFORT), lambda: made(master.drawn(), EFFORT))
    if not (is_hasty or is_late() or any(not _unserved(problem, counts).any() for _, counts in tries)):
        tries.append(made(master.likeliest(), THOROUGH))
    return min(tries, key=lambda one: one[0])[1]


def _by_one_program(problem: Problem, counts: Ints, bound: float) -> tuple[Ints, float]:
    """Return better counts and bound, where the problem is small enough for one program and these are far off."""
    before = total_of(problem, counts)
    is_short = bool(_unserved(problem, counts).any())
    is_near = not is_short and before - bound <= GOAL_FRACTION * abs(before)
    if is_near or problem.needs.count > (SOME_NEEDS if is_short else FEW_NEEDS):
        return counts, bound
    found, proven = compact(problem)
    if found is None or _unserved(problem, found).any() or (problem.taken(found) > problem.room + _SLACK).any():
        return counts, bound
    own = total_of(problem, found)
    return (found, max(bound, proven)) if own < before else (counts, max(bound, proven))


def _urged(problem: Problem, priority: Ints) -> Problem:
    """Return the problem in which a need of a higher priority is dearer to leave without room."""
    rank = np.unique(priority, return_inverse=True)[1]
    urgency = URGENCY ** np.minimum(rank, URGENT_RANKS).astype(np.float64)
    return replace(problem, needs=replace(problem.needs, dearest=problem.needs.dearest * urgency))


def _with_the_rest(
    problem: Problem, asked: Problem, found: Solution, *, is_late: Callable[[], bool]
) -> tuple[Problem, Solution]:
    """Return what a large problem may ask for when needs without room have what still fits, and the solution.

    Who goes short was decided where room was looked for: needs of a higher priority weigh more.
    """
    soft = softened(problem)
    whole = Whole(soft, Covers(soft), found.prices)
    whole.hold(chosen_columns(asked, found.counts))
    short = np.flatnonzero(_unserved(asked, found.counts))
    whole.fill(short[np.argsort(-problem.needs.dearest[short], kind="stable")])
    counts = whole.counts
    asked = _asking(asked, np.arange(problem.needs.count), asked, counts)
    again = _solve_hard(asked, is_late=is_late, known=(found.prices, found.columns), is_hasty=True)
    if _unserved(asked, again.counts).any():
        objective = total_of(asked, counts)
        again = replace(again, counts=counts, objective=objective, bound=min(again.bound, objective))
    return asked, again


def _soft_bound(problem: Problem, prices: Floats) -> float:
    """Return what no plan undercuts, whatever it leaves unserved."""
    covers = Covers(softened(problem))
    priced = covers.cheapest(prices, np.full(problem.needs.count, np.inf), CLOSE)
    return float(priced.bound.sum() - prices @ problem.room)


def _is_hopeless(problem: Problem) -> Bools:
    """Return which needs ask for more than all their options could be together."""
    needs, options = problem.needs, problem.options
    served = np.bincount(options.need, options.share * options.most, needs.count)
    inside = np.bincount(options.need, np.where(options.is_external, 0, options.most), needs.count)
    hopeless: Bools = (served < needs.rate - _SLACK) | (inside < needs.least)
    return hopeless


def _unserved(problem: Problem, counts: Ints) -> Bools:
    """Return which needs are not met as they are asked for."""
    return ~unmet_of(problem, chosen_columns(problem, counts)).is_nothing


def _possible_alone(problem: Problem, unserved: Bools) -> Problem:
    """Return the problem in which each unserved need asks for no more than it can have in an empty fleet."""
    for need in np.flatnonzero(unserved).tolist():
        part = problem.part(np.array([need]), problem.room)
        alone = softened(part.problem)
        found = _solve_hard(alone, is_late=never)
        problem = _asking(problem, part.needs, alone, found.counts)
    return problem


def _asking(problem: Problem, chosen: Ints, part: Problem, counts: Ints) -> Problem:
    """Return the problem in which the chosen needs ask for what counts of their part of it meet."""
    less = met(part.needs, unmet_of(part, chosen_columns(part, counts)))
    return replace(problem, needs=problem.needs.asking(chosen, less))


def _by_priority(
    problem: Problem, asked: Problem, priority: Ints, *, is_late: Callable[[], bool]
) -> tuple[Problem, Solution]:
    """Return what can be asked for, the highest priority first, and the solution.

    ``asked`` is what each need can have alone. Shortage is always measured by the whole need.
    """
    missed = 0.0
    for rank in np.unique(priority)[::-1]:
        active = np.flatnonzero(priority >= rank)
        part = asked.part(active, asked.room)
        found = _solve_hard(part.problem, is_late=is_late)
        if not _unserved(part.problem, found.counts).any():
            continue
        own = np.flatnonzero(priority == rank)
        wanted = replace(asked, needs=asked.needs.asking(own, problem.needs.of(own)))
        whole = wanted.part(active, asked.room).problem
        soft = replace(whole, needs=replace(whole.needs, is_soft=priority[active] == rank))
        found = _solve_hard(soft, is_late=is_late)
        asked = _asking(asked, active, whole, found.counts)
        missed += found.objective - found.bound
    counts = np.zeros(problem.options.count, dtype=np.int64)
    counts[part.options] = found.counts
    found = replace(found, bound=found.objective - missed if missed else found.bound)
    return asked, _solved(asked, counts, found, part.limits)


def _solved(problem: Problem, counts: Ints, found: Solution, limits: Ints) -> Solution:
    prices = np.zeros(problem.room.size)
    prices[limits] = found.prices
    objective = total_of(problem, counts)
    columns = chosen_columns(problem, counts)
    return Solution(counts, objective, min(objective, found.bound), prices, np.zeros(problem.needs.count), columns)
