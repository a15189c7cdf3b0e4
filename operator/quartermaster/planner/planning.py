"""The planner's door: a fleet and workloads in, a plan out. Pure; the parts are beside.

eligible → offers → problem → solve → pack. A plan that cannot be realised, because what runs stands in the way of
something larger, is solved again with those pools settled as they are; the bound of the first solution stays, because
it was found with fewer limits.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np

from quartermaster.planner.arrays import Ints
from quartermaster.planner.eligible import Eligible, eligible
from quartermaster.planner.fleet import Fleet, Pool, Workload
from quartermaster.planner.limit import tenants_of
from quartermaster.planner.master import never
from quartermaster.planner.offer import ANY_ZONE, places_of
from quartermaster.planner.pack import Seat, is_certain, unseated
from quartermaster.planner.plan import Placement, Plan
from quartermaster.planner.pose import Posed, offers_of, pose, priorities_of
from quartermaster.planner.rule import ShapeRule
from quartermaster.planner.shortfall import shortfalls
from quartermaster.planner.solve import Solution, objective_of, solve

ROUNDS = 3
"""Times that pools are settled before replicas without a host are left out."""


def plan(
    fleet: Fleet,
    workloads: Sequence[Workload],
    *,
    further_rules: Sequence[ShapeRule] = (),
    is_late: Callable[[], bool] = never,
    before: Plan | None = None,
) -> Plan:
    """Return the cheapest plan that leaves least unserved, by priority, with its proven bound and every rejection.

    Equal inputs give equal plans, in whatever order pools, hosts and workloads come.

    Args:
        fleet: pools and hosts.
        workloads: what is to be served.
        further_rules: judge shapes after the planner's own rules: what others must be able to do with a placement.
        is_late: whether to stop as soon as there is a plan; asked again and again.
        before: an earlier plan, whose work is taken over where nothing has changed.
    """
    fleet = replace(fleet, pools=tuple(_sorted_hosts(fleet)))
    workloads = sorted(workloads, key=lambda w: w.key)
    judged = eligible(fleet, workloads, further_rules=further_rules, before=None if before is None else before.eligible)
    posed, solution = _realisable(fleet, workloads, judged, is_late=is_late)
    placements = _placements(posed, solution.counts)
    return Plan(
        placements=placements,
        shortfalls=shortfalls(workloads, posed, solution, judged=judged),
        eligible=judged,
        dollars_per_hour=sum(placement.dollars_per_hour for placement in placements),
        objective=solution.objective,
        bound=solution.bound,
    )


def _sorted_hosts(fleet: Fleet) -> list[Pool]:
    pools = sorted(fleet.pools, key=lambda pool: pool.name)
    return [replace(pool, hosts=tuple(sorted(pool.hosts))) for pool in pools]


def _realisable(
    fleet: Fleet, workloads: Sequence[Workload], judged: Eligible, *, is_late: Callable[[], bool]
) -> tuple[Posed, Solution]:
    places = places_of(fleet.pools)
    offers = offers_of(workloads, judged, places)
    tenants = tenants_of(workloads, fleet)
    settled: set[str] = set()
    bound: float | None = None
    for _ in range(ROUNDS):
        posed = pose(offers, places, tenants, settled=settled)
        solution = solve(posed.problem, priorities_of(posed), is_late=is_late)
        bound = solution.bound if bound is None else bound
        solution = replace(solution, bound=min(bound, solution.objective))
        blocked = _homeless(posed, solution.counts).keys()
        if not blocked or blocked <= settled:
            break
        settled |= blocked
    return posed, _without_unseated(posed, solution)


def _seats(posed: Posed, counts: Ints) -> dict[int, list[Seat]]:
    found: dict[int, list[Seat]] = defaultdict(list)
    options = posed.problem.options
    for i in np.flatnonzero((counts > 0) & (options.chips > 0)).tolist():
        zone = "" if options.zone[i] == ANY_ZONE else posed.places.zones[options.zone[i]]
        found[int(posed.pool[i])] += [(int(options.chips[i]), zone)] * int(counts[i])
    return found


def _homeless(posed: Posed, counts: Ints, among: Collection[str] | None = None) -> dict[str, list[Seat]]:
    """Return the planned replicas that find no host, by pool."""
    found: dict[str, list[Seat]] = {}
    for index, wanted in _seats(posed, counts).items():
        pool = posed.places.pools[index]
        if among is not None and pool.name not in among:
            continue
        if not is_certain(pool, wanted, posed.tenants[pool.name]):
            left = unseated(pool, wanted, posed.tenants[pool.name])
            if left:
                found[pool.name] = left
    return found


def _without_unseated(posed: Posed, solution: Solution) -> Solution:
    """Leave out replicas without a host, those of the lowest priority first; what is left can be realised."""
    counts, options = solution.counts.copy(), posed.problem.options
    priority = priorities_of(posed)
    index = {pool.name: place for place, pool in enumerate(posed.places.pools)}
    homeless = _homeless(posed, counts)
    while homeless:
        for name, left in homeless.items():
            size, zone = left[0]
            same = np.flatnonzero((counts > 0) & (posed.pool == index[name]) & (options.chips == size))
            if zone:
                same = same[options.zone[same] == posed.places.zone_index[zone]]
            drop = min(
                same.tolist(),
                key=lambda i: (bool(counts[i] <= options.running[i]), int(priority[options.need[i]]), i),
            )
            counts[drop] -= 1
        homeless = _homeless(posed, counts, homeless.keys())
    if (counts == solution.counts).all():
        return solution
    reached = objective_of(posed.problem, counts)
    return replace(solution, counts=counts, objective=reached, bound=min(solution.bound, reached))


def _placements(posed: Posed, counts: Ints) -> tuple[Placement, ...]:
    """Return a placement for every candidate with replicas; zones are told where the deployment is spread over them."""
    options, starts = posed.problem.options, posed.starts
    rows: dict[tuple[int, int], list[tuple[str, int]]] = defaultdict(list)
    for i in np.flatnonzero(counts).tolist():
        need = int(options.need[i])
        zone = "" if options.zone[i] == ANY_ZONE else posed.places.zones[options.zone[i]]
        rows[need, int(posed.offers[need].candidate[i - starts[need]])].append((zone, int(counts[i])))
    placed = [
        Placement(
            posed.offers[need].admitted.candidate(candidate),
            sum(count for _, count in zones),
            tuple(row for row in zones if row[0]),
        )
        for (need, candidate), zones in rows.items()
    ]
    return tuple(sorted(placed, key=lambda placement: placement.candidate.id))
