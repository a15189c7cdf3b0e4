"""Plans that fit on hosts: where replicas find none, limits are tightened by as much, and needs make way. Counts only.

Limits count chips, and are true of every plan; whether replicas find hosts beside what stays there is known only of one
plan at a time (``pack``). A plan that asks for more than can be seated is therefore eased under limits that are tighter
by what found no host, until everything has one. Bounds are those of the limits as they were.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from quartermaster.planner.covers.cheapest import Covers
from quartermaster.planner.hosts.finer import finer_counts
from quartermaster.planner.hosts.reseat import reseated
from quartermaster.planner.hosts.seating import homeless, without_unseated
from quartermaster.planner.numerics.arrays import Ints
from quartermaster.planner.posing.limit import Rows, entries_of, limits_of, usage_from
from quartermaster.planner.posing.pose import Posed
from quartermaster.planner.room import Owner
from quartermaster.planner.solver.proven import asked_of
from quartermaster.planner.solver.solve import Solution, objective_of
from quartermaster.planner.solver.whole import refitted

ROUNDS = 12
"""Times that limits are tightened before replicas without a host are left out."""


def realised(posed: Posed, solution: Solution, *, is_late: Callable[[], bool]) -> tuple[Posed, Solution]:
    """Return a solution of which every replica finds a host, and the problem with the limits that it was held to.

    Where that takes too many rounds, replicas without a host are left out, and who goes short by that has what is left.
    """
    among: frozenset[str] | None = None
    covers: Covers | None = None
    for _ in range(ROUNDS):
        left_by_pool = homeless(posed, solution.counts, among)
        if not left_by_pool:
            break
        needs, _ = asked_of(posed.problem, solution)
        posed = tightened(posed, solution.counts, left_by_pool)
        problem = replace(posed.problem, needs=needs)
        if covers is not None and not covers.laid.suits(problem):
            covers = None  # before the next ones take as much room
        covers = Covers(problem, like=covers)
        prices = solution.prices_of(posed.problem.room.size)
        counts = finer_counts(posed, refitted(covers, solution.counts, prices, least=solution.least, is_late=is_late))
        moved = np.unique(posed.pool[counts != solution.counts]).tolist()
        among = frozenset(left_by_pool) | {posed.places.pools[pool].name for pool in moved}
        objective = objective_of(posed.problem, counts)
        solution = replace(solution, counts=counts, prices=prices, objective=objective)
    else:
        solution = without_unseated(posed, solution)
    return reseated(posed, solution, is_late=is_late)


def tightened(posed: Posed, counts: Ints, left_by_pool: Mapping[str, Sequence[Owner]]) -> Posed:
    """Return the problem in which limits are tighter than what the counts take, by what found no host.

    Further limits may come behind those that were known.
    """
    left: Counter[tuple[int, int, int]] = Counter()
    for index, pool in enumerate(posed.places.pools):
        for owner in left_by_pool.get(pool.name, ()):
            left[index, owner.chips, posed.places.zone_number(owner.zone)] += 1
    posed = _with_limits(posed, left)
    place = {(limit.pool, limit.chips, limit.zone): row for row, limit in enumerate(posed.limits)}
    room, taken = posed.problem.room.copy(), posed.problem.taken(counts)
    for key, count in left.items():
        row = place[key]
        amount = 1 if posed.limits[row].is_whole else key[1]
        room[row] = min(room[row], max(taken[row] - count * amount, 0.0))
    return replace(posed, problem=replace(posed.problem, room=room))


def _with_limits(posed: Posed, wanted: Collection[tuple[int, int, int]]) -> Posed:
    """Return the problem with limits of these pools, chips and zones, even where they say nothing new."""
    new = set(wanted) - {(limit.pool, limit.chips, limit.zone) for limit in posed.limits}
    if not new:
        return posed
    limits = list(posed.limits)
    for pool in sorted({pool for pool, _, _ in new}):
        kept = [(chips, zone) for index, chips, zone in new if index == pool]
        rows = limits_of(posed.places.pools[pool], pool, (), posed.places, kept=kept)
        limits += [row for row in rows if (row.chips, row.zone) in kept]
    problem, options = posed.problem, posed.problem.options
    entries = entries_of(
        Rows.of(limits),
        np.arange(len(posed.limits), len(limits)),
        pool=posed.pool,
        chips=options.chips,
        zone=options.zone,
        tokens_per_second=np.zeros(options.count),
    )
    old = problem.usage
    usage = usage_from([(old.option, old.limit, old.amount), entries], options.count)
    most = [limit.most for limit in limits[len(posed.limits) :]]
    problem = replace(problem, usage=usage, room=np.concatenate([problem.room, most]))
    return replace(posed, problem=problem, limits=tuple(limits))
