"""What covering a need costs at least: filters, tables and sums for branch and bound. Compiled, over plain arrays.

What is left of a need costs at least its part at the best prices per share that remain, each item as often as there is
room for it; what a table says is the least price of whole replicas for any part, shares rounded up to a grid; where a
region or zone is missing, the same with an item of another group among them; and where a region may hold only a share,
what the other regions must hold beside it.
"""

from typing import NamedTuple

import numpy as np

from quartermaster.planner.arrays import Bools, Floats, Ints
from quartermaster.planner.compiled import compiled
from quartermaster.planner.unmet import SEGMENTS, SERVED_WEIGHT, SPREAD_WEIGHT, TOLERANCE

FINEST = 4096
"""Parts of a need in the finest table."""
COARSEST = 64
PAIRED = 40
"""Items among which a first balanced pair is looked for."""
_EPSILON = 1e-9
_TOLERANCE = 1e-6


class Items(NamedTuple):
    """Options as items, by need: replicas that run cost no start, and leaving them costs a stop."""

    option: Ints
    need: Ints
    share: Floats
    most: Ints
    is_counted: Bools
    region: Ints
    """Number of the region, or of the zone, among those of the need."""
    zone: Ints
    requests_per_second: Floats
    dollars_per_hour: Floats
    start: Ints
    """Where the items of each need begin, and their end."""


class Wants(NamedTuple):
    """Needs as numbers, with the names that they have in ``problem.Needs``, and the price of what stays unmet."""

    rate: Floats
    requests_per_second: Floats
    least: Ints
    most: Ints
    regions: Ints
    zones: Ints
    region_share: Floats
    region_excess: Floats
    share_scale: Floats
    budget: Floats
    unmet: Floats
    """Dollars per hour for all of a soft need's first tenths; infinite for needs that are to be met whole."""
    served: Floats


@compiled
def unmet_rate(left: float, served: float) -> float:
    """Return the price of a part of a rate, for a need whose first tenths cost one dollar per hour in all."""
    price = 0.0
    for segment in range(SEGMENTS):
        part = left - segment / SEGMENTS
        if part <= 0.0:
            break
        price += (1.0 + segment) * min(part, 1 / SEGMENTS)
    return price + SERVED_WEIGHT * max(0.0, left - (1.0 - served))


@compiled
def kept_items(
    items: Items, first: int, last: int, wants: Wants, w: int, price: Floats, cut: float, keep: Ints
) -> tuple[int, float]:
    """Write those of the items that may be in a better cover into ``keep``, the cheapest per share first.

    Returns how many, and the least bound of a cover that holds one of the others.
    """
    rate, soft = wants.rate[w], wants.unmet[w]
    shares, is_counted = items.share, items.is_counted
    least_ratio, least_counted = np.inf, np.inf
    for j in range(first, last):
        if shares[j] > 0.0:
            least_ratio = min(least_ratio, price[j] / shares[j])
        if is_counted[j]:
            least_counted = min(least_counted, price[j])
    least_ratio = min(least_ratio, soft)
    further = max(wants.least[w], wants.regions[w], wants.zones[w]) - 1
    dropped = np.inf
    count = 0
    key = np.empty(last - first)
    for j in range(first, last):
        rest = max(rate - shares[j], 0.0)
        bound = rest * least_ratio if rest > 0.0 else 0.0
        if soft == np.inf and further > 0:
            bound = max(bound, further * least_counted)
        bound += price[j]
        if bound < cut:
            keep[count] = j
            key[count] = price[j] / shares[j] if rate > 0.0 and shares[j] > 0.0 else price[j]
            count += 1
        else:
            dropped = min(dropped, bound)
    order = np.argsort(key[:count], kind="mergesort")
    keep[:count] = keep[:count][order]
    return count, dropped


@compiled
def grid(items: Items, keep: Ints, count: int, fineness: int) -> int:
    """Return how many parts a need's table has: the smaller the share of its best item, the finer.

    The best item's share is a whole number of parts, or little less, so that rounding up loses nothing there.
    """
    share = 1.0
    for i in range(count):
        if items.share[keep[i]] > 0.0:
            share = items.share[keep[i]]
            break
    parts = COARSEST
    while parts < FINEST and parts * share < fineness:
        parts *= 2
    whole = int(parts * share)
    return parts if whole == 0 else min(int(whole / share), FINEST)


@compiled
def tabulate(
    items: Items, wants: Wants, w: int, price: Floats, keep: Ints, count: int, parts: int, table: Floats
) -> None:
    """Fill ``table[i, k]``: the least price of ``k`` parts of the need with the items from the ``i``-th on."""
    for k in range(parts + 1):
        left = (k - 1) / parts
        table[count, k] = 0.0 if k == 0 else np.inf
        if k > 0 and wants.unmet[w] < np.inf:
            table[count, k] = wants.unmet[w] * unmet_rate(max(left, 0.0), wants.served[w])
    shares, mosts = items.share, items.most
    for i in range(count - 1, -1, -1):
        j = keep[i]
        step = int(np.ceil(shares[j] * parts - _TOLERANCE))
        cost = price[j]
        for k in range(parts + 1):
            table[i, k] = table[i + 1, k]
        if step <= 0:
            continue
        most = mosts[j]
        if most * step >= parts:
            for k in range(1, parts + 1):
                table[i, k] = min(table[i, k], cost + table[i, max(k - step, 0)])
        else:
            _few(table[i + 1], table[i], parts, step, most, cost)


@compiled
def _few(without: Floats, within: Floats, parts: int, step: int, most: int, cost: float) -> None:
    """Fill ``within`` with the least prices where an item of ``step`` parts may be taken up to ``most`` times.

    Of each residue the least of the last ``most + 1`` entries counts, at the price of the steps between.
    """
    queue = np.empty(parts // step + 2, np.int64)
    for residue in range(step):
        head, tail = 0, 0
        for taken, k in enumerate(range(residue, parts + 1, step)):
            value = without[k] - taken * cost
            while tail > head and without[residue + queue[tail - 1] * step] - queue[tail - 1] * cost >= value:
                tail -= 1
            queue[tail] = taken
            tail += 1
            if queue[head] < taken - most:
                head += 1
            within[k] = without[residue + queue[head] * step] + (taken - queue[head]) * cost
    for k in range(1, min(most * step, parts) + 1):
        within[k] = min(within[k], ((k + step - 1) // step) * cost)


@compiled
def tabulate_apart(
    items: Items, price: Floats, keep: Ints, count: int, parts: int, table: Floats, group: Ints, apart: Floats
) -> None:
    """Fill ``apart[g, k]``: the least price of ``k`` parts of the need with an item of another group than ``g``."""
    shares, is_counted = items.share, items.is_counted
    groups = 0
    for i in range(count):
        groups = max(groups, group[keep[i]] + 1)
    for g in range(groups):
        for k in range(parts + 1):
            best = np.inf
            for i in range(count):
                j = keep[i]
                rest = max(k - int(np.ceil(shares[j] * parts - _TOLERANCE)), 0)
                if group[j] != g and is_counted[j]:
                    best = min(best, price[j] + table[0, rest])
                elif rest < k:
                    best = min(best, price[j] + apart[g, rest])
            apart[g, k] = best


@compiled
def filled(
    shares: Floats, most: Ints, price: Floats, keep: Ints, at: int, count: int, left: float, soft: float
) -> float:
    """Return the least price of ``left`` of a rate with parts of the items from ``at`` on."""
    total = 0.0
    for i in range(at, count):
        if left <= _EPSILON:
            return total
        j = keep[i]
        share = shares[j]
        if share <= 0.0:
            continue
        ratio = price[j] / share
        if ratio >= soft:
            return total + left * soft
        part = min(left, share * most[j])
        total += part * ratio
        left -= part
    if left <= _EPSILON:
        return total
    return np.inf if soft == np.inf else total + left * soft


@compiled
def cheapest_missing(least: Floats, groups: int, mask: int, missing: int) -> float:
    """Return the sum of the least values of as many of the groups as are missing, of those not in the mask."""
    total = 0.0
    taken = mask
    for _ in range(missing):
        best, which = np.inf, -1
        for g in range(groups):
            if (taken >> g) & 1 == 0 and least[g] < best:
                best, which = least[g], g
        if which < 0:
            return np.inf
        total += best
        taken |= 1 << which
    return total


@compiled
def bits(mask: int) -> int:
    """Return how many bits are set."""
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


@compiled
def only_bit(mask: int) -> int:
    """Return the place of the only bit."""
    place = 0
    while mask > 1:
        mask >>= 1
        place += 1
    return place


@compiled
def price_of_unmet(wants: Wants, w: int, left: float, replicas: int, regions: int, zones: int, excess: float) -> float:
    """Return the price of what is left undone; infinite where nothing may be."""
    if left <= TOLERANCE and replicas <= 0 and regions <= 0 and zones <= 0 and excess <= 0.0:
        return 0.0
    if wants.unmet[w] == np.inf:
        return np.inf
    price = unmet_rate(left, wants.served[w]) if left > TOLERANCE else 0.0
    if replicas > 0:
        price += unmet_rate(replicas / wants.least[w], 0.0)
    price += SPREAD_WEIGHT * regions / wants.regions[w] + SPREAD_WEIGHT * zones / wants.zones[w]
    price += SPREAD_WEIGHT * excess / wants.share_scale[w]
    return float(wants.unmet[w] * price)


@compiled
def beside(
    capacity: Floats, rate: Floats, regions: int, share: float, demand: float, wanted: float, fullest: int, held: float
) -> float:
    """Return the least price of what regions must still hold where none may hold more than a share of all.

    The fullest region asks for others beside it; and of what is left of the demand, the cheapest region takes up to its
    share, and the next one the rest. ``rate`` is the least price of a request per second in each, of items to come.
    """
    first, second, other = -1, np.inf, np.inf
    for g in range(regions):
        if g != fullest:
            other = min(other, rate[g])
        if first < 0 or rate[g] < rate[first]:
            second = np.inf if first < 0 else rate[first]
            first = g
        else:
            second = min(second, rate[g])
    lacking = max(capacity[fullest] / share - held, 0.0)
    price = lacking * other if lacking > 1e-6 * demand else 0.0
    inside = min(max(share * demand - capacity[first], 0.0), wanted)
    balanced = inside * rate[first] if inside > 0.0 else 0.0
    if wanted - inside > 1e-9 * demand:
        balanced += (wanted - inside) * second
    return max(price, balanced)


@compiled
def balanced_pair(
    items: Items, wants: Wants, w: int, price: Floats, keep: Ints, count: int, cut: float, pair: Ints
) -> float:
    """Return the price of the cheapest cover of two items in two regions, none of which holds too much; or infinity.

    ``pair`` gets the first item, how often, the second, and how often.
    """
    best = cut
    limit, rate = wants.region_share[w], wants.rate[w]
    if wants.zones[w] > 1 or wants.regions[w] > 2:
        return np.inf
    for a in range(min(count, PAIRED)):
        i = keep[a]
        for b in range(min(count, PAIRED)):
            j = keep[b]
            if items.region[i] == items.region[j] or not items.is_counted[i] or not items.is_counted[j]:
                continue
            for n in range(1, items.most[i] + 1):
                spent = n * price[i]
                if spent >= best:
                    break
                here = n * items.requests_per_second[i]
                left = rate - n * items.share[i]
                wanted = here / limit - here
                m = max(int(np.ceil(wanted / max(items.requests_per_second[j], 1e-12) - _TOLERANCE)), 1)
                if left > _EPSILON:
                    if items.share[j] <= 0.0:
                        continue
                    m = max(m, int(np.ceil(left / items.share[j] - _EPSILON)))
                m = max(m, wants.least[w] - n)
                there = m * items.requests_per_second[j]
                if m > items.most[j] or n + m > wants.most[w] or there > limit * (here + there) * (1 + 1e-9):
                    continue
                if n * items.dollars_per_hour[i] + m * items.dollars_per_hour[j] > wants.budget[w]:
                    continue
                value = spent + m * price[j]
                if value < best:
                    best = value
                    pair[0], pair[1], pair[2], pair[3] = i, n, j, m
    return best if best < cut else np.inf
