"""What a plan hands to the next one: what it was made from, and what was found out on the way. Values, and no choice.

It is not part of a plan's value: plans are equal whatever they know.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from quartermaster.planner.covers.cheapest import PROOF, Covers
from quartermaster.planner.fleet import Key, Pool, Workload
from quartermaster.planner.numerics.arrays import Bools
from quartermaster.planner.plan import Placement, Shortfall
from quartermaster.planner.posing.column import chosen_columns, paid_of, total_of, unmet_of, value_of
from quartermaster.planner.posing.pose import Posed
from quartermaster.planner.posing.problem import Needs, Problem
from quartermaster.planner.posing.unmet import met
from quartermaster.planner.solver.master import Master
from quartermaster.planner.solver.solve import Solution
from quartermaster.planner.solver.start import first_prices


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


def gap_of(problem: Problem, solution: Solution) -> float:
    """Return the part of its cost by which a solution is above the bound that its least prices add up to."""
    cost = total_of(problem, solution.counts)
    bound = float(solution.least.sum() - solution.prices @ problem.room)
    return max(0.0, cost - bound) / cost if cost > 0 else 0.0


def weighed(problem: Problem, solution: Solution) -> Solution:
    """Return the solution with least prices that belong to the problem: it asks for what the solution meets."""
    columns = chosen_columns(problem, solution.counts)
    known = value_of(problem, columns) + paid_of(problem, columns, solution.prices)
    return replace(solution, least=Covers(problem).cheapest(solution.prices, known, PROOF).bound)


def repriced(problem: Problem, solution: Solution, *, is_late: Callable[[], bool]) -> Solution:
    """Return the solution with all prices that belong to the problem: it asks for what the solution meets."""
    master = Master(problem)
    master.add(chosen_columns(problem, solution.counts))
    master.generate(first_prices(problem), is_late=is_late)
    return replace(solution, prices=master.prices, least=master.least, columns=master.columns)
