"""Tolls: what a need's own limits cost at the margin, so that bounds and the order of search know of them. Compiled.

A budget, or a share that no region may exceed, is priced: whatever keeps the limit costs no more with its toll than
without, but for a fixed sum, and what breaks it costs more. The toll is the one at which the least that a need can
cost, in parts of replicas, is highest.
"""

import numpy as np

from quartermaster.planner.arrays import Floats
from quartermaster.planner.bounds import Items, Wants
from quartermaster.planner.compiled import compiled

DOUBLINGS = 12
"""Prices of a dollar that are tried."""
HALVINGS = 20
"""Halvings of the toll of a region."""
_EPSILON = 1e-9


@compiled
def levy(items: Items, first: int, last: int, wants: Wants, w: int, price: Floats) -> float:
    """Add the tolls of one need's limits to the prices of its items; return by what a cover is then dearer at most."""
    offset = 0.0
    if wants.budget[w] < np.inf:
        toll = _dollar_toll(items, first, last, wants, w, price)
        for j in range(first, last):
            price[j] += toll * items.dollars_per_hour[j]
        offset += toll * wants.budget[w]
    share = wants.region_share[w]
    if share < 1.0 and wants.unmet[w] == np.inf and wants.rate[w] > 0.0:
        region, toll = _region_toll(items, first, last, wants, w, price)
        if toll > 0.0:
            for j in range(first, last):
                own = 1.0 if items.region[j] == region else 0.0
                price[j] += toll * items.requests_per_second[j] * (own - share)
            # A region's excess within the tolerance is allowed as well.
            offset += toll * (wants.region_excess[w] + 1e-6 * wants.share_scale[w])
    return offset


@compiled
def _dollar_toll(items: Items, first: int, last: int, wants: Wants, w: int, price: Floats) -> float:
    best, found = -np.inf, 0.0
    toll = 0.0
    for _ in range(DOUBLINGS):
        ratio = np.inf
        for j in range(first, last):
            if items.share[j] > 0.0:
                ratio = min(ratio, (price[j] + toll * items.dollars_per_hour[j]) / items.share[j])
        value = wants.rate[w] * ratio - toll * wants.budget[w] if ratio < np.inf else 0.0
        if value > best + _EPSILON:
            best, found = value, toll
        toll = 0.1 if toll == 0.0 else toll * 2.0
    return found


@compiled
def _region_toll(items: Items, first: int, last: int, wants: Wants, w: int, price: Floats) -> tuple[int, float]:
    """Return the region that would hold too much at the prices, and the toll per request per second that mends it."""
    region, excess = _fullest(items, first, last, wants, w, price, -1, 0.0)
    if excess <= 0.0:
        return 0, 0.0
    share = wants.region_share[w]
    high = np.inf
    for j in range(first, last):
        if items.region[j] != region and items.requests_per_second[j] > 0.0:
            high = min(high, price[j] / (share * items.requests_per_second[j]))
    if high == np.inf:
        return 0, 0.0
    low = 0.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        _, excess = _fullest(items, first, last, wants, w, price, region, middle)
        if excess > 0.0:
            low = middle
        else:
            high = middle
    return region, low


@compiled
def _fullest(
    items: Items, first: int, last: int, wants: Wants, w: int, price: Floats, only: int, toll: float
) -> tuple[int, float]:
    """Return the region that holds most of a cover in parts of replicas, and by how much that is too much.

    Where one region is looked at only, its replicas are charged the toll beyond its share, and all others are paid.
    """
    share, shares, rates, regions = wants.region_share[w], items.share, items.requests_per_second, items.region
    count = last - first
    ratio = np.empty(count)
    for k in range(count):
        j = first + k
        cost = price[j]
        if only >= 0:
            own = 1.0 if regions[j] == only else 0.0
            cost += toll * rates[j] * (own - share)
        ratio[k] = cost / shares[j] if shares[j] > 0.0 else np.inf
    order = np.argsort(ratio, kind="mergesort")
    top = 0
    for j in range(first, last):
        top = max(top, regions[j])
    held = np.zeros(top + 1)
    left, total = wants.rate[w], 0.0
    for k in order:
        j = first + k
        if left <= _EPSILON or ratio[k] == np.inf:
            break
        part = min(left, shares[j] * items.most[j])
        capacity = part / shares[j] * rates[j]
        held[regions[j]] += capacity
        total += capacity
        left -= part
    where = only
    if where < 0:
        where = int(np.argmax(held))
    return where, held[where] - share * total
