"""The planner's door: a fleet and workloads in, a plan out. Pure; the parts are beside.

candidates → problem → solve → pack. A plan that cannot be realised, because what runs stands in the way of something
larger, is solved again with those pools settled as they are; the bound of the first solution stays, because it was
found with fewer limits.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from quartermaster.planner.eligible import eligible
from quartermaster.planner.fleet import Fleet, Pool, Workload
from quartermaster.planner.highs import DEFAULT_LIMITS, Limits
from quartermaster.planner.limit import tenants_of
from quartermaster.planner.pack import Seat, is_certain, unseated
from quartermaster.planner.plan import Candidate, Placement, Plan
from quartermaster.planner.problem import Problem, problem
from quartermaster.planner.rule import ShapeRule
from quartermaster.planner.shortfall import shortfalls
from quartermaster.planner.solve import Solution, objective, solve

ROUNDS = 3
"""Times that pools are settled before replicas without a host are left out."""


def plan(
    fleet: Fleet,
    workloads: Sequence[Workload],
    *,
    further_rules: Sequence[ShapeRule] = (),
    limits: Limits = DEFAULT_LIMITS,
) -> Plan:
    """Return the cheapest plan that leaves least unserved, by priority, with its proven bound and every rejection.

    Equal inputs give equal plans, in whatever order pools, hosts and workloads come. ``further_rules`` judge shapes
    after the planner's own rules: what others must be able to do with a placement.
    """
    fleet = replace(fleet, pools=tuple(_sorted_hosts(fleet)))
    workloads = sorted(workloads, key=lambda w: w.key)
    judged = eligible(fleet, workloads, further_rules=further_rules)
    posed, solution = _realisable(fleet, workloads, tuple(judged.candidates), limits=limits)
    placements = _placements(posed, solution)
    return Plan(
        placements=placements,
        shortfalls=shortfalls(fleet, workloads, posed, solution.counts, judged=judged),
        eligible=judged,
        dollars_per_hour=sum(placement.dollars_per_hour for placement in placements),
        objective=solution.objective,
        bound=solution.bound,
    )


def _sorted_hosts(fleet: Fleet) -> list[Pool]:
    pools = sorted(fleet.pools, key=lambda pool: pool.name)
    return [replace(pool, hosts=tuple(sorted(pool.hosts))) for pool in pools]


def _realisable(
    fleet: Fleet, workloads: Sequence[Workload], admitted: Sequence[Candidate], *, limits: Limits
) -> tuple[Problem, Solution]:
    settled: set[str] = set()
    bound: float | None = None
    for _ in range(ROUNDS):
        posed = problem(fleet, workloads, admitted, settled=settled)
        solution = solve(posed, limits=limits)
        bound = solution.bound if bound is None else bound
        solution = replace(solution, bound=min(bound, solution.objective))
        blocked = _homeless(fleet, workloads, posed, solution.counts).keys()
        if not blocked or blocked <= settled:
            break
        settled |= blocked
    return posed, _without_unseated(fleet, workloads, posed, solution=solution)


def _seats(posed: Problem, counts: Sequence[int]) -> dict[str, list[Seat]]:
    found: dict[str, list[Seat]] = defaultdict(list)
    for option, count in zip(posed.options, counts, strict=True):
        if option.chips:
            found[option.candidate.pool] += [(option.chips, option.zone if option.is_spread else "")] * count
    return found


def _homeless(
    fleet: Fleet, workloads: Sequence[Workload], posed: Problem, counts: Sequence[int]
) -> dict[str, list[Seat]]:
    """Return the planned replicas that find no host, by pool."""
    tenants = tenants_of(workloads, fleet)
    planned = _seats(posed, counts)
    found: dict[str, list[Seat]] = {}
    for pool in fleet.pools:
        wanted = planned[pool.name]
        if wanted and not is_certain(pool, wanted, tenants[pool.name]):
            left = unseated(pool, wanted, tenants[pool.name])
            if left:
                found[pool.name] = left
    return found


def _without_unseated(fleet: Fleet, workloads: Sequence[Workload], posed: Problem, *, solution: Solution) -> Solution:
    """Leave out replicas without a host, those of the lowest priority first; what is left can be realised."""
    counts = list(solution.counts)
    priority = {i: need.priority for need in posed.needs for i in need.options}
    while homeless := _homeless(fleet, workloads, posed, counts):
        for name, left in homeless.items():
            size, zone = left[0]
            same = [
                i
                for i, option in enumerate(posed.options)
                if counts[i]
                and (option.candidate.pool, option.chips) == (name, size)
                and (option.zone == zone or not zone)
            ]
            counts[min(same, key=lambda i: (counts[i] <= posed.options[i].running, priority[i], i))] -= 1
    reached = objective(posed, counts)
    return Solution(tuple(counts), reached, min(solution.bound, reached))


def _placements(posed: Problem, solution: Solution) -> tuple[Placement, ...]:
    """Return a placement for every candidate with replicas; zones are told where the deployment is spread over them."""
    zones: dict[Candidate, list[tuple[str, int]]] = defaultdict(list)
    for option, count in zip(posed.options, solution.counts, strict=True):
        if count:
            zones[option.candidate].append((option.zone if option.is_spread else "", count))
    return tuple(
        Placement(candidate, sum(count for _, count in rows), tuple(row for row in rows if row[0]))
        for candidate, rows in sorted(zones.items(), key=lambda item: item[0].id)
    )
