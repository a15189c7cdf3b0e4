"""What holds for all branches of one search for a cover: its tables, and sums over the items kept. Compiled."""

from typing import NamedTuple

import numpy as np

from quartermaster.planner.covers.bounds import BY_REGION, BY_ZONE, grid, tabulate, tabulate_apart
from quartermaster.planner.covers.records import Effort, Item, Records, Want, Work
from quartermaster.planner.numerics.compiled import inner


class Frame(NamedTuple):
    """What holds for all branches of one search."""

    parts: int
    """Parts of the need in its tables."""
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


@inner
def framed(items: Records[Item], want: Want, count: int, effort: Effort, work: Work) -> Frame:
    """Return the frame of a search over the items kept, with its tables filled."""
    ranked, groups = work.ranked, work.groups
    parts = grid(items, ranked, count, effort.fineness)
    tabulate(items, want, count, parts, work)
    is_soft = want.unmet < np.inf
    is_shared = want.region_share < 1.0
    is_strict = is_shared and want.region_excess == 0.0 and not is_soft
    is_zoned = want.zones == 2 and not is_soft
    regions = want.regions
    if is_strict:
        # No region may hold everything; what is not counted is in none of them, and may stand beside.
        alone = True
        for i in range(count):
            alone = alone and items[ranked[i].item].is_counted
        regions = max(regions, 2) if alone else regions
    is_wide = regions == 2 and not is_soft
    if is_wide:
        tabulate_apart(items, count, parts, work, BY_REGION, work.by_region)
    if is_zoned:
        tabulate_apart(items, count, parts, work, BY_ZONE, work.by_zone)
    for g in range(groups.size):
        groups[g].region_price, groups[g].zone_price = np.inf, np.inf
    least_counted, least_dollars = np.inf, np.inf
    top_region, top_zone = 0, 0
    for i in range(count):
        item = items[ranked[i].item]
        region, zone = item.region, item.zone
        top_region, top_zone = max(top_region, region), max(top_zone, zone)
        if item.share > 0.0:
            least_dollars = min(least_dollars, item.dollars_per_hour / item.share)
        if item.is_counted:
            least_counted = min(least_counted, item.cost)
            groups[region].region_price = min(groups[region].region_price, item.cost)
            groups[zone].zone_price = min(groups[zone].zone_price, item.cost)
    if is_strict:
        _rate(items, count, top_region + 1, work)
    return Frame(
        parts,
        want.rate * want.requests_per_second,
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


@inner
def _rate(items: Records[Item], count: int, regions: int, work: Work) -> None:
    """Write what a request per second costs at least in each region, with the items from each one on."""
    rate = work.region_rate
    for g in range(regions):
        rate[count, g] = np.inf
    for i in range(count - 1, -1, -1):
        item = items[work.ranked[i].item]
        for g in range(regions):
            rate[i, g] = rate[i + 1, g]
        rate[i, item.region] = min(rate[i, item.region], item.cost / max(item.requests_per_second, 1e-12))
