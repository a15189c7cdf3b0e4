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
from quartermaster.planner.compiled import compiled
from quartermaster.planner.tolls import levy
from quartermaster.planner.unmet import TOLERANCE

DEPTH = 48
"""Distinct items that a cover may hold."""
GROUPS = 62
"""Regions, or zones, of one need that are told apart; the bits of a mask."""
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
        region_rate=np.empty(GROUPS),
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


@compiled
def fined(rows: Rows, j: int, count: int) -> float:
    """Return the fines for so many of an item, beside what is used already."""
    total = 0.0
    for e in range(rows.start[j], rows.start[j + 1]):
        row = rows.row[e]
        before = rows.used[row] - rows.free[row]
        after = before + count * rows.amount[e]
        if after > _OVERFULL:
            total += rows.fine[row] * (after - max(before, 0.0))
    return total


@compiled
def use(rows: Rows, j: int, count: int) -> None:
    """Take from the rows what so many of an item take."""
    for e in range(rows.start[j], rows.start[j + 1]):
        rows.used[rows.row[e]] += count * rows.amount[e]


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
    first_region: int
    first_rate: float
    second_rate: float
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
    is_wide, is_zoned = (wants.regions[w] == 2 or is_strict) and not is_soft, wants.zones[w] == 2 and not is_soft
    if is_wide:
        tabulate_apart(items, price, keep, count, parts, work.table, items.region, work.by_region)
    if is_zoned:
        tabulate_apart(items, price, keep, count, parts, work.table, items.zone, work.by_zone)
    work.region_price[:], work.zone_price[:], work.region_rate[:] = np.inf, np.inf, np.inf
    least_counted, least_dollars = np.inf, np.inf
    top_region, top_zone = 0, 0
    for i in range(count):
        j = keep[i]
        region, zone = items.region[j], items.zone[j]
        top_region, top_zone = max(top_region, region), max(top_zone, zone)
        rate = price[j] / max(items.requests_per_second[j], 1e-12)
        work.region_rate[region] = min(work.region_rate[region], rate)
        if items.share[j] > 0.0:
            least_dollars = min(least_dollars, items.dollars_per_hour[j] / items.share[j])
        if items.is_counted[j]:
            least_counted = min(least_counted, price[j])
            work.region_price[region] = min(work.region_price[region], price[j])
            work.zone_price[zone] = min(work.zone_price[zone], price[j])
    # The cheapest and the next region by capacity.
    first_region, first_rate, second_rate = 0, np.inf, np.inf
    for g in range(top_region + 1):
        if work.region_rate[g] < first_rate:
            first_region, first_rate, second_rate = g, work.region_rate[g], first_rate
        elif work.region_rate[g] < second_rate:
            second_rate = work.region_rate[g]
    return _Frame(
        count,
        parts,
        wants.rate[w] * wants.requests_per_second[w],
        least_counted,
        least_dollars,
        top_region,
        top_zone,
        first_region,
        first_rate,
        second_rate,
        is_soft,
        is_shared,
        is_strict,
        is_wide,
        is_zoned,
    )


@compiled
def _turns(
    items: Items, wants: Wants, w: int, price: Floats, frame: _Frame, work: Work, depth: int, cut: float
) -> None:
    """Begin with the item of this depth: the counts that are tried, and the first of them.

    Where a region may hold a share only, what it may hold of the demand is tried first, and more last.
    """
    j = work.keep[depth]
    share, left = items.share[j], work.left[depth]
    fill = int(np.ceil(left / share - _EPSILON)) if left > _EPSILON and share > 0.0 else 0
    most = fill
    if items.is_counted[j]:
        most = max(most, wants.least[w] - work.counted[depth])
        if bits(work.regions[depth]) < wants.regions[w] or bits(work.zones[depth]) < wants.zones[w]:
            most = max(most, 1)
    first = most
    if frame.is_shared:
        affordable = (cut - work.spent[depth]) / max(price[j], _EPSILON)
        most = max(most, int(min(affordable, 1e6)))
        first = most
        if frame.is_strict:
            here = wants.region_share[w] * frame.demand - work.capacity[depth, items.region[j]]
            first = min(first, int(max(here, 0.0) / max(items.requests_per_second[j], 1e-12) + _TOLERANCE))
            first = min(first, fill)
    most = min(most, items.most[j])
    if items.is_counted[j]:
        most = min(most, wants.most[w] - work.counted[depth])
    work.last[depth] = max(most, 0)
    work.turn[depth] = min(max(first, 0), work.last[depth])
    work.tried[depth] = work.turn[depth] + 1


@compiled
def _next(work: Work, depth: int) -> int:
    """Return the next count of the item of this depth; negative when all were tried."""
    tried, turn = int(work.tried[depth]), int(work.turn[depth])
    if turn < 0:
        # The counts above the first, upwards.
        work.tried[depth] = tried + 1
        return tried + 1 if tried + 1 <= work.last[depth] else -1
    if tried > 0:
        work.tried[depth] = tried - 1
        return tried - 1
    work.turn[depth] = -1
    work.tried[depth] = turn + 1
    return turn + 1 if turn + 1 <= work.last[depth] else -1


@compiled
def _onward(wants: Wants, w: int, frame: _Frame, work: Work, depth: int, part: int, short: int) -> float:
    """Return what the spread that the branch below still lacks costs at least."""
    onward = short * frame.least_counted if short > 0 else 0.0
    regions, zones = work.regions[depth + 1], work.zones[depth + 1]
    lacking = wants.regions[w] - bits(regions) if wants.regions[w] > 1 else 0
    lacking_zones = wants.zones[w] - bits(zones) if wants.zones[w] > 1 else 0
    if lacking > 0:
        onward = max(onward, cheapest_missing(work.region_price[: frame.top_region + 1], regions, lacking))
    if lacking_zones > 0:
        onward = max(onward, cheapest_missing(work.zone_price[: frame.top_zone + 1], zones, lacking_zones))
    if frame.is_wide and not frame.is_shared and lacking == 1 and regions > 0:
        onward = max(onward, work.by_region[only_bit(regions), part])
    if frame.is_zoned and lacking_zones == 1 and zones > 0:
        onward = max(onward, work.by_zone[only_bit(zones), part])
    return onward


@compiled
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
    keep, tried, table = work.keep, work.tried, work.table
    collects = slack >= 0.0
    best, size, unmet = known, 0, 0.0
    offset = levy(items, first, last, wants, w, price)
    cut = offset + (best + slack if collects else min(best - effort.tolerance * abs(best), best - effort.shared))
    count, dropped = kept_items(items, first, last, wants, w, price, cut, keep)
    if count == 0:
        return Best(best, 0, min(best, dropped - offset), 0.0)
    frame = _framed(items, wants, w, price, count, effort, work)
    least = table[0, min(int(np.ceil(wants.rate[w] * frame.parts - _TOLERANCE)), frame.parts)]
    if least >= cut:
        return Best(best, 0, min(best, min(dropped, least) - offset), 0.0)
    share_limit, soft = wants.region_share[w], wants.unmet[w]
    own_hits, followed = int(np.int64(0)), 0
    if frame.is_shared and not collects and rows.row.size == 0 and cut > UNKNOWN * least:
        pair = work.pair
        if balanced_pair(items, wants, w, price, keep, count, cut, pair) < cut:
            value = pair[1] * base[pair[0]] + pair[3] * base[pair[2]]
            if value < best:
                best, size = value, 2
                work.item[0], work.times[0], work.item[1], work.times[1] = pair[0], pair[1], pair[2], pair[3]
                cut = offset + min(best - effort.tolerance * abs(best), best - effort.shared)
    depth = int(np.int64(0))  # of a type of its own from the start, or what it is handed to is compiled twice
    work.left[0], work.counted[0], work.spent[0], work.true[0], work.dollars[0] = wants.rate[w], 0, 0.0, 0.0, 0.0
    work.regions[0], work.zones[0] = 0, 0
    work.capacity[0, : frame.top_region + 1] = 0.0
    _turns(items, wants, w, price, frame, work, depth, cut)
    while depth >= 0:
        j = keep[depth]
        c = _next(work, depth)
        if c < 0:
            depth -= 1
            if depth >= 0:
                use(rows, keep[depth], -tried[depth])
            continue
        followed += 1
        left = work.left[depth] - c * items.share[j]
        left = 0.0 if left <= _EPSILON else left
        fines = fined(rows, j, c) if c > 0 else 0.0
        spent, true = work.spent[depth] + c * price[j], work.true[depth] + c * base[j] + fines
        # Fines beyond those that are in the price already; tolls are in the price only.
        spent += max(fines - c * max(price[j] - base[j], 0.0), 0.0) if rows.row.size else 0.0
        dollars = work.dollars[depth] + c * items.dollars_per_hour[j]
        counted, regions, zones = work.counted[depth], work.regions[depth], work.zones[depth]
        if c > 0 and items.is_counted[j]:
            counted += c
            regions |= 1 << items.region[j]
            zones |= 1 << items.zone[j]
        if dollars > wants.budget[w] + _TOLERANCE:
            continue
        if not frame.is_soft and left > 0.0 and dollars + left * frame.least_dollars > wants.budget[w] + _TOLERANCE:
            continue
        short = max(wants.least[w] - counted, 0)
        lacking = max(wants.regions[w] - bits(regions), 0) if wants.regions[w] > 1 else 0
        lacking_zones = max(wants.zones[w] - bits(zones), 0) if wants.zones[w] > 1 else 0
        excess, fullest, held = 0.0, 0, 0.0
        if frame.is_shared:
            for g in range(frame.top_region + 1):
                value = work.capacity[depth, g] + (c * items.requests_per_second[j] if g == items.region[j] else 0.0)
                work.capacity[depth + 1, g] = value
                held += value
                if value > work.capacity[depth + 1, fullest]:
                    fullest = g
            excess = work.capacity[depth + 1, fullest] - share_limit * held - wants.region_excess[w]
            excess = excess if excess > 1e-6 * wants.share_scale[w] else 0.0
        is_whole = left <= TOLERANCE and short == 0 and lacking == 0 and lacking_zones == 0 and excess == 0.0
        if c > 0 and (is_whole or frame.is_soft):
            lost = price_of_unmet(wants, w, left, short, lacking, lacking_zones, excess)
            value = true + lost
            if collects:
                if value + offset < cut:
                    own_hits, left_out = _hit(work, depth, w, value, hits, own_hits)
                    dropped = min(dropped, left_out + offset)
            elif value < best - _EPSILON:
                found = _kept(work, depth)
                if found > 0:
                    best, size, unmet = value, found, lost
                    cut = offset + min(best - effort.tolerance * abs(best), best - effort.shared)
        if is_whole or depth + 1 == count:
            continue
        part = min(int(np.ceil(left * frame.parts - _TOLERANCE)), frame.parts)
        onward = table[depth + 1, part]
        if spent + onward < cut:
            onward = max(onward, filled(items, price, keep, depth + 1, count, left, soft))
            if not frame.is_soft:
                work.regions[depth + 1], work.zones[depth + 1] = regions, zones
                onward = max(onward, _onward(wants, w, frame, work, depth, part, short))
                if frame.is_strict:
                    onward = max(
                        onward,
                        beside(
                            work.capacity[depth + 1, : frame.top_region + 1],
                            share_limit,
                            frame.demand,
                            left * wants.requests_per_second[w],
                            frame.first_region,
                            frame.first_rate,
                            frame.second_rate,
                            fullest,
                            held,
                        ),
                    )
        if spent + onward >= cut or followed > effort.steps:
            dropped = min(dropped, spent + onward)
            continue
        use(rows, j, c)
        depth += 1
        work.left[depth], work.counted[depth], work.spent[depth], work.true[depth] = left, counted, spent, true
        work.dollars[depth], work.regions[depth], work.zones[depth] = dollars, regions, zones
        _turns(items, wants, w, price, frame, work, depth, cut)
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
