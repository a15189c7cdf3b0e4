"""The planner's door: a fleet and workloads in, a plan out. Pure; the parts are beside.

eligible → offers → problem → solve → seat. A plan that cannot be realised, because what runs stands in the way of
something larger or in a zone, is eased until it can (``tight``); the bound stays. Where a plan of before is at hand,
only what has changed since is planned (``again``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from quartermaster.planner.eligibility.eligible import Eligible, eligible
from quartermaster.planner.explain.placing import in_order, placements_of
from quartermaster.planner.explain.shortfall import shortfalls
from quartermaster.planner.fleet import Fleet, Host, Pool, Workload
from quartermaster.planner.hosts.finer import finer
from quartermaster.planner.hosts.tight import realised
from quartermaster.planner.known import Known
from quartermaster.planner.numerics.heap import give_back
from quartermaster.planner.plan import Plan
from quartermaster.planner.posing.limit import tenants_of
from quartermaster.planner.posing.offer import places_of
from quartermaster.planner.posing.pose import Posed, offers_of, pose, priorities_of
from quartermaster.planner.replan.again import Changed, again, changed, head_start, offers_after
from quartermaster.planner.replan.keep import kept
from quartermaster.planner.rules.rule import ShapeRule
from quartermaster.planner.solver.proven import asked_of, gap_of, repriced, weighed
from quartermaster.planner.solver.solve import Solution, never, solve

GOAL_FRACTION = 5e-3
"""A plan made from the one before is at most this far from its bound, or as far as planning anew came ..."""
MOST_FRACTION = 2e-2
"""... but no farther than this."""
MANY_OPTIONS = 500_000
"""Options from which on the search leaves more free memory behind than the rest of the plan can make use of."""


def plan(
    fleet: Fleet,
    workloads: Sequence[Workload],
    *,
    further_rules: Sequence[ShapeRule] = (),
    is_late: Callable[[], bool] = never,
    before: Plan | None = None,
    resumes: bool = False,
) -> Plan:
    """Return the cheapest plan found that leaves least unserved, by priority, with its bound and every rejection.

    Equal inputs give equal plans, in whatever order pools, hosts and workloads come. With a plan of before, what
    nothing has touched stays as it was planned, and the plan may be another one within its proven gap.

    Args:
        fleet: pools and hosts.
        workloads: what is to be served.
        further_rules: judge shapes after the planner's own rules: what others must be able to do with a placement.
        is_late: whether to stop as soon as there is a plan; asked again and again.
        before: an earlier plan, whose work is taken over where nothing has changed.
        resumes: whether to search on from there even so: the search of before was cut off.
    """
    known = None if before is None else before.known
    given = fleet.pools
    sorted_by_id = _sorted_by_id(given, known)
    pools = tuple(sorted(sorted_by_id.values(), key=lambda pool: pool.name))
    fleet = replace(fleet, pools=pools)
    workloads = sorted(workloads, key=lambda w: (w.key.namespace, w.key.name))
    workload_by_key = {workload.key: workload for workload in workloads}
    judged = eligible(fleet, workloads, further_rules=further_rules, before=None if before is None else before.eligible)
    now = None if known is None else changed(known, pools, workload_by_key, judged)
    found: Known | None = None
    if known is not None and now is not None and not resumes:
        found = known if now.is_nothing else again(known, now, is_late=is_late)
    if found is None:
        found = _anew(_Asked(fleet, workloads, judged, known, now), is_late=is_late)
    found = replace(found, given=given, sorted_by_id=sorted_by_id, workload_by_key=workload_by_key)
    return _plan(found, judged)


def _plan(found: Known, judged: Eligible) -> Plan:
    placements = in_order(found.placements_by_key, found.workload_by_key)
    return Plan(
        placements=placements,
        shortfalls=tuple(sorted(found.shortfall_by_key.values(), key=lambda short: short.workload)),
        eligible=judged,
        dollars_per_hour=sum([placement.dollars_per_hour for placement in placements]),
        objective=found.solution.objective,
        bound=found.solution.bound,
        known=found,
    )


def _sorted_by_id(given: Sequence[Pool], known: Known | None) -> Mapping[int, Pool]:
    """Return each pool with its hosts in order, by its identity; the very object of before where it is the same."""
    if known is None:
        return {id(pool): _in_order(pool) for pool in given}
    known_by_id = known.sorted_by_id
    known_by_name = {pool.name: pool for pool in known.posed.places.pools}
    found: dict[int, Pool] = {}
    for pool in given:
        same = known_by_id.get(id(pool))
        if same is None:
            ordered, old = _in_order(pool), known_by_name.get(pool.name)
            same = old if old == ordered and old is not None else ordered
        found[id(pool)] = same
    return found


def _in_order(pool: Pool) -> Pool:
    return replace(pool, hosts=tuple(sorted(pool.hosts, key=_by_name)))


def _by_name(host: Host) -> tuple[object, ...]:
    return host.name, host.zone, host.chips, host.available_chips, host.free_chips, host.nodes


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be planned, and what is known beforehand."""

    fleet: Fleet
    workloads: Sequence[Workload]
    judged: Eligible
    known: Known | None
    now: Changed | None


def _anew(asked: _Asked, *, is_late: Callable[[], bool]) -> Known:
    """Return what is known of a plan that is made anew, from prices and columns of before where they hold."""
    posed, solution = _realisable(asked, is_late=is_late)
    if asked.known is not None and asked.now is not None:
        posed, solution = kept(asked.known, asked.now, posed, solution)
    needs, is_short = asked_of(posed.problem, solution)
    problem = replace(posed.problem, needs=needs, room=posed.most)
    if is_short.any():
        # Prices were found while these asked for more, and may say little about plans that serve no more than this one.
        solution = weighed(problem, solution)
        if gap_of(problem, solution) > GOAL_FRACTION and not is_late():
            solution = repriced(problem, solution, is_late=is_late)
    gap_fraction = gap_of(problem, solution)
    told = shortfalls(asked.workloads, posed, solution, judged=asked.judged)
    return Known(
        given=(),
        sorted_by_id={},
        workload_by_key={},
        posed=posed,
        asked=needs,
        is_short=is_short,
        solution=solution,
        gap_fraction=gap_fraction,
        goal_fraction=min(max(GOAL_FRACTION, gap_fraction), MOST_FRACTION),
        placements_by_key=placements_of(posed, solution.counts, range(len(posed.offers))),
        shortfall_by_key={one.workload: one for one in told},
    )


def _realisable(asked: _Asked, *, is_late: Callable[[], bool]) -> tuple[Posed, Solution]:
    known, now = asked.known, asked.now
    if known is None or now is None:
        places = places_of(asked.fleet.pools)
        posed = pose(offers_of(asked.workloads, asked.judged, places), places, tenants_of(asked.workloads, asked.fleet))
        start = None
    else:
        posed = pose(offers_after(known, now), now.places, now.tenants)
        start = head_start(known.posed, known.solution, posed)
    solution = solve(posed.problem, priorities_of(posed), is_late=is_late, known=start)
    if posed.problem.options.count >= MANY_OPTIONS:
        give_back()
    return realised(posed, finer(posed, solution), is_late=is_late)
