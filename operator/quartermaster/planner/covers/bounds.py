"""What covering a need costs at least: filters, tables and sums for branch and bound. Compiled, over plain arrays.

What is left of a need costs at least its part at the best prices per share that remain, each item as often as there is
room for it; what a table says is the least price of whole replicas for any part, shares rounded up to a grid; where a
region or zone is missing, the same with an item of another group among them; and where a region may hold only a share,
what the other regions must hold beside it.
"""

from typing import NamedTuple, cast

import numpy as np

from quartermaster.planner.covers.records import FINEST, NONE, Group, Item, Ranked, Records, Want, Work
from quartermaster.planner.numerics.arrays import Floats, Ints
from quartermaster.planner.numerics.compiled import inner
from quartermaster.planner.posing.unmet import SEGMENTS, SERVED_WEIGHT, SPREAD_WEIGHT, TOLERANCE

COARSEST = 64
PAIRED = 40
"""Items among which a first balanced pair is looked for."""
RUN = 16
"""Items that are sorted by moving one after another to its place."""
BY_REGION, BY_ZONE = NONE, cast("int", np.int64(1))
"""What items are grouped by."""
_EPSILON = 1e-9
_TOLERANCE = 1e-6


class Pair(NamedTuple):
    """A cover of two items."""

    cost: float
    first: int
    first_times: int
    second: int
    second_times: int


@inner
def unmet_rate(left: float, served: float) -> float:
    """Return the price of a part of a rate, for a need whose first tenths cost one dollar per hour in all."""
    price = 0.0
    for segment in range(SEGMENTS):
        part = left - segment / SEGMENTS
        if part <= 0.0:
            break
        price += (1.0 + segment) * min(part, 1 / SEGMENTS)
    return price + SERVED_WEIGHT * max(0.0, left - (1.0 - served))


@inner
def kept_items(
    items: Records[Item], first: int, last: int, want: Want, cut: float, ranked: Records[Ranked], spare: Records[Ranked]
) -> tuple[int, float]:
    """Rank those of the items that may be in a better cover, the cheapest per share first.

    Returns how many, and the least bound of a cover that holds one of the others.
    """
    rate, soft = want.rate, want.unmet
    least_ratio, least_counted = np.inf, np.inf
    for j in range(first, last):
        item = items[j]
        if item.share > 0.0:
            least_ratio = min(least_ratio, item.cost / item.share)
        if item.is_counted:
            least_counted = min(least_counted, item.cost)
    least_ratio = min(least_ratio, soft)
    further = max(want.least, want.regions, want.zones) - 1
    dropped = np.inf
    count = NONE
    for j in range(first, last):
        item = items[j]
        rest = max(rate - item.share, 0.0)
        bound = rest * least_ratio if rest > 0.0 else 0.0
        if soft == np.inf and further > 0:
            bound = max(bound, further * least_counted)
        bound += item.cost
        if bound < cut:
            ranked[count].item = j
            ranked[count].key = item.cost / item.share if rate > 0.0 and item.share > 0.0 else item.cost
            count += 1
        else:
            dropped = min(dropped, bound)
    rank(ranked, spare, count)
    return count, dropped


@inner
def rank(ranked: Records[Ranked], spare: Records[Ranked], count: int) -> None:
    """Sort by key; equals stay as they are. Short runs are sorted first, and then merged two by two."""
    for begin in range(0, count, RUN):
        for i in range(begin + 1, min(begin + RUN, count)):
            item, key = ranked[i].item, ranked[i].key
            place = i
            while place > begin and ranked[place - 1].key > key:
                ranked[place].item, ranked[place].key = ranked[place - 1].item, ranked[place - 1].key
                place -= 1
            ranked[place].item, ranked[place].key = item, key
    width = RUN
    while width < count:
        for begin in range(0, count, 2 * width):
            middle, end = min(begin + width, count), min(begin + 2 * width, count)
            left, right = begin, middle
            for i in range(begin, end):
                if left < middle and (right >= end or not ranked[right].key < ranked[left].key):
                    spare[i].item, spare[i].key = ranked[left].item, ranked[left].key
                    left += 1
                else:
                    spare[i].item, spare[i].key = ranked[right].item, ranked[right].key
                    right += 1
        for i in range(count):
            ranked[i].item, ranked[i].key = spare[i].item, spare[i].key
        width *= 2


@inner
def grid(items: Records[Item], ranked: Records[Ranked], count: int, fineness: int) -> int:
    """Return how many parts a need's table has: the smaller the share of its best item, the finer.

    The best item's share is a whole number of parts, or little less, so that rounding up loses nothing there.
    """
    share = 1.0
    for i in range(count):
        if items[ranked[i].item].share > 0.0:
            share = items[ranked[i].item].share
            break
    parts = COARSEST
    while parts < FINEST and parts * share < fineness:
        parts *= 2
    whole = int(parts * share)
    return parts if whole == 0 else min(int(whole / share), FINEST)


@inner
def tabulate(items: Records[Item], want: Want, count: int, parts: int, work: Work) -> None:
    """Fill ``table[i, k]``: the least price of ``k`` parts of the need with the items from the ``i``-th on."""
    ranked, table = work.ranked, work.table
    for k in range(parts + 1):
        left = (k - 1) / parts
        table[count, k] = 0.0 if k == 0 else np.inf
        if k > 0 and want.unmet < np.inf:
            table[count, k] = want.unmet * unmet_rate(max(left, 0.0), want.served)
    for i in range(count - 1, -1, -1):
        item = items[ranked[i].item]
        step = int(np.ceil(item.share * parts - _TOLERANCE))
        cost, most = item.cost, item.most
        for k in range(parts + 1):
            table[i, k] = table[i + 1, k]
        if step <= 0:
            continue
        if most * step >= parts:
            for k in range(1, parts + 1):
                table[i, k] = min(table[i, k], cost + table[i, max(k - step, 0)])
        else:
            _few(table, i, parts, step, most, cost, work.queue)


@inner
def _few(table: Floats, i: int, parts: int, step: int, most: int, cost: float, queue: Ints) -> None:
    """Fill a row of the table for an item of ``step`` parts that may be taken up to ``most`` times.

    Of each residue the least of the last ``most + 1`` entries counts, at the price of the steps between.
    """
    for residue in range(step):
        head, tail = 0, 0
        for taken, k in enumerate(range(residue, parts + 1, step)):
            value = table[i + 1, k] - taken * cost
            while tail > head and table[i + 1, residue + queue[tail - 1] * step] - queue[tail - 1] * cost >= value:
                tail -= 1
            queue[tail] = taken
            tail += 1
            if queue[head] < taken - most:
                head += 1
            table[i, k] = table[i + 1, residue + queue[head] * step] + (taken - queue[head]) * cost
    for k in range(1, min(most * step, parts) + 1):
        table[i, k] = min(table[i, k], ((k + step - 1) // step) * cost)


@inner
def tabulate_apart(items: Records[Item], count: int, parts: int, work: Work, by: int, apart: Floats) -> None:
    """Fill ``apart[g, k]``: the least price of ``k`` parts of the need with an item of another group than ``g``."""
    ranked, table = work.ranked, work.table
    groups = 0
    for i in range(count):
        item = items[ranked[i].item]
        groups = max(groups, (item.zone if by == BY_ZONE else item.region) + 1)
    for g in range(groups):
        for k in range(parts + 1):
            best = np.inf
            for i in range(count):
                item = items[ranked[i].item]
                rest = max(k - int(np.ceil(item.share * parts - _TOLERANCE)), 0)
                if (item.zone if by == BY_ZONE else item.region) != g and item.is_counted:
                    best = min(best, item.cost + table[0, rest])
                elif rest < k:
                    best = min(best, item.cost + apart[g, rest])
            apart[g, k] = best


@inner
def filled(items: Records[Item], ranked: Records[Ranked], at: int, count: int, left: float, soft: float) -> float:
    """Return the least price of ``left`` of a rate with parts of the items from ``at`` on."""
    total = 0.0
    for i in range(at, count):
        if left <= _EPSILON:
            return total
        item = items[ranked[i].item]
        share = item.share
        if share <= 0.0:
            continue
        ratio = item.cost / share
        if ratio >= soft:
            return total + left * soft
        part = min(left, share * item.most)
        total += part * ratio
        left -= part
    if left <= _EPSILON:
        return total
    return np.inf if soft == np.inf else total + left * soft


@inner
def cheapest_missing(groups: Records[Group], by: int, count: int, mask: int, missing: int) -> float:
    """Return the sum of the least prices of as many of the groups as are missing, of those not in the mask."""
    total = 0.0
    taken = mask
    for _ in range(missing):
        best, which = np.inf, -1
        for g in range(count):
            price = groups[g].zone_price if by == BY_ZONE else groups[g].region_price
            if (taken >> g) & 1 == 0 and price < best:
                best, which = price, g
        if which < 0:
            return np.inf
        total += best
        taken |= 1 << which
    return total


@inner
def bits(mask: int) -> int:
    """Return how many bits are set."""
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


@inner
def only_bit(mask: int) -> int:
    """Return the place of the only bit."""
    place = 0
    while mask > 1:
        mask >>= 1
        place += 1
    return place


@inner
def price_of_unmet(want: Want, left: float, replicas: int, regions: int, zones: int, excess: float) -> float:
    """Return the price of what is left undone; infinite where nothing may be."""
    if left <= TOLERANCE and replicas <= 0 and regions <= 0 and zones <= 0 and excess <= 0.0:
        return 0.0
    if want.unmet == np.inf:
        return np.inf
    price = unmet_rate(left, want.served) if left > TOLERANCE else 0.0
    if replicas > 0:
        price += unmet_rate(replicas / want.least, 0.0)
    price += SPREAD_WEIGHT * regions / want.regions + SPREAD_WEIGHT * zones / want.zones
    price += SPREAD_WEIGHT * excess / want.share_scale
    return want.unmet * price


@inner
def beside(
    work: Work, step: int, regions: int, share: float, demand: float, wanted: float, fullest: int, held: float
) -> float:
    """Return the least price of what regions must still hold where none may hold more than a share of all.

    The fullest region asks for others beside it; and of what is left of the demand, the cheapest region takes up to its
    share, and the next one the rest.
    """
    capacity, rate = work.capacity, work.region_rate
    first, second, other = -1, np.inf, np.inf
    for g in range(regions):
        if g != fullest:
            other = min(other, rate[step, g])
        if first < 0 or rate[step, g] < rate[step, first]:
            second = np.inf if first < 0 else rate[step, first]
            first = g
        else:
            second = min(second, rate[step, g])
    lacking = max(capacity[step, fullest] / share - held, 0.0)
    price = lacking * other if lacking > 1e-6 * demand else 0.0
    inside = min(max(share * demand - capacity[step, first], 0.0), wanted)
    balanced = inside * rate[step, first] if inside > 0.0 else 0.0
    if wanted - inside > 1e-9 * demand:
        balanced += (wanted - inside) * second
    return max(price, balanced)


@inner
def balanced_pair(items: Records[Item], want: Want, ranked: Records[Ranked], count: int, cut: float) -> Pair:
    """Return the cheapest cover of two items in two regions, none of which holds too much; its cost may be infinite."""
    best = cut
    pair = Pair(np.inf, 0, 0, 0, 0)
    limit, rate = want.region_share, want.rate
    if want.zones > 1 or want.regions > 2:
        return pair
    for a in range(min(count, PAIRED)):
        i = ranked[a].item
        one = items[i]
        for b in range(min(count, PAIRED)):
            j = ranked[b].item
            other = items[j]
            if one.region == other.region or not one.is_counted or not other.is_counted:
                continue
            for n in range(1, one.most + 1):
                spent = n * one.cost
                if spent >= best:
                    break
                here = n * one.requests_per_second
                left = rate - n * one.share
                wanted = here / limit - here
                m = max(int(np.ceil(wanted / max(other.requests_per_second, 1e-12) - _TOLERANCE)), 1)
                if left > _EPSILON:
                    if other.share <= 0.0:
                        continue
                    m = max(m, int(np.ceil(left / other.share - _EPSILON)))
                m = max(m, want.least - n)
                there = m * other.requests_per_second
                if m > other.most or n + m > want.most or there > limit * (here + there) * (1 + 1e-9):
                    continue
                if n * one.dollars_per_hour + m * other.dollars_per_hour > want.budget:
                    continue
                value = spent + m * other.cost
                if value < best:
                    best = value
                    pair = Pair(value, i, n, j, m)
    return pair
