"""The joint problem solved: the cheapest counts among those that leave least unserved, priority by priority.

If a plan without any shortage is known, one program without shortage is solved. Otherwise shortage is minimised first,
at the highest priority, then at the next, each held while the next is minimised; cost comes last. Then whatever may
stay as it runs, stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from quartermaster.planner import highs
from quartermaster.planner.formulation import Counts, Formulation, cost, formulate, missing, penalty, values
from quartermaster.planner.greedy import greedy
from quartermaster.planner.highs import DEFAULT_LIMITS, Limits
from quartermaster.planner.problem import Problem

UNSERVED_PRICE = 100.0
"""Dollars per hour in the objective for every dollar per hour of shortage, as the soft form prices it."""
_SLACK = 1e-6


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
    first = greedy(problem)
    if _is_full(problem, first):
        return _without_shortage(problem, first, limits=limits)
    soft = formulate(problem, is_soft=True)
    everything = [term for terms in soft.penalties.values() for term in terms]
    found = _minimise(soft, everything, start=first, limits=limits)
    counts = _better_shortage(problem, found[0], first)
    if _is_full(problem, counts):
        return _without_shortage(problem, counts, limits=limits)
    return _with_shortage(soft, counts, limits=limits)


def _is_full(problem: Problem, counts: Counts) -> bool:
    return all(missing(problem, need, counts).is_nothing for need in problem.needs)


def _without_shortage(problem: Problem, start: Counts, *, limits: Limits) -> Solution:
    form = formulate(problem, is_soft=False)
    outcome = highs.solve(form.program, limits=limits, start=values(form, start))
    counts = _rounded(form, outcome.values) if outcome.values is not None else start
    counts = _cheapest(problem, [c for c in (counts, start) if form.program.is_feasible(values(form, c))] or [start])
    counts = _stay(form, counts, limits=limits)
    reached = objective(problem, counts)
    return Solution(counts, reached, min(reached, max(0.0, outcome.bound)))


def objective(problem: Problem, counts: Sequence[int]) -> float:
    """Return what the counts cost, with preferences, changes and shortage priced in."""
    short = sum(penalty(need, missing(problem, need, counts)) for need in problem.needs)
    return cost(problem, counts) + UNSERVED_PRICE * short


def _with_shortage(soft: Formulation, start: Counts, *, limits: Limits) -> Solution:
    """Minimise shortage priority by priority, then cost."""
    problem, counts, bound = soft.problem, start, 0.0
    for priority in problem.priorities:
        terms = soft.penalties.get(priority, [])
        if not terms:
            continue
        found, least = _minimise(soft, terms, start=counts, limits=limits)
        if _penalty_at(problem, found, priority) < _penalty_at(problem, counts, priority):
            counts = found
        reached = _penalty_at(problem, counts, priority)
        soft.program.row(terms, upper=reached + _SLACK * (1 + reached))
        bound += UNSERVED_PRICE * min(max(0.0, least), reached)
    outcome = highs.solve(soft.program, limits=limits, start=values(soft, counts))
    if outcome.values is not None:
        found = _rounded(soft, outcome.values)
        if soft.program.is_feasible(values(soft, found)):
            counts = _cheapest(problem, [found, counts])
    counts = _stay(soft, counts, limits=limits)
    reached = objective(problem, counts)
    bound += min(cost(problem, counts), max(0.0, outcome.bound))
    return Solution(counts, reached, min(reached, bound))


def _minimise(
    form: Formulation, terms: Sequence[tuple[int, float]], *, start: Counts, limits: Limits
) -> tuple[Counts, float]:
    """Minimise the terms instead of the cost; return the counts found, or the start, and the bound."""
    program = form.program
    kept = program.cost
    program.cost = [0.0] * len(kept)
    for variable, price in terms:
        program.cost[variable] += price
    outcome = highs.solve(program, limits=limits, start=values(form, start))
    program.cost = kept
    if outcome.values is None:
        return start, outcome.bound
    return _rounded(form, outcome.values), outcome.bound


def _rounded(form: Formulation, found: Sequence[float]) -> Counts:
    return tuple(round(value) for value in found[: len(form.problem.options)])


def _penalty_at(problem: Problem, counts: Counts, priority: int) -> float:
    return sum(penalty(n, missing(problem, n, counts)) for n in problem.needs if n.priority == priority)


def _better_shortage(problem: Problem, left: Counts, right: Counts) -> Counts:
    def rank(counts: Counts) -> tuple[float, ...]:
        return tuple(_penalty_at(problem, counts, priority) for priority in problem.priorities)

    return left if rank(left) <= rank(right) else right


def _cheapest(problem: Problem, plans: Sequence[Counts]) -> Counts:
    return min(plans, key=lambda counts: cost(problem, counts))


def _stay(form: Formulation, counts: Counts, *, limits: Limits) -> Counts:
    """Undo whatever change gains no more than the solver's own tolerance: all at once, then need by need."""
    problem = form.problem
    if not any(option.running for option in problem.options):
        return counts
    allowed = cost(problem, counts) * (1 + limits.gap_fraction)
    running = _as_it_runs(problem, counts, range(len(problem.options)))
    if running == counts:
        return counts
    if form.program.is_feasible(values(form, running)) and cost(problem, running) <= allowed:
        return running
    for need in problem.needs:
        trial = _as_it_runs(problem, counts, need.options)
        if trial == counts or cost(problem, trial) > min(
            allowed, cost(problem, counts) * (1 + limits.gap_fraction / 10)
        ):
            continue
        if form.program.is_feasible(values(form, trial)):
            counts = trial
    return counts


def _as_it_runs(problem: Problem, counts: Counts, indices: Sequence[int]) -> Counts:
    """Return the counts with the indexed options as they run; external shares, and zones, stay as they are."""
    changed = list(counts)
    for i in indices:
        option = problem.options[i]
        if not option.candidate.is_external and not option.zone:
            changed[i] = min(option.running, option.most)
    return tuple(changed)
