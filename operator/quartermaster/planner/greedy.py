"""A first plan by hand: needs in order of priority, each served by the cheapest option that still fits.

It starts the solver, and stands in for it where the solver finds nothing in its limits. It never breaks a limit that
deployments share; it may leave needs unmet, and ignores the largest share of a region. It begins with nothing, or with
what runs; replicas that nobody needs are dropped at the end.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from quartermaster.planner.formulation import missing
from quartermaster.planner.limit import Limit
from quartermaster.planner.option import Option
from quartermaster.planner.problem import Need, Problem

_EPSILON = 1e-9


@dataclass(slots=True)
class _State:
    """Counts so far, and what is left of every limit."""

    problem: Problem
    counts: list[int]
    left: list[float]
    limits_by_option: dict[int, list[tuple[int, float]]] = field(default_factory=dict)

    def most(self, index: int) -> int:
        """Return how many more replicas of the option fit."""
        rows = self.limits_by_option.get(index, ())
        room = min((math.floor(self.left[row] / amount + _EPSILON) for row, amount in rows if amount), default=10**9)
        return max(0, min(self.problem.options[index].most - self.counts[index], room))

    def take(self, index: int, count: int) -> None:
        self.counts[index] += count
        for row, amount in self.limits_by_option.get(index, ()):
            self.left[row] -= amount * count


def greedy(problem: Problem, *, is_from_running: bool = False) -> tuple[int, ...]:
    """Return counts that break no shared limit, the highest priority served first."""
    state = _State(problem, [0] * len(problem.options), [limit.most for limit in problem.limits])
    for row, limit in enumerate(problem.limits):
        _index(state, row, limit)
    ordered = sorted(problem.needs, key=lambda n: (-n.priority, len(n.options), n.key))
    if is_from_running:
        for need in ordered:
            _resume(state, need)
    for need in ordered:
        _serve(state, need)
        _drop(state, need)
    return tuple(state.counts)


def _resume(state: _State, need: Need) -> None:
    """Take what runs, as far as it is within the limits."""
    left = {state.problem.options[i].change: state.problem.options[i].running for i in need.options}
    for i in need.options:
        name = state.problem.options[i].change
        while left[name] > 0 and _may(state, need, i, is_short=True):
            state.take(i, 1)
            left[name] -= 1


def _drop(state: _State, need: Need) -> None:
    """Drop the dearest replicas first, as long as nothing more goes missing."""
    options = state.problem.options
    before = missing(state.problem, need, state.counts)
    for i in sorted(need.options, key=lambda i: (-options[i].price / max(options[i].share, _EPSILON), i)):
        while state.counts[i]:
            state.take(i, -1)
            if missing(state.problem, need, state.counts) != before:
                state.take(i, 1)
                break


def _index(state: _State, row: int, limit: Limit) -> None:
    for index, amount in limit.terms:
        state.limits_by_option.setdefault(index, []).append((row, amount))


def _serve(state: _State, need: Need) -> None:
    _spread(state, need, need.min_zones, group=_zone)
    _spread(state, need, need.min_regions, group=_region)
    options = state.problem.options
    while True:
        unmet = 1.0 - _served(state, need) if need.requests_per_second > 0 else 0.0
        short = need.min_replicas - _replicas(state, need)
        if unmet <= _EPSILON and short <= 0:
            return
        open_options = [i for i in need.options if _may(state, need, i, is_short=short > 0)]
        if unmet <= _EPSILON:
            open_options = [i for i in open_options if not options[i].candidate.is_external]
        best = min(open_options, key=lambda i: _rank(state, options[i], i, unmet=unmet), default=None)
        if best is None:
            return
        state.take(best, 1)


def _rank(state: _State, option: Option, index: int, *, unmet: float) -> tuple[float, int]:
    price = option.price + (option.change_price if state.counts[index] >= option.running else 0.0)
    return (price / min(option.share, unmet) if unmet > _EPSILON and option.share > 0 else price, index)


def _may(state: _State, need: Need, index: int, *, is_short: bool) -> bool:
    option = state.problem.options[index]
    if not is_short and option.share <= 0:
        return False
    if state.most(index) < 1:
        return False
    if not option.candidate.is_external and _replicas(state, need) >= need.max_replicas:
        return False
    spent = sum(state.problem.options[i].candidate.dollars_per_hour * state.counts[i] for i in need.options)
    return spent + option.candidate.dollars_per_hour <= need.budget + _EPSILON


def _served(state: _State, need: Need) -> float:
    return sum(state.problem.options[i].share * state.counts[i] for i in need.options)


def _replicas(state: _State, need: Need) -> int:
    return sum(state.counts[i] for i in need.options if not state.problem.options[i].candidate.is_external)


def _zone(option: Option) -> str:
    return option.zone


def _region(option: Option) -> str:
    return option.candidate.region


def _spread(state: _State, need: Need, wanted: int, *, group: Callable[[Option], str]) -> None:
    """Put one replica into each of as many regions, or zones, as are wanted, the cheapest first."""
    options = state.problem.options
    inside = [i for i in need.options if not options[i].candidate.is_external]
    present = {group(options[i]) for i in inside if state.counts[i]}
    for i in sorted(inside, key=lambda i: (options[i].price, i)):
        if len(present) >= wanted or wanted <= 1:
            return
        if group(options[i]) not in present and _may(state, need, i, is_short=True):
            state.take(i, 1)
            present.add(group(options[i]))
