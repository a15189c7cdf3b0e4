"""What a solution serves, and what is proven of it: needs as far as they are met, the gap, and their prices.

A plan that leaves somebody short is judged among those that serve as much. No choice.
"""

from collections.abc import Callable
from dataclasses import replace

from quartermaster.planner.covers.cheapest import PROOF, Covers
from quartermaster.planner.numerics.arrays import Bools
from quartermaster.planner.posing.column import chosen_columns, paid_of, total_of, unmet_of, value_of
from quartermaster.planner.posing.problem import Needs, Problem
from quartermaster.planner.posing.unmet import met
from quartermaster.planner.solver.master import Master
from quartermaster.planner.solver.solve import Solution
from quartermaster.planner.solver.start import first_prices


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
