"""What a plan hands to the next one: what it was made from, and what was found out on the way. Values, and no choice.

It is not part of a plan's value: plans are equal whatever they know.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from quartermaster.planner.arrays import Bools, Floats
from quartermaster.planner.column import chosen_columns, paid_of, unmet_of, value_of
from quartermaster.planner.cover import Covers
from quartermaster.planner.fleet import Key, Pool, Workload
from quartermaster.planner.master import Master
from quartermaster.planner.plan import Placement, Shortfall
from quartermaster.planner.pose import Posed
from quartermaster.planner.problem import Needs, Problem
from quartermaster.planner.solve import Solution
from quartermaster.planner.start import first_prices
from quartermaster.planner.unmet import met


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What a plan was made from, and what is proven about it."""

    given: tuple[Pool, ...]
    """Pools as they were handed in ..."""
    sorted_by_id: Mapping[int, Pool]
    """... and each with its hosts in order, by the identity of the one handed in."""
    workload_by_key: Mapping[Key, Workload]
    posed: Posed
    asked: Needs
    """Needs as far as they are met: the plan is the cheapest that was found among those that serve as much."""
    is_short: Bools
    """By need: whether less is asked than it wants."""
    solution: Solution
    least: Floats
    """Least price of each need, as it is asked for, at the solution's prices."""
    gap_fraction: float
    """Gap of the plan, of what is asked, to the bound at these prices."""
    goal_fraction: float
    """Gap that was reached when everything was planned anew."""
    placements_by_key: Mapping[Key, tuple[Placement, ...]]
    shortfall_by_key: Mapping[Key, Shortfall]


def asked_of(problem: Problem, solution: Solution) -> tuple[Needs, Bools]:
    """Return the needs as far as a solution meets them, and which of them are not met whole."""
    unmet = unmet_of(problem, chosen_columns(problem, solution.counts))
    return met(problem.needs, unmet), ~unmet.is_nothing


def least_of(problem: Problem, solution: Solution, loose: Floats) -> tuple[Floats, float]:
    """Return the least price of every need at the solution's prices, and the gap to the bound that they add up to.

    Args:
        problem: asks for what the solution meets.
        solution: counts and prices.
        loose: room of the limits when nothing is settled.
    """
    columns = chosen_columns(problem, solution.counts)
    values, paid = value_of(problem, columns), paid_of(problem, columns, solution.prices)
    least = Covers(problem).cheapest(solution.prices, values + paid).bound
    bound, objective = float(least.sum() - solution.prices @ loose), float(values.sum())
    return least, max(0.0, objective - bound) / objective if objective > 0 else 0.0


def repriced(problem: Problem, solution: Solution, *, is_late: Callable[[], bool]) -> Solution:
    """Return the solution with prices that belong to the problem: it asks for what the solution meets."""
    master = Master(problem)
    master.add(chosen_columns(problem, solution.counts))
    master.generate(first_prices(problem), is_late=is_late)
    return replace(solution, prices=master.prices, columns=master.columns)
