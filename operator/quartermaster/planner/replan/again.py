"""A plan after a change, made from the plan before: what nothing has touched stays as it is planned.

None of it decides what a plan may be: where the plan before is of no help, the answer is None, and everything is
planned anew. A plan made so depends on the one before, within the gap that is proven.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from quartermaster.planner.eligibility.eligible import Eligible
from quartermaster.planner.explain.placing import placements_of
from quartermaster.planner.explain.shortfall import shortfalls
from quartermaster.planner.fleet import Key, Pool, Workload
from quartermaster.planner.hosts.finer import finer_counts
from quartermaster.planner.hosts.seating import homeless
from quartermaster.planner.hosts.tight import tightened
from quartermaster.planner.known import Known
from quartermaster.planner.numerics.arrays import Bools, Floats, Ints, spans
from quartermaster.planner.plan import Shortfall
from quartermaster.planner.posing.column import Columns
from quartermaster.planner.posing.limit import tenants_after
from quartermaster.planner.posing.offer import Need, Offer, Places, is_spread, offer
from quartermaster.planner.posing.pose import Posed
from quartermaster.planner.posing.problem import Needs
from quartermaster.planner.posing.repose import Now, Reposed, repose
from quartermaster.planner.replan.neighbourhood import Ended, Start, mended
from quartermaster.planner.room import Tenants
from quartermaster.planner.solver.solve import Solution, objective_of

ROUNDS = 6
"""Times that limits are tightened before everything is planned anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Changed:
    """What is otherwise than in the plan before."""

    workload_by_key: Mapping[Key, Workload]
    offers: Mapping[Key, Offer | None]
    """Of deployments that are new, gone (None), or offer otherwise."""
    places: Places
    pools: frozenset[int]
    """Pools whose hosts are otherwise."""
    tenants: Mapping[str, Tenants]
    judged: Eligible
    has_other_pools: bool
    """Whether pools are otherwise in what they offer, so that refusals may have other words."""

    @property
    def is_nothing(self) -> bool:
        """Whether all is as it was."""
        return not self.offers and not self.pools


def changed(
    known: Known, pools: Sequence[Pool], workload_by_key: Mapping[Key, Workload], judged: Eligible
) -> Changed | None:
    """Return what is otherwise; None where numbers of pools or zones do not hold any more."""
    change = None if judged.judgement is None else judged.judgement.change
    before = known.posed.places
    if change is None or [pool.name for pool in pools] != [pool.name for pool in before.pools]:
        return None
    touched = [place for place, (new, old) in enumerate(zip(pools, before.pools, strict=True)) if new is not old]
    places = _places(before, pools, touched)
    if places is None:
        return None
    stale = {key for key, workload in workload_by_key.items() if _is_otherwise(known, workload)}
    stale |= (change.rows | change.touched) & workload_by_key.keys()
    rezoned = [place for place in touched if places.zones_by_pool[place] != before.zones_by_pool[place]]
    if rezoned:
        spread = {key for key, workload in workload_by_key.items() if is_spread(workload)}
        for one in known.posed.offers:
            if one.need.key in spread and np.isin(one.pool, rezoned).any():
                stale.add(one.need.key)
    gone = known.workload_by_key.keys() - workload_by_key.keys()
    offers: dict[Key, Offer | None] = {key: offer(judged[key], places) for key in sorted(stale)}
    offers |= dict.fromkeys(sorted(gone))
    tenants = tenants_after(
        known.posed.tenants,
        [known.workload_by_key[key] for key in stale | gone if key in known.workload_by_key],
        [workload_by_key[key] for key in stale],
    )
    return Changed(workload_by_key, offers, places, frozenset(touched), tenants, judged, bool(change.columns))


def _is_otherwise(known: Known, workload: Workload) -> bool:
    old = known.workload_by_key.get(workload.key)
    return old is not workload and old != workload


def _places(before: Places, pools: Sequence[Pool], touched: Sequence[int]) -> Places | None:
    """Return the places with their numbers of before; None where there are other zones or regions."""
    zones = list(before.zones_by_pool)
    for place in touched:
        pool, old = pools[place], before.pools[place]
        names = {host.zone for host in pool.hosts}
        if pool.region != old.region or not names <= before.zone_index.keys():
            return None
        zones[place] = tuple(sorted(before.zone_index[name] for name in names))
    return replace(before, pools=tuple(pools), zones_by_pool=tuple(zones))


def again(known: Known, now: Changed, *, is_late: Callable[[], bool]) -> Known | None:
    """Return what is known of the plan after a change; None where everything is to be planned anew."""
    others = {name for name, held in now.tenants.items() if _is_other(held, known.posed.tenants[name])}
    reposed = repose(known.posed, Now(now.offers, now.places, now.pools, now.tenants))
    asked = _asked(known, reposed)
    if known.is_short.any() and _frees(known, reposed, now):
        return None
    counts = carried(known, reposed)
    left = known.posed.pool[(known.solution.counts > 0) & (reposed.option < 0)].tolist()
    touched = {now.places.pools[place].name for place in [*now.pools, *left]} | others
    attempt = 0
    for _ in range(ROUNDS):
        start = _start(known, reposed, asked, counts)
        ended = mended(start, goal_fraction=known.goal_fraction, is_late=is_late, first_attempt=attempt)
        if ended is None:
            return None
        attempt = ended.attempt
        ended = replace(ended, counts=finer_counts(reposed.posed, ended.counts))
        moved = {now.places.pools[place].name for place in reposed.posed.pool[ended.counts != counts].tolist()}
        left_by_pool = homeless(reposed.posed, ended.counts, touched | moved)
        if not left_by_pool:
            return _known(known, now, reposed, asked, ended=ended, carried=counts)
        reposed = replace(reposed, posed=tightened(reposed.posed, ended.counts, left_by_pool))
    return None


def _is_other(held: Tenants, before: Tenants) -> bool:
    return held is not before and held != before


def _asked(known: Known, reposed: Reposed) -> tuple[Needs, Bools]:
    """Return the needs as they are asked for, and which of them ask for less than they want."""
    needs = reposed.posed.problem.needs
    is_short = np.zeros(needs.count, dtype=np.bool_)
    if not known.is_short.any():
        return needs, is_short
    places = []
    for place in np.flatnonzero(known.is_short).tolist():
        there = int(reposed.need[place])
        if there >= 0 and _wants(known.posed.offers[place].need) == _wants(reposed.posed.offers[there].need):
            is_short[there] = True
            places.append(place)
    short = np.array(places, dtype=np.int64)
    return needs.asking(reposed.need[short], known.asked.of(short)), is_short


def _wants(need: Need) -> tuple[float, ...]:
    spread = (need.min_regions, need.min_zones, need.max_region_share)
    return (need.requests_per_second, need.min_replicas, need.max_replicas, need.budget, need.priority, *spread)


def _frees(known: Known, reposed: Reposed, now: Changed) -> bool:
    """Whether the change may leave room to those that go short."""
    if reposed.is_grown.any() or (reposed.need < 0).any():
        return True
    most = known.posed.most
    if (reposed.posed.most[: most.size] > most).any():
        return True
    for place, one in enumerate(known.posed.offers):
        new = now.offers.get(one.need.key)
        if new is not None:
            old, need = one.need, new.need
            if need.requests_per_second < old.requests_per_second or need.min_replicas < old.min_replicas:
                return True
            if known.is_short[place] and one.count != new.count:
                return True
    return False


def carried(known: Known, reposed: Reposed) -> Ints:
    """Return the counts of before; of deployments that offer otherwise where they still offer the same."""
    counts = np.zeros(reposed.posed.pool.size, dtype=np.int64)
    before = known.solution.counts
    kept = np.flatnonzero((before > 0) & (reposed.option >= 0))
    counts[reposed.option[kept]] = before[kept]
    lost = np.flatnonzero((before > 0) & (reposed.option < 0))
    if not lost.size:
        return counts
    starts, starts_before = reposed.posed.starts, known.posed.starts
    needs = known.posed.problem.options.need[lost]
    for option, need in zip(lost.tolist(), needs.tolist(), strict=True):
        there = int(reposed.need[need])
        if there >= 0:
            old, new = known.posed.offers[need], reposed.posed.offers[there]
            same = _same(old, option - int(starts_before[need]), new)
            if same is not None:
                counts[int(starts[there]) + same] = before[option]
    return counts


def _same(old: Offer, option: int, new: Offer) -> int | None:
    """Return the option of the new offer that is the same candidate in the same zone."""
    shape, _ = old.admitted.offers[old.admitted.offer[old.candidate[option]]]
    for place in np.flatnonzero((new.pool == old.pool[option]) & (new.zone == old.zone[option])).tolist():
        other, _ = new.admitted.offers[new.admitted.offer[new.candidate[place]]]
        if other.key == shape.key:
            return int(place)
    return None


def _start(known: Known, reposed: Reposed, asked: tuple[Needs, Bools], carried: Ints) -> Start:
    problem = replace(reposed.posed.problem, needs=asked[0])
    least = np.zeros(problem.needs.count)
    there = reposed.need >= 0
    least[reposed.need[there]] = known.solution.least[there]
    return Start(
        problem=problem,
        counts=carried,
        prices=known.solution.prices_of(problem.room.size),
        least=least,
        unknown=reposed.is_new | reposed.is_grown,
        changed=reposed.is_new,
        loose_room=reposed.posed.most,
        gap_fraction=known.gap_fraction,
    )


def _known(
    known: Known, now: Changed, reposed: Reposed, asked: tuple[Needs, Bools], *, ended: Ended, carried: Ints
) -> Known:
    """Return what is known of the plan that was found."""
    posed, counts = reposed.posed, ended.counts
    objective, bound = ended.objective, ended.bound
    if asked[1].any():
        objective = objective_of(posed.problem, counts)
        bound = objective - ended.objective + ended.bound
    solution = Solution(
        counts, objective, bound, known.solution.prices_of(posed.problem.room.size), ended.least, Columns.joined([])
    )
    moved = posed.problem.options.need[np.flatnonzero(counts != carried)]
    anew = np.union1d(np.flatnonzero(reposed.is_new), moved).tolist()
    placements = dict(known.placements_by_key)
    for key, one in now.offers.items():
        if one is None:
            placements.pop(key, None)
    placements |= placements_of(posed, counts, anew)
    return replace(
        known,
        workload_by_key=now.workload_by_key,
        posed=posed,
        asked=asked[0],
        is_short=asked[1],
        solution=solution,
        gap_fraction=ended.gap_fraction,
        placements_by_key=placements,
        shortfall_by_key=_shortfalls(known, now, posed, solution, is_short=asked[1]),
    )


def _shortfalls(
    known: Known, now: Changed, posed: Posed, solution: Solution, *, is_short: Bools
) -> dict[Key, Shortfall]:
    """Return the shortfalls, told again where something about them is otherwise."""
    lacking = {posed.offers[place].need.key for place in np.flatnonzero(is_short).tolist()}
    lacking |= {key for key, one in now.offers.items() if one is None and key in now.workload_by_key}
    lacking |= {key for key in known.shortfall_by_key if key in now.workload_by_key and key not in now.offers}
    is_stale = now.has_other_pools or bool(now.pools)
    told = {key: one for key, one in known.shortfall_by_key.items() if key in lacking and key not in now.offers}
    anew = [now.workload_by_key[key] for key in lacking if is_stale or key not in told]
    if anew:
        told = {} if is_stale else told
        told |= {one.workload: one for one in shortfalls(anew, posed, solution, judged=now.judged)}
    return told


def offers_after(known: Known, now: Changed) -> tuple[Offer, ...]:
    """Return all offers after the change, by what they want."""
    kept = [one for one in known.posed.offers if one.need.key not in now.offers]
    come = [one for one in now.offers.values() if one is not None]
    return tuple(sorted([*kept, *come], key=lambda one: one.need.nature))


def head_start(before: Posed, solution: Solution, posed: Posed) -> tuple[Floats, Columns]:
    """Return prices and columns to begin with, of the same pools with the same numbers that were posed before."""
    rows = zip(before.limits, solution.prices.tolist(), strict=True)
    at = {(row.pool, row.chips, row.zone): price for row, price in rows}
    prices = np.array([at.get((row.pool, row.chips, row.zone), 0.0) for row in posed.limits])
    need = posed.needs_of(before.offers)
    columns = solution.columns
    columns = columns.of(np.flatnonzero(need[columns.need] >= 0))
    shift = posed.starts[need] - before.starts[:-1]
    owner, entries = spans(columns.start[:-1], np.diff(columns.start))
    option = columns.option[entries] + shift[columns.need[owner]]
    moved = Columns(need[columns.need], columns.start, option, columns.count)
    too_many = np.bincount(owner, columns.count > posed.problem.options.most[option], columns.size) > 0
    return prices, moved.of(np.flatnonzero(~too_many))
