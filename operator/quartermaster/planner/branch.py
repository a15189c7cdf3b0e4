"""Branch and bound for the cheapest cover of one need: compiled, over plain arrays.

Items are tried in the order of price per share, the largest count first. A branch that cannot beat the best cover by
more than the tolerance is not followed; the least of their bounds is kept, so that the need's own bound is true. After
so many steps no branch is followed any more.
"""

from typing import NamedTuple

import numpy as np

from quartermaster.planner.arrays import Floats, Ints
from quartermaster.planner.bounds import (
    FINEST,
    Items,
    Wants,
    balanced_pair,
    beside,
    bits,
    cheapest_missing,
    filled,
    grid,
    kept_items,
    only_bit,
    price_of_unmet,
    tabulate,
    tabulate_apart,
)
from quartermaster.planner.compiled import compiled, inlined
from quartermaster.planner.tolls import levy
from quartermaster.planner.unmet import TOLERANCE

DEPTH = 48
"""Distinct items that a cover may hold."""
GROUPS = 62
"""Regions, or zones, of one need that are told apart; the bits of a mask."""
UNTRIED, UPWARDS = -1, -2
"""No count of an item was tried, or those above the first one are."""
UNKNOWN = 1.3
"""A best cover that is this much above the least a need can cost is looked for anew."""
_EPSILON = 1e-9
_TOLERANCE = 1e-6
_OVERFULL = 1e-7


class Found(NamedTuple):
    """Covers, filled in by the search: entries of item and count, up to ``DEPTH`` for each."""

    value: Floats
    size: Ints
    item: Ints
    times: Ints


class Hits(NamedTuple):
    """Covers that are collected, of one need after another."""

    need: Ints
    found: Found
    total: Ints
    """How many there are, as the only entry."""
    each: int
    """How many are collected of one need; none where there is nothing to collect."""


class Rows(NamedTuple):
    """Limits whose room is watched while a cover is looked for, and what items take from them."""

    start: Ints
    """Where the entries of each item begin, and their end."""
    row: Ints
    amount: Floats
    used: Floats
    """Nothing, before and after."""
    free: Floats
    fine: Floats
    """Dollars per hour for a unit beyond what is free."""


class Effort(NamedTuple):
    """How closely one cover is looked for."""

    tolerance: float
    """Fraction of the best by which it may miss it ..."""
    shared: float
    """... or dollars per hour."""
    steps: int
    """Branches that are followed; none where there are none."""
    fineness: int
    """Parts of a table that the smallest share spans, where the finest table allows it."""


class Work(NamedTuple):
    """Room for one search after another: arrays by depth, by item, or by region or zone."""

    keep: Ints
    table: Floats
    by_region: Floats
    by_zone: Floats
    tried: Ints
    turn: Ints
    last: Ints
    left: Floats
    counted: Ints
    spent: Floats
    true: Floats
    dollars: Floats
    regions: Ints
    zones: Ints
    capacity: Floats
    region_price: Floats
    zone_price: Floats
    region_rate: Floats
    """By item and region: the least price of a request per second, of that item and those after it."""
    pair: Ints
    item: Ints
    """Items of the best cover, with their counts ..."""
    times: Ints


class Best(NamedTuple):
    """The best cover found; its items are left in the room for work."""

    value: float
    """What was known before, where none is better."""
    size: int
    """Its distinct items; 0 where none is better."""
    bound: float
    """No cover costs less, or than what was known."""
    unmet: float
    """Part of its price that is for what stays unmet."""


def room_for_work(widest: int) -> Work:
    """Return the room for searches over up to so many items."""
    deep = widest + 1
    return Work(
        keep=np.empty(widest, np.int64),
        table=np.empty((deep, FINEST + 1)),
        by_region=np.empty((GROUPS, FINEST + 1)),
        by_zone=np.empty((GROUPS, FINEST + 1)),
        tried=np.empty(deep, np.int64),
        turn=np.empty(deep, np.int64),
        last=np.empty(deep, np.int64),
        left=np.empty(deep),
        counted=np.empty(deep, np.int64),
        spent=np.empty(deep),
        true=np.empty(deep),
        dollars=np.empty(deep),
        regions=np.empty(deep, np.int64),
        zones=np.empty(deep, np.int64),
        capacity=np.zeros((deep, GROUPS)),
        region_price=np.empty(GROUPS),
        zone_price=np.empty(GROUPS),
        region_rate=np.empty((deep, GROUPS)),
        pair=np.empty(4, np.int64),
        item=np.empty(DEPTH, np.int64),
        times=np.empty(DEPTH, np.int64),
    )


def room_for_covers(count: int) -> Found:
    """Return the room for so many covers."""
    nothing = np.zeros((2, count, DEPTH), dtype=np.int64)
    return Found(np.zeros(count), np.zeros(count, dtype=np.int64), nothing[0], nothing[1])


def nothing_collected() -> Hits:
    """Return hits in which nothing is collected."""
    return Hits(np.zeros(0, dtype=np.int64), room_for_covers(0), np.zeros(1, dtype=np.int64), 0)


def unwatched(items: int) -> Rows:
    """Return rows for items none of which takes from any."""
    nothing = np.zeros(0, dtype=np.int64)
    return Rows(np.zeros(items + 1, dtype=np.int64), nothing, np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0))


class _Frame(NamedTuple):
    """What holds for all branches of one search."""

    size: int
    """Items that are looked at."""
    parts: int
    demand: float
    """Requests per second that are to be served."""
    least_counted: float
    least_dollars: float
    """Dollars per hour for all of the demand, at least."""
    top_region: int
    top_zone: int
    regions: int
    """Regions that must hold replicas."""
    is_soft: bool
    is_shared: bool
    is_strict: bool
    is_wide: bool
    is_zoned: bool


@compiled
def _framed(items: Items, wants: Wants, w: int, price: Floats, count: int, effort: Effort, work: Work) -> _Frame:
    """Return the frame of a search over the items kept, with its tables filled."""
    keep = work.keep
    parts = grid(items, keep, count, effort.fineness)
    tabulate(items, wants, w, price, keep, count, parts, work.table)
    is_soft = wants.unmet[w] < np.inf
    is_shared = wants.region_share[w] < 1.0
    is_strict = is_shared and wants.region_excess[w] == 0.0 and not is_soft
    is_zoned = wants.zones[w] == 2 and not is_soft
    regions = wants.regions[w]
    if is_strict:
        # No region may hold everything; what is not counted is in none of them, and may stand beside.
        alone = True
        for i in range(count):
            alone = alone and items.is_counted[keep[i]]
        regions = max(regions, 2) if alone else regions
    is_wide = regions == 2 and not is_soft
    if is_wide:
        tabulate_apart(items, price, keep, count, parts, work.table, items.region, work.by_region)
    if is_zoned:
        tabulate_apart(items, price, keep, count, parts, work.table, items.zone, work.by_zone)
    work.region_price[:], work.zone_price[:] = np.inf, np.inf
    least_counted, least_dollars = np.inf, np.inf
    top_region, top_zone = 0, 0
    for i in range(count):
        j = keep[i]
        region, zone = items.region[j], items.zone[j]
        top_region, top_zone = max(top_region, region), max(top_zone, zone)
        if items.share[j] > 0.0:
            least_dollars = min(least_dollars, items.dollars_per_hour[j] / items.share[j])
        if items.is_counted[j]:
            least_counted = min(least_counted, price[j])
            work.region_price[region] = min(work.region_price[region], price[j])
            work.zone_price[zone] = min(work.zone_price[zone], price[j])
    if is_strict:
        rate = work.region_rate
        rate[count, : top_region + 1] = np.inf
        for i in range(count - 1, -1, -1):
            j = keep[i]
            rate[i, : top_region + 1] = rate[i + 1, : top_region + 1]
            own = price[j] / max(items.requests_per_second[j], 1e-12)
            rate[i, items.region[j]] = min(rate[i, items.region[j]], own)
    return _Frame(
        count,
        parts,
        wants.rate[w] * wants.requests_per_second[w],
        least_counted,
        least_dollars,
        top_region,
        top_zone,
        regions,
        is_soft,
        is_shared,
        is_strict,
        is_wide,
        is_zoned,
    )


@inlined
def _kept(work: Work, depth: int) -> int:
    """Keep the cover of the branch down to this depth; return its distinct items, 0 where they are too many."""
    size = 0
    for i in range(depth + 1):
        size += 1 if work.tried[i] > 0 else 0
    if size > DEPTH:
        return 0
    size = 0
    for i in range(depth + 1):
        if work.tried[i] > 0:
            work.item[size], work.times[size] = work.keep[i], work.tried[i]
            size += 1
    return size


@compiled
def _hit(work: Work, depth: int, w: int, value: float, hits: Hits, own: int) -> tuple[int, float]:
    """Collect the cover of the branch down to this depth; return how many the need has, and what is left out costs."""
    found, total = hits.found, hits.total[0]
    place, left_out = -1, np.inf
    if own < hits.each:
        if total < hits.need.size:
            place = total
            hits.total[0] = total + 1
            own += 1
        else:
            left_out = value
    else:
        worst = total - own
        for h in range(total - own, total):
            if found.value[h] > found.value[worst]:
                worst = h
        left_out = max(value, found.value[worst])
        if value < found.value[worst]:
            place = worst
    if place >= 0:
        size = 0
        for i in range(depth + 1):
            if work.tried[i] > 0 and size < DEPTH:
                found.item[place, size], found.times[place, size] = work.keep[i], work.tried[i]
                size += 1
        found.size[place], found.value[place], hits.need[place] = size, value, w
    return own, left_out


@compiled
def cover(
    items: Items,
    first: int,
    last: int,
    wants: Wants,
    w: int,
    price: Floats,
    base: Floats,
    rows: Rows,
    known: float,
    slack: float,
    effort: Effort,
    work: Work,
    hits: Hits,
) -> Best:
    """Search the cheapest cover of one need.

    Args:
        items: of which those from ``first`` to ``last`` are the need's.
        first: first item.
        last: end of the items.
        wants: the needs.
        w: the need.
        price: price of each item, with what it is fined at least; tolls are added to it.
        base: price of each item without fines.
        rows: limits that are watched.
        known: what the best known cover costs.
        slack: where covers are collected, those within this much of it are; negative where none are.
        effort: how closely to look.
        work: room to work in.
        hits: gets the covers collected.
    """
    # Arrays by names of their own: taken from their tuples again and again, they would be counted each time.
    keep, tried, turn, highest, table = work.keep, work.tried, work.turn, work.last, work.table
    lefts, counts, spents, trues, dollars_at = work.left, work.counted, work.spent, work.true, work.dollars
    regions_at, zones_at, capacity = work.regions, work.zones, work.capacity
    shares, most, is_counted, rates = items.share, items.most, items.is_counted, items.requests_per_second
    region_of, zone_of, dollars_of = items.region, items.zone, items.dollars_per_hour
    entry, row_of, amount, used, free, fine = rows.start, rows.row, rows.amount, rows.used, rows.free, rows.fine
    rate, soft, budget, share_limit = wants.rate[w], wants.unmet[w], wants.budget[w], wants.region_share[w]
    least_replicas, most_replicas = wants.least[w], wants.most[w]
    wanted_zones = wants.zones[w]
    collects, is_watched = slack >= 0.0, row_of.size > 0
    best, size, unmet = known, 0, 0.0
    offset = levy(items, first, last, wants, w, price)
    cut = offset + (best + slack if collects else min(best - effort.tolerance * abs(best), best - effort.shared))
    count, dropped = kept_items(items, first, last, wants, w, price, cut, keep)
    if count == 0:
        return Best(best, 0, min(best, dropped - offset), 0.0)
    frame = _framed(items, wants, w, price, count, effort, work)
    wanted_regions = frame.regions
    parts, is_soft, is_shared, is_strict = frame.parts, frame.is_soft, frame.is_shared, frame.is_strict
    least = table[0, min(int(np.ceil(rate * parts - _TOLERANCE)), parts)]
    if least >= cut:
        return Best(best, 0, min(best, min(dropped, least) - offset), 0.0)
    own_hits, followed = int(np.int64(0)), 0
    if is_shared and not collects and not is_watched and cut > UNKNOWN * least:
        pair = work.pair
        if balanced_pair(items, wants, w, price, keep, count, cut, pair) < cut:
            value = pair[1] * base[pair[0]] + pair[3] * base[pair[2]]
            if value < best:
                best, size = value, 2
                work.item[0], work.times[0], work.item[1], work.times[1] = pair[0], pair[1], pair[2], pair[3]
                cut = offset + min(best - effort.tolerance * abs(best), best - effort.shared)
    depth = int(np.int64(0))  # of a type of its own from the start, or what it is handed to is compiled twice
    lefts[0], counts[0], spents[0], trues[0], dollars_at[0] = rate, 0, 0.0, 0.0, 0.0
    regions_at[0], zones_at[0], turn[0] = 0, 0, UNTRIED
    capacity[0, : frame.top_region + 1] = 0.0
    while depth >= 0:
        j = keep[depth]
        share, cost, is_inside = shares[j], price[j], is_counted[j]
        if turn[depth] == UNTRIED:
            # Where a region may hold a share only, what it may hold of the demand is tried first, and more last.
            fill = int(np.ceil(lefts[depth] / share - _EPSILON)) if lefts[depth] > _EPSILON and share > 0.0 else 0
            top = fill
            if is_inside:
                top = max(top, least_replicas - counts[depth])
                if bits(regions_at[depth]) < wanted_regions or bits(zones_at[depth]) < wanted_zones:
                    top = max(top, 1)
            start = top
            if is_shared:
                top = max(top, int(min((cut - spents[depth]) / max(cost, _EPSILON), 1e6)))
                start = top
                if is_strict:
                    here = max(share_limit * frame.demand - capacity[depth, region_of[j]], 0.0)
                    start = min(fill, int(here / max(rates[j], 1e-12) + _TOLERANCE))
            top = min(top, most[j])
            if is_inside:
                top = min(top, most_replicas - counts[depth])
            highest[depth] = max(top, 0)
            turn[depth] = min(max(start, 0), highest[depth])
            tried[depth] = turn[depth] + 1
        if turn[depth] >= 0 and tried[depth] > 0:
            tried[depth] -= 1
        elif turn[depth] >= 0:
            tried[depth], turn[depth] = turn[depth] + 1, UPWARDS
        else:
            tried[depth] += 1
        c = tried[depth]
        if c > highest[depth]:
            depth -= 1
            if depth >= 0:
                for e in range(entry[keep[depth]], entry[keep[depth] + 1]):
                    used[row_of[e]] -= tried[depth] * amount[e]
            continue
        followed += 1
        left = lefts[depth] - c * share
        left = 0.0 if left <= _EPSILON else left
        spent, true = spents[depth] + c * cost, trues[depth] + c * base[j]
        if is_watched and c > 0:
            fines = 0.0
            for e in range(entry[j], entry[j + 1]):
                earlier = used[row_of[e]] - free[row_of[e]]
                after = earlier + c * amount[e]
                if after > _OVERFULL:
                    fines += fine[row_of[e]] * (after - max(earlier, 0.0))
            true += fines
            # Fines beyond those that are in the price already; tolls are in the price only.
            spent += max(fines - c * max(cost - base[j], 0.0), 0.0)
        dollars = dollars_at[depth] + c * dollars_of[j]
        counted, regions, zones = counts[depth], regions_at[depth], zones_at[depth]
        if c > 0 and is_inside:
            counted += c
            regions |= 1 << region_of[j]
            zones |= 1 << zone_of[j]
        if dollars > budget + _TOLERANCE:
            continue
        if not is_soft and left > 0.0 and dollars + left * frame.least_dollars > budget + _TOLERANCE:
            continue
        short = max(least_replicas - counted, 0)
        lacking = max(wanted_regions - bits(regions), 0) if wanted_regions > 1 else 0
        lacking_zones = max(wanted_zones - bits(zones), 0) if wanted_zones > 1 else 0
        excess, fullest, held = 0.0, 0, 0.0
        if is_shared:
            for g in range(frame.top_region + 1):
                value = capacity[depth, g] + (c * rates[j] if g == region_of[j] else 0.0)
                capacity[depth + 1, g] = value
                held += value
                if value > capacity[depth + 1, fullest]:
                    fullest = g
            excess = capacity[depth + 1, fullest] - share_limit * held - wants.region_excess[w]
            excess = excess if excess > 1e-6 * wants.share_scale[w] else 0.0
        is_whole = left <= TOLERANCE and short == 0 and lacking == 0 and lacking_zones == 0 and excess == 0.0
        if c > 0 and (is_whole or is_soft):
            lost = 0.0
            if not is_whole:
                lost = price_of_unmet(wants, w, left, short, lacking, lacking_zones, excess)
            value = true + lost
            if collects:
                if value + offset < cut:
                    own_hits, left_out = _hit(work, depth, w, value, hits, own_hits)
                    dropped = min(dropped, left_out + offset)
            elif value < best - _EPSILON:
                distinct = _kept(work, depth)
                if distinct > 0:
                    best, size, unmet = value, distinct, lost
                    cut = offset + min(best - effort.tolerance * abs(best), best - effort.shared)
        if is_whole or depth + 1 == count:
            continue
        part = min(int(np.ceil(left * parts - _TOLERANCE)), parts)
        onward = table[depth + 1, part]
        if spent + onward < cut:
            onward = max(onward, filled(shares, most, price, keep, depth + 1, count, left, soft))
            if not is_soft:
                if short > 0:
                    onward = max(onward, short * frame.least_counted)
                if lacking > 0:
                    onward = max(onward, cheapest_missing(work.region_price, frame.top_region + 1, regions, lacking))
                if lacking_zones > 0:
                    onward = max(onward, cheapest_missing(work.zone_price, frame.top_zone + 1, zones, lacking_zones))
                if frame.is_wide and lacking == 1 and regions > 0:
                    onward = max(onward, work.by_region[only_bit(regions), part])
                if frame.is_zoned and lacking_zones == 1 and zones > 0:
                    onward = max(onward, work.by_zone[only_bit(zones), part])
                if is_strict:
                    onward = max(
                        onward,
                        beside(
                            capacity[depth + 1],
                            work.region_rate[depth + 1],
                            frame.top_region + 1,
                            share_limit,
                            frame.demand,
                            left * wants.requests_per_second[w],
                            fullest,
                            held,
                        ),
                    )
        if spent + onward >= cut or followed > effort.steps:
            dropped = min(dropped, spent + onward)
            continue
        for e in range(entry[j], entry[j + 1]):
            used[row_of[e]] += c * amount[e]
        depth += 1
        lefts[depth], counts[depth], spents[depth], trues[depth] = left, counted, spent, true
        dollars_at[depth], regions_at[depth], zones_at[depth], turn[depth] = dollars, regions, zones, UNTRIED
    return Best(best, size, min(best + slack if collects else best, dropped - offset), unmet)


@compiled
def search(
    items: Items,
    wants: Wants,
    price: Floats,
    rows: Rows,
    best: Floats,
    slack: Floats,
    effort: Effort,
    work: Work,
    found: Found,
    hits: Hits,
) -> Floats:
    """Search the cheapest cover of every need.

    Args:
        items: the items.
        wants: the needs.
        price: price of each item.
        rows: watched by none.
        best: what each need's best known cover costs; lowered where a better one is found.
        slack: where covers are collected, those within this much of the best are; negative where none are.
        effort: how closely to look.
        work: room to work in.
        found: gets the best cover of each need that improves on what was known; size 0 elsewhere.
        hits: gets the covers collected.

    Returns:
        What no cover of each need can undercut; where covers are collected, none that was not collected.
    """
    needs = wants.rate.size
    bounds = np.empty(needs)
    tolled = price.copy()
    for w in range(needs):
        first, last = items.start[w], items.start[w + 1]
        one = cover(items, first, last, wants, w, tolled, price, rows, best[w], slack[w], effort, work, hits)
        found.size[w] = one.size
        bounds[w] = one.bound
        if one.size > 0:
            best[w], found.value[w] = one.value, one.value
            for k in range(one.size):
                found.item[w, k], found.times[w, k] = work.item[k], work.times[k]
    return bounds
