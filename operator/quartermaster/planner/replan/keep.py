"""The plan of before beside one that was made anew: where it still holds and is no dearer, it is kept.

A search that was cut off, or that ended in a worse place than the last one, moves nobody.
"""

from dataclasses import replace

import numpy as np

from quartermaster.planner.hosts.seating import homeless
from quartermaster.planner.known import Known
from quartermaster.planner.numerics.arrays import Ints
from quartermaster.planner.posing.column import chosen_columns, is_allowed
from quartermaster.planner.posing.pose import Posed
from quartermaster.planner.posing.repose import Now, repose
from quartermaster.planner.replan.again import Changed, carried
from quartermaster.planner.solver.solve import Solution, objective_of

_SLACK = 1e-6


def kept(known: Known, now: Changed, posed: Posed, solution: Solution) -> tuple[Posed, Solution]:
    """Return the problem and its solution, with the counts of before where these are no dearer and still hold."""
    if now.is_nothing:
        solution = replace(solution, bound=max(solution.bound, known.solution.bound))
    counts = _counts_of_before(known, now, posed)
    objective = objective_of(posed.problem, counts)
    if objective <= solution.objective and _holds(posed, counts):
        # Limits that are tight for the other plan may be in the way of this one.
        posed = replace(posed, problem=replace(posed.problem, room=posed.most))
        solution = replace(solution, counts=counts, objective=objective)
    return posed, replace(solution, bound=min(solution.bound, solution.objective))


def _counts_of_before(known: Known, now: Changed, posed: Posed) -> Ints:
    reposed = repose(known.posed, Now(now.offers, now.places, now.pools, now.tenants))
    counts = carried(known, reposed)
    offers, first = reposed.posed.offers, reposed.posed.starts[:-1]
    shift = posed.starts[posed.needs_of(offers)] - first
    found = np.zeros_like(counts)
    found[np.arange(counts.size) + np.repeat(shift, [one.count for one in offers])] = counts
    return found


def _holds(posed: Posed, counts: Ints) -> bool:
    problem = posed.problem
    fits = (problem.taken(counts) <= posed.most + _SLACK).all() and (counts <= problem.options.most).all()
    return bool(fits and is_allowed(problem, chosen_columns(problem, counts)).all() and not homeless(posed, counts))
