"""Branch and bound for the cheapest cover of one need: compiled, over records.

Items are tried in the order of price per share, the largest count first. A branch that cannot beat the best cover by
more than the tolerance is not followed; the least of their bounds is kept, so that the need's own bound is true. After
so many steps no branch is followed any more.
"""

from typing import NamedTuple

import numpy as np

from quartermaster.planner.covers.bounds import (
    BY_REGION,
    BY_ZONE,
    balanced_pair,
    beside,
    bits,
    cheapest_missing,
    filled,
    kept_items,
    only_bit,
    price_of_unmet,
)
from quartermaster.planner.covers.frame import framed
from quartermaster.planner.covers.records import DEPTH, NONE, Effort, Hits, Item, Records, Want, Work
from quartermaster.planner.covers.tolls import levy
from quartermaster.planner.numerics.compiled import inlined, inner
from quartermaster.planner.posing.unmet import TOLERANCE

UNTRIED, UPWARDS = -1, -2
"""No count of an item was tried, or those above the first one are."""
UNKNOWN = 1.3
"""A best cover that is this much above the least a need can cost is looked for anew."""
_EPSILON = 1e-9
_TOLERANCE = 1e-6
_OVERFULL = 1e-7


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


@inlined
def _kept(work: Work, depth: int) -> int:
    """Keep the cover of the branch down to this depth; return its distinct items, 0 where they are too many."""
    steps = work.steps
    size = 0
    for i in range(depth + 1):
        size += 1 if steps[i].tried > 0 else 0
    if size > DEPTH:
        return 0
    size = 0
    for i in range(depth + 1):
        if steps[i].tried > 0:
            work.held[size].item, work.held[size].times = work.ranked[i].item, steps[i].tried
            size += 1
    return size


@inner
def _hit(work: Work, depth: int, w: int, value: float, hits: Hits, own: int) -> tuple[int, float]:
    """Collect the cover of the branch down to this depth; return how many the need has, and what is left out costs."""
    steps, found, held, total = work.steps, hits.found, hits.held, hits.total[0]
    place, left_out = -1, np.inf
    if own < hits.each:
        if total < found.size:
            place = total
            hits.total[0] = total + 1
            own += 1
        else:
            left_out = value
    else:
        worst = total - own
        for h in range(total - own, total):
            if found[h].value > found[worst].value:
                worst = h
        left_out = max(value, found[worst].value)
        if value < found[worst].value:
            place = worst
    if place >= 0:
        size = 0
        for i in range(depth + 1):
            if steps[i].tried > 0 and size < DEPTH:
                held[place, size].item, held[place, size].times = work.ranked[i].item, steps[i].tried
                size += 1
        found[place].size, found[place].value, found[place].need = size, value, w
    return own, left_out


@inner
def cover(
    items: Records[Item],
    first: int,
    last: int,
    wants: Records[Want],
    w: int,
    known: float,
    slack: float,
    effort: Effort,
    work: Work,
    hits: Hits,
) -> Best:
    """Search the cheapest cover of one need.

    Args:
        items: of which those from ``first`` to ``last`` are the need's; tolls are added to their costs.
        first: first item.
        last: end of the items.
        wants: the needs.
        w: the need.
        known: what the best known cover costs.
        slack: where covers are collected, those within this much of it are; negative where none are.
        effort: how closely to look.
        work: room to work in, with the limits that are watched.
        hits: gets the covers collected.
    """
    # Arrays by names of their own: taken from their tuples again and again, they would be counted each time.
    ranked, steps, table, capacity, groups = work.ranked, work.steps, work.table, work.capacity, work.groups
    uses, rows, want = work.uses, work.rows, wants[w]
    rate, soft, budget, share_limit = want.rate, want.unmet, want.budget, want.region_share
    least_replicas, most_replicas, wanted_zones = want.least, want.most, want.zones
    collects, is_watched = slack >= 0.0, uses.size > 0
    best, size, unmet = known, 0, 0.0
    offset = levy(items, first, last, want, work)
    cut = offset + (best + slack if collects else min(best - effort.tolerance * abs(best), best - effort.shared))
    count, dropped = kept_items(items, first, last, want, cut, ranked, work.spare)
    if count == 0:
        return Best(best, 0, min(best, dropped - offset), 0.0)
    frame = framed(items, want, count, effort, work)
    wanted_regions = frame.regions
    parts, is_soft, is_shared, is_strict = frame.parts, frame.is_soft, frame.is_shared, frame.is_strict
    least = table[0, min(int(np.ceil(rate * parts - _TOLERANCE)), parts)]
    if least >= cut:
        return Best(best, 0, min(best, min(dropped, least) - offset), 0.0)
    own_hits, followed = NONE, 0
    if is_shared and not collects and not is_watched and cut > UNKNOWN * least:
        pair = balanced_pair(items, want, ranked, count, cut)
        if pair.cost < cut:
            value = pair.first_times * items[pair.first].price + pair.second_times * items[pair.second].price
            if value < best:
                best, size = value, 2
                work.held[0].item, work.held[0].times = pair.first, pair.first_times
                work.held[1].item, work.held[1].times = pair.second, pair.second_times
                cut = offset + min(best - effort.tolerance * abs(best), best - effort.shared)
    depth = NONE
    step = steps[0]
    step.left, step.counted, step.spent, step.true, step.dollars = rate, 0, 0.0, 0.0, 0.0
    step.regions, step.zones, step.turn = 0, 0, UNTRIED
    for g in range(frame.top_region + 1):
        capacity[0, g] = 0.0
    while depth >= 0:
        step, item = steps[depth], items[ranked[depth].item]
        share, cost, is_inside = item.share, item.cost, item.is_counted
        if step.turn == UNTRIED:
            # Where a region may hold a share only, what it may hold of the demand is tried first, and more last.
            fill = int(np.ceil(step.left / share - _EPSILON)) if step.left > _EPSILON and share > 0.0 else 0
            top = fill
            if is_inside:
                top = max(top, least_replicas - step.counted)
                if bits(step.regions) < wanted_regions or bits(step.zones) < wanted_zones:
                    top = max(top, 1)
            start = top
            if is_shared:
                top = max(top, int(min((cut - step.spent) / max(cost, _EPSILON), 1e6)))
                if is_strict:
                    here = max(share_limit * frame.demand - capacity[depth, item.region], 0.0)
                    start = min(fill, int(here / max(item.requests_per_second, 1e-12) + _TOLERANCE))
            top = min(top, item.most)
            if is_inside:
                top = min(top, most_replicas - step.counted)
            step.last = max(top, 0)
            step.turn = min(max(start, 0), step.last)
            step.tried = step.turn + 1
        if step.turn >= 0 and step.tried > 0:
            step.tried -= 1
        elif step.turn >= 0:
            step.tried, step.turn = step.turn + 1, UPWARDS
        else:
            step.tried += 1
        c = step.tried
        if c > step.last:
            depth -= 1
            if depth >= 0:
                step, item = steps[depth], items[ranked[depth].item]
                if is_watched:
                    for e in range(item.first, item.end):
                        rows[uses[e].limit].used -= step.tried * uses[e].amount
            continue
        followed += 1
        left = step.left - c * share
        left = 0.0 if left <= _EPSILON else left
        spent, true = step.spent + c * cost, step.true + c * item.price
        if is_watched and c > 0:
            fines = 0.0
            for e in range(item.first, item.end):
                row = rows[uses[e].limit]
                earlier = row.used - row.free
                after = earlier + c * uses[e].amount
                if after > _OVERFULL:
                    fines += row.fine * (after - max(earlier, 0.0))
            true += fines
            # Fines beyond those that are in the price already; tolls are in the price only.
            spent += max(fines - c * max(cost - item.price, 0.0), 0.0)
        dollars = step.dollars + c * item.dollars_per_hour
        counted, regions, zones = step.counted, step.regions, step.zones
        if c > 0 and is_inside:
            counted += c
            regions |= 1 << item.region
            zones |= 1 << item.zone
        if dollars > budget + _TOLERANCE:
            continue
        if not is_soft and left > 0.0 and dollars + left * frame.least_dollars > budget + _TOLERANCE:
            continue
        short = max(least_replicas - counted, 0)
        lacking = max(wanted_regions - bits(regions), 0) if wanted_regions > 1 else 0
        lacking_zones = max(wanted_zones - bits(zones), 0) if wanted_zones > 1 else 0
        excess, fullest, held = 0.0, NONE, 0.0
        if is_shared:
            for g in range(frame.top_region + 1):
                value = capacity[depth, g] + (c * item.requests_per_second if g == item.region else 0.0)
                capacity[depth + 1, g] = value
                held += value
                if value > capacity[depth + 1, fullest]:
                    fullest = g
            excess = capacity[depth + 1, fullest] - share_limit * held - want.region_excess
            excess = excess if excess > 1e-6 * want.share_scale else 0.0
        is_whole = left <= TOLERANCE and short == 0 and lacking == 0 and lacking_zones == 0 and excess == 0.0
        if c > 0 and (is_whole or is_soft):
            lost = 0.0
            if not is_whole:
                lost = price_of_unmet(want, left, short, lacking, lacking_zones, excess)
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
            onward = max(onward, filled(items, ranked, depth + 1, count, left, soft))
            if not is_soft:
                if short > 0:
                    onward = max(onward, short * frame.least_counted)
                if lacking > 0:
                    onward = max(onward, cheapest_missing(groups, BY_REGION, frame.top_region + 1, regions, lacking))
                if lacking_zones > 0:
                    onward = max(onward, cheapest_missing(groups, BY_ZONE, frame.top_zone + 1, zones, lacking_zones))
                if frame.is_wide and lacking == 1 and regions > 0:
                    onward = max(onward, work.by_region[only_bit(regions), part])
                if frame.is_zoned and lacking_zones == 1 and zones > 0:
                    onward = max(onward, work.by_zone[only_bit(zones), part])
                if is_strict:
                    onward = max(
                        onward,
                        beside(
                            work,
                            depth + 1,
                            frame.top_region + 1,
                            share_limit,
                            frame.demand,
                            left * want.requests_per_second,
                            fullest,
                            held,
                        ),
                    )
        if spent + onward >= cut or followed > effort.steps:
            dropped = min(dropped, spent + onward)
            continue
        if is_watched:
            for e in range(item.first, item.end):
                rows[uses[e].limit].used += c * uses[e].amount
        depth += 1
        step = steps[depth]
        step.left, step.counted, step.spent, step.true = left, counted, spent, true
        step.dollars, step.regions, step.zones, step.turn = dollars, regions, zones, UNTRIED
    return Best(best, size, min(best + slack if collects else best, dropped - offset), unmet)
