"""Tolls: what a need's own limits cost at the margin, so that bounds and the order of search know of them. Compiled.

A budget, or a share that no region may exceed, is priced: whatever keeps the limit costs no more with its toll than
without, but for a fixed sum, and what breaks it costs more. The toll is the one at which the least that a need can
cost, in parts of replicas, is highest.
"""

from typing import cast

import numpy as np

from quartermaster.planner.covers.bounds import rank
from quartermaster.planner.covers.records import Item, Records, Want, Work
from quartermaster.planner.numerics.compiled import inner

DOUBLINGS = 12
"""Prices of a dollar that are tried."""
HALVINGS = 20
"""Halvings of the toll of a region."""
ANY = cast("int", np.int64(-1))
"""No region is looked at alone."""
_EPSILON = 1e-9


@inner
def levy(items: Records[Item], first: int, last: int, want: Want, work: Work) -> float:
    """Add the tolls of one need's limits to the costs of its items; return by what a cover is then dearer at most."""
    offset = 0.0
    if want.budget < np.inf:
        toll = _dollar_toll(items, first, last, want)
        for j in range(first, last):
            items[j].cost += toll * items[j].dollars_per_hour
        offset += toll * want.budget
    share = want.region_share
    if share < 1.0 and want.unmet == np.inf and want.rate > 0.0:
        region, toll = _region_toll(items, first, last, want, work)
        if toll > 0.0:
            for j in range(first, last):
                own = 1.0 if items[j].region == region else 0.0
                items[j].cost += toll * items[j].requests_per_second * (own - share)
            # A region's excess within the tolerance is allowed as well.
            offset += toll * (want.region_excess + 1e-6 * want.share_scale)
    return offset


@inner
def _dollar_toll(items: Records[Item], first: int, last: int, want: Want) -> float:
    best, found = -np.inf, 0.0
    toll = 0.0
    for _ in range(DOUBLINGS):
        ratio = np.inf
        for j in range(first, last):
            item = items[j]
            if item.share > 0.0:
                ratio = min(ratio, (item.cost + toll * item.dollars_per_hour) / item.share)
        value = want.rate * ratio - toll * want.budget if ratio < np.inf else 0.0
        if value > best + _EPSILON:
            best, found = value, toll
        toll = 0.1 if toll == 0.0 else toll * 2.0
    return found


@inner
def _region_toll(items: Records[Item], first: int, last: int, want: Want, work: Work) -> tuple[int, float]:
    """Return the region that would hold too much at the prices, and the toll per request per second that mends it."""
    region, excess = _fullest(items, first, last, want, work, ANY, 0.0)
    if excess <= 0.0:
        return 0, 0.0
    share = want.region_share
    high = np.inf
    for j in range(first, last):
        item = items[j]
        if item.region != region and item.requests_per_second > 0.0:
            high = min(high, item.cost / (share * item.requests_per_second))
    if high == np.inf:
        return 0, 0.0
    low = 0.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        _, excess = _fullest(items, first, last, want, work, region, middle)
        if excess > 0.0:
            low = middle
        else:
            high = middle
    return region, low


@inner
def _fullest(
    items: Records[Item], first: int, last: int, want: Want, work: Work, only: int, toll: float
) -> tuple[int, float]:
    """Return the region that holds most of a cover in parts of replicas, and by how much that is too much.

    Where one region is looked at only, its replicas are charged the toll beyond its share, and all others are paid.
    """
    share, ranked, groups = want.region_share, work.ranked, work.groups
    top = 0
    for j in range(first, last):
        item = items[j]
        top = max(top, item.region)
        cost = item.cost
        if only >= 0:
            own = 1.0 if item.region == only else 0.0
            cost += toll * item.requests_per_second * (own - share)
        ranked[j - first].item = j
        ranked[j - first].key = cost / item.share if item.share > 0.0 else np.inf
    rank(ranked, work.spare, last - first)
    for g in range(top + 1):
        groups[g].held = 0.0
    left, total = want.rate, 0.0
    for k in range(last - first):
        if left <= _EPSILON or ranked[k].key == np.inf:
            break
        item = items[ranked[k].item]
        part = min(left, item.share * item.most)
        capacity = part / item.share * item.requests_per_second
        groups[item.region].held += capacity
        total += capacity
        left -= part
    where = only
    if where < 0:
        where = 0
        for g in range(1, top + 1):
            if groups[g].held > groups[where].held:
                where = g
    return where, groups[where].held - share * total
