"""The joint problem solved: the cheapest counts among those that leave least unserved, priority by priority.

A plan without any shortage is sought first. Where there is none, shortage is minimised at the highest priority, then
at the next, each held while the next is minimised; cost comes last. Then whatever may stay as it runs, stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from quartermaster.planner import highs
from quartermaster.planner.formulation import Counts, Formulation, cost, formulate, missing, penalty, values
from quartermaster.planner.greedy import greedy
from quartermaster.planner.highs import DEFAULT_LIMITS, Limits
from quartermaster.planner.problem import Problem

UNSERVED_PRICE = 100.0
"""Dollars per hour in the objective for every dollar per hour of shortage, as the soft form prices it."""
SHORTAGE_EFFORT = 5
"""Who goes short is searched for this much longer than what it costs."""
_SLACK = 1e-5
"""By how much a shortage that is held may miss, relatively: beyond the tolerances of the solver."""
_SHORTAGE_DIGITS = 4
"""Shortages that differ by less are equal, so that no solver's tolerance outweighs a lower priority."""


@dataclass(frozen=True, slots=True)
class Solution:
    """Counts by option, with what they cost and what is proven."""

    counts: Counts
    objective: float
    bound: float
    """At least as little unserved, by priority, cannot be had for less."""


def solve(problem: Problem, *, limits: Limits = DEFAULT_LIMITS) -> Solution:
    """Return the best counts found, with a bound that holds even where a limit stopped the search."""
    if not problem.needs:
        return Solution((), 0.0, 0.0)
    starts = [greedy(problem)]
    if any(option.running for option in problem.options):
        starts.append(greedy(problem, is_from_running=True))
    full = _without_shortage(problem, starts, limits=limits)
    return full if full is not None else _with_shortage(problem, starts, limits=limits)


def _without_shortage(problem: Problem, starts: Sequence[Counts], *, limits: Limits) -> Solution | None:
    """Return the cheapest plan that meets every need; None when none is found."""
    form = formulate(problem, is_soft=False)
    good = [counts for counts in starts if form.program.is_feasible(values(form, counts))]
    outcome = highs.solve(form.program, limits=limits)
    found = _counts(form, outcome)
    if found is not None:
        good.append(found)
    if not good:
        return None
    counts = _stay(form, min(good, key=lambda counts: cost(problem, counts)))
    reached = objective(problem, counts)
    return Solution(counts, reached, min(reached, max(0.0, outcome.bound)))


def objective(problem: Problem, counts: Sequence[int]) -> float:
    """Return what the counts cost, with preferences, changes and shortage priced in."""
    short = sum(penalty(need, missing(problem, need, counts)) for need in problem.needs)
    return cost(problem, counts) + UNSERVED_PRICE * short


def _with_shortage(problem: Problem, starts: Sequence[Counts], *, limits: Limits) -> Solution:
    """Minimise shortage priority by priority, then cost."""
    soft = formulate(problem, is_soft=True)
    nothing = (0,) * len(problem.options)
    good = [c for c in starts if soft.program.is_feasible(values(soft, c))] or [nothing]
    counts = min(good, key=lambda c: _rank(problem, c))
    bound = 0.0
    for place, priority in enumerate(problem.priorities):
        terms = soft.penalties.get(priority, [])
        if not terms:
            continue
        outcome = _minimise(soft, terms, limits=replace(limits, large_nodes=SHORTAGE_EFFORT * limits.large_nodes))
        found = _counts(soft, outcome)
        if found is not None and _rank(problem, found)[: place + 1] < _rank(problem, counts)[: place + 1]:
            counts = found
        reached = _shortage(problem, counts)[place]
        soft.program.row(terms, upper=reached + _SLACK * (1 + reached))
        bound += UNSERVED_PRICE * _proven(outcome, reached)
    # The bound is that of every plan with as little shortage; the plan itself is sought among those in which each
    # deployment goes as short as now, because there solutions are found at once.
    outcome = highs.solve(soft.program, limits=limits, is_known_feasible=True)
    for found in (_counts(soft, outcome), _cheaper(soft, counts, limits=limits)):
        if found is not None and cost(problem, found) < cost(problem, counts):
            counts = found
    counts = _stay(soft, counts)
    reached = objective(problem, counts)
    bound += _proven(outcome, cost(problem, counts))
    return Solution(counts, reached, min(reached, bound))


def _proven(outcome: highs.Outcome, reached: float) -> float:
    """Return what is proven to be the least: never more than was reached, and nothing where nothing was proven."""
    return 0.0 if outcome.is_infeasible else min(max(0.0, outcome.bound), reached)


def _cheaper(soft: Formulation, counts: Counts, *, limits: Limits) -> Counts | None:
    """Return the cheapest counts in which no deployment goes shorter, by any measure, than with these."""
    known = values(soft, counts)
    upper = list(soft.program.upper)
    for kinds in soft.shortages.values():
        for variable in (v for variables in kinds.values() for v in variables):
            upper[variable] = known[variable] + _SLACK
    form = replace(soft, program=replace(soft.program, upper=upper))
    return _counts(form, highs.solve(form.program, limits=limits, is_known_feasible=True))


def _minimise(form: Formulation, terms: Sequence[tuple[int, float]], *, limits: Limits) -> highs.Outcome:
    """Minimise the terms instead of the cost."""
    program = form.program
    kept = program.cost
    program.cost = [0.0] * len(kept)
    for variable, price in terms:
        program.cost[variable] += price
    outcome = highs.solve(program, limits=limits, is_known_feasible=True)
    program.cost = kept
    return outcome


def _counts(form: Formulation, outcome: highs.Outcome) -> Counts | None:
    """Return the counts of an outcome; None when there are none, or rounding them breaks a row."""
    if outcome.values is None:
        return None
    counts = tuple(round(value) for value in outcome.values[: len(form.problem.options)])
    return counts if form.program.is_feasible(values(form, counts)) else None


def _shortage(problem: Problem, counts: Counts) -> tuple[float, ...]:
    """Return the price of what is missing, the highest priority first."""
    found = dict.fromkeys(problem.priorities, 0.0)
    for need in problem.needs:
        found[need.priority] += penalty(need, missing(problem, need, counts))
    return tuple(found.values())


def _rank(problem: Problem, counts: Counts) -> tuple[float, ...]:
    """Return the shortage, for comparing."""
    return tuple(round(price, _SHORTAGE_DIGITS) for price in _shortage(problem, counts))


def _stay(form: Formulation, counts: Counts) -> Counts:
    """Undo changes that gain nothing: all at once, then deployment by deployment."""
    problem = form.problem
    if not any(option.running for option in problem.options):
        return counts
    for indices in (range(len(problem.options)), *(need.options for need in problem.needs)):
        trial = _as_it_runs(problem, counts, indices)
        is_cheap = trial != counts and cost(problem, trial) <= cost(problem, counts) + _SLACK
        if is_cheap and form.program.is_feasible(values(form, trial)):
            counts = trial
    return counts


def _as_it_runs(problem: Problem, counts: Counts, indices: Sequence[int]) -> Counts:
    """Return the counts with the indexed options as they run; external shares, and zones that nobody knows, stay."""
    changed = list(counts)
    for i in indices:
        option = problem.options[i]
        if not option.candidate.is_external and (option.is_seated or not option.zone):
            changed[i] = min(option.running, option.most)
    return tuple(changed)
