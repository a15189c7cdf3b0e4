"""Branch and bound for the cheapest cover of one need, need after need: compiled, over plain arrays.

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
    toll_of,
)
from quartermaster.planner.compiled import compiled
from quartermaster.planner.unmet import TOLERANCE

DEPTH = 48
"""Distinct items that a cover may hold."""
GROUPS = 62
"""Regions, or zones, of one need that are told apart; the bits of a mask."""
UNKNOWN = 1.3
"""A best cover that is this much above the least a need can cost is looked for anew."""
_EPSILON = 1e-9
_TOLERANCE = 1e-6


class Found(NamedTuple):
    """Covers, filled in by the search: entries of item and count, up to ``DEPTH`` for each."""

    value: Floats
    size: Ints
    item: Ints
    times: Ints


@compiled
def search(
    items: Items,
    wants: Wants,
    price: Floats,
    best: Floats,
    slack: Floats,
    tolerance: float,
    shared: float,
    steps: int,
    fineness: int,
    most_hits: int,
    found: Found,
    hit_need: Ints,
    hits: Found,
) -> tuple[Floats, int]:
    """Search the cheapest cover of every need.

    Args:
        items: the items.
        wants: the needs.
        price: price of each item.
        best: what each need's best known cover costs; lowered where a better one is found.
        slack: where covers are collected, those within this much of the best are; negative where none are.
        tolerance: fraction of the best by which the cover found may miss it.
        shared: dollars per hour by which it may.
        steps: branches of one need that are followed; a need is passed over where none are.
        fineness: parts of a table that the smallest share spans, where the finest table allows it.
        most_hits: covers of one need that are collected, at most.
        found: gets the best cover of each need that improves on what was known; size 0 elsewhere.
        hit_need: gets the need of each cover collected.
        hits: gets the covers collected.

    Returns:
        What no cover of each need can undercut, and how many covers were collected.
    """
    needs = wants.rate.size
    widest = 0
    for w in range(needs):
        widest = max(widest, items.start[w + 1] - items.start[w])
    keep = np.empty(widest, np.int64)
    pair = np.empty(4, np.int64)
    table = np.empty((widest + 1, FINEST + 1))
    by_region, by_zone = np.empty((GROUPS, FINEST + 1)), np.empty((GROUPS, FINEST + 1))
    tried, left, counted = np.empty(widest + 1, np.int64), np.empty(widest + 1), np.empty(widest + 1, np.int64)
    spent, dollars = np.empty(widest + 1), np.empty(widest + 1)
    regions, zones = np.empty(widest + 1, np.int64), np.empty(widest + 1, np.int64)
    capacity = np.zeros((widest + 1, GROUPS))
    least_in_region, least_in_zone, rate_in_region = np.empty(GROUPS), np.empty(GROUPS), np.empty(GROUPS)
    bounds = np.empty(needs)
    total_hits = 0
    price = price.copy()
    for w in range(needs):
        collects = slack[w] >= 0.0
        # Where a budget binds, dollars are priced too: whatever keeps the budget costs at least as much with them.
        toll = toll_of(items, wants, w, price) if wants.budget[w] < np.inf else 0.0
        offset = toll * wants.budget[w] if toll > 0.0 else 0.0
        for j in range(items.start[w], items.start[w + 1]):
            price[j] += toll * items.dollars_per_hour[j]
        cut = offset + (best[w] + slack[w] if collects else min(best[w] * (1.0 - tolerance), best[w] - shared))
        count, dropped = kept_items(items, wants, w, price, cut, keep)
        found.size[w] = 0
        own_hits, worst_hit = 0, -1
        soft = wants.unmet[w]
        is_soft = soft < np.inf
        share_limit = wants.region_share[w]
        is_shared = share_limit < 1.0
        demand = wants.rate[w] * wants.requests_per_second[w]
        if count == 0:
            bounds[w] = min(best[w], dropped - offset)
            continue
        parts = grid(items, keep, count, fineness)
        tabulate(items, wants, w, price, keep, count, parts, table)
        is_strict = is_shared and wants.region_excess[w] == 0.0 and not is_soft
        is_wide, is_zoned = (wants.regions[w] == 2 or is_strict) and not is_soft, wants.zones[w] == 2 and not is_soft
        if is_wide:
            tabulate_apart(items, price, keep, count, parts, table, items.region, by_region)
        if is_zoned:
            tabulate_apart(items, price, keep, count, parts, table, items.zone, by_zone)
        least_in_region[:], least_in_zone[:], rate_in_region[:] = np.inf, np.inf, np.inf
        least_counted = np.inf
        top_region, top_zone = 0, 0
        least_dollars = np.inf
        for i in range(count):
            j = keep[i]
            top_region, top_zone = max(top_region, items.region[j]), max(top_zone, items.zone[j])
            rate_in_region[items.region[j]] = min(
                rate_in_region[items.region[j]], price[j] / max(items.requests_per_second[j], 1e-12)
            )
            if items.share[j] > 0.0:
                least_dollars = min(least_dollars, items.dollars_per_hour[j] / items.share[j])
            if items.is_counted[j]:
                least_counted = min(least_counted, price[j])
                least_in_region[items.region[j]] = min(least_in_region[items.region[j]], price[j])
                least_in_zone[items.zone[j]] = min(least_in_zone[items.zone[j]], price[j])
        # The cheapest and the next region by capacity.
        first_region, first_rate, second_rate = 0, np.inf, np.inf
        for g in range(top_region + 1):
            if rate_in_region[g] < first_rate:
                first_region, first_rate, second_rate = g, rate_in_region[g], first_rate
            elif rate_in_region[g] < second_rate:
                second_rate = rate_in_region[g]
        if is_shared and not collects and cut > UNKNOWN * table[0, parts]:
            value = balanced_pair(items, wants, w, price, keep, count, cut, pair)
            if value < cut:
                best[w] = value - toll * (
                    pair[1] * items.dollars_per_hour[pair[0]] + pair[3] * items.dollars_per_hour[pair[2]]
                )
                cut = offset + min(best[w] * (1.0 - tolerance), best[w] - shared)
                found.size[w], found.value[w] = 2, best[w]
                found.item[w, 0], found.times[w, 0] = pair[0], pair[1]
                found.item[w, 1], found.times[w, 1] = pair[2], pair[3]
        depth = 0
        left[0], counted[0], spent[0], dollars[0], regions[0], zones[0] = wants.rate[w], 0, 0.0, 0.0, 0, 0
        capacity[0, : top_region + 1] = 0.0
        tried[0] = -1
        followed = 0
        while depth >= 0:
            j = keep[depth]
            share, cost = items.share[j], price[j]
            if tried[depth] < 0:
                fill = int(np.ceil(left[depth] / share - _EPSILON)) if left[depth] > _EPSILON and share > 0.0 else 0
                last = fill
                if items.is_counted[j]:
                    last = max(last, wants.least[w] - counted[depth])
                    if bits(regions[depth]) < wants.regions[w] or bits(zones[depth]) < wants.zones[w]:
                        last = max(last, 1)
                if is_shared:
                    last = max(last, int(min((cut - spent[depth]) / max(cost, _EPSILON), 1e6)))
                last = min(last, items.most[j])
                if items.is_counted[j]:
                    last = min(last, wants.most[w] - counted[depth])
                tried[depth] = max(last, 0) + 1
            tried[depth] -= 1
            c = tried[depth]
            if c < 0:
                depth -= 1
                continue
            followed += 1
            now_left = left[depth] - c * share
            now_left = 0.0 if now_left <= _EPSILON else now_left
            now_spent = spent[depth] + c * cost
            now_dollars = dollars[depth] + c * items.dollars_per_hour[j]
            now_counted, now_regions, now_zones = counted[depth], regions[depth], zones[depth]
            if c > 0 and items.is_counted[j]:
                now_counted += c
                now_regions |= 1 << items.region[j]
                now_zones |= 1 << items.zone[j]
            if now_dollars > wants.budget[w] + _TOLERANCE:
                continue
            if not is_soft and now_left > 0.0 and now_dollars + now_left * least_dollars > wants.budget[w] + _TOLERANCE:
                continue
            short = max(wants.least[w] - now_counted, 0)
            lacking = max(wants.regions[w] - bits(now_regions), 0) if wants.regions[w] > 1 else 0
            lacking_zones = max(wants.zones[w] - bits(now_zones), 0) if wants.zones[w] > 1 else 0
            excess, fullest, held = 0.0, 0, 0.0
            if is_shared:
                for g in range(top_region + 1):
                    value = capacity[depth, g] + (c * items.requests_per_second[j] if g == items.region[j] else 0.0)
                    capacity[depth + 1, g] = value
                    held += value
                    if value > capacity[depth + 1, fullest]:
                        fullest = g
                excess = capacity[depth + 1, fullest] - share_limit * held - wants.region_excess[w]
                excess = excess if excess > 1e-6 * wants.share_scale[w] else 0.0
            is_whole = now_left <= TOLERANCE and short == 0 and lacking == 0 and lacking_zones == 0 and excess == 0.0
            if c > 0 and (is_whole or is_soft):
                value = (
                    now_spent
                    - toll * now_dollars
                    + price_of_unmet(wants, w, now_left, short, lacking, lacking_zones, excess)
                )
                if collects and value + offset < cut:
                    place = -1
                    if own_hits < most_hits:
                        if total_hits < hits.size.size:
                            place = total_hits
                            total_hits += 1
                            own_hits += 1
                            hit_need[place] = w
                    else:
                        worst_hit = total_hits - own_hits
                        for h in range(total_hits - own_hits, total_hits):
                            if hits.value[h] > hits.value[worst_hit]:
                                worst_hit = h
                        dropped = min(dropped, offset + max(value, hits.value[worst_hit]))
                        if value < hits.value[worst_hit]:
                            place = worst_hit
                    if place >= 0:
                        size = 0
                        for i in range(depth + 1):
                            if tried[i] > 0 and size < DEPTH:
                                hits.item[place, size], hits.times[place, size] = keep[i], tried[i]
                                size += 1
                        hits.size[place], hits.value[place] = size, value
                elif not collects and value < best[w] - _EPSILON:
                    size = 0
                    for i in range(depth + 1):
                        if tried[i] > 0:
                            size += 1
                    if size <= DEPTH:
                        best[w] = value
                        cut = offset + min(best[w] * (1.0 - tolerance), best[w] - shared)
                        size = 0
                        for i in range(depth + 1):
                            if tried[i] > 0:
                                found.item[w, size], found.times[w, size] = keep[i], tried[i]
                                size += 1
                        found.size[w], found.value[w] = size, value
            if is_whole or depth + 1 == count:
                continue
            onward = table[depth + 1, min(int(np.ceil(now_left * parts - _TOLERANCE)), parts)]
            if now_spent + onward < cut:
                onward = max(onward, filled(items, price, keep, depth + 1, count, now_left, soft))
                if not is_soft:
                    onward = max(onward, short * least_counted) if short > 0 else onward
                    part = min(int(np.ceil(now_left * parts - _TOLERANCE)), parts)
                    if lacking > 0:
                        onward = max(onward, cheapest_missing(least_in_region[: top_region + 1], now_regions, lacking))
                    if lacking_zones > 0:
                        onward = max(onward, cheapest_missing(least_in_zone[: top_zone + 1], now_zones, lacking_zones))
                    if is_wide and not is_shared and lacking == 1 and now_regions > 0:
                        onward = max(onward, by_region[only_bit(now_regions), part])
                    if is_zoned and lacking_zones == 1 and now_zones > 0:
                        onward = max(onward, by_zone[only_bit(now_zones), part])
                    if is_strict:
                        onward = max(
                            onward,
                            beside(
                                capacity[depth + 1, : top_region + 1],
                                share_limit,
                                demand,
                                now_left * wants.requests_per_second[w],
                                first_region,
                                first_rate,
                                second_rate,
                                fullest,
                                held,
                            ),
                        )
            bound = now_spent + onward
            if bound >= cut or followed > steps:
                dropped = min(dropped, bound)
                continue
            depth += 1
            tried[depth] = -1
            left[depth], counted[depth], spent[depth], dollars[depth] = (
                now_left,
                now_counted,
                now_spent,
                now_dollars,
            )
            regions[depth], zones[depth] = now_regions, now_zones
        bounds[w] = min(best[w], dropped - offset)
    return bounds, total_hits
