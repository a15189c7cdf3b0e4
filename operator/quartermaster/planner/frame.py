"""What holds for all branches of one search for a cover: its tables, and sums over the items kept. Compiled."""

from typing import NamedTuple

import numpy as np

from quartermaster.planner.bounds import BY_REGION, BY_ZONE, grid, tabulate, tabulate_apart
from quartermaster.planner.compiled import inner
from quartermaster.planner.records import Effort, Item, Records, Want, Work


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
    first_region: int
    """The cheapest region by capacity, and what it and the next one cost by request per second."""
    first_rate: float
    second_rate: float
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
    is_wide, is_zoned = (want.regions == 2 or is_strict) and not is_soft, want.zones == 2 and not is_soft
    if is_wide:
        tabulate_apart(items, count, parts, work, BY_REGION, work.by_region)
    if is_zoned:
        tabulate_apart(items, count, parts, work, BY_ZONE, work.by_zone)
    for g in range(groups.size):
        groups[g].region_price, groups[g].zone_price, groups[g].region_rate = np.inf, np.inf, np.inf
    least_counted, least_dollars = np.inf, np.inf
    top_region, top_zone = 0, 0
    for i in range(count):
        item = items[ranked[i].item]
        region, zone = item.region, item.zone
        top_region, top_zone = max(top_region, region), max(top_zone, zone)
        rate = item.cost / max(item.requests_per_second, 1e-12)
        groups[region].region_rate = min(groups[region].region_rate, rate)
        if item.share > 0.0:
            least_dollars = min(least_dollars, item.dollars_per_hour / item.share)
        if item.is_counted:
            least_counted = min(least_counted, item.cost)
            groups[region].region_price = min(groups[region].region_price, item.cost)
            groups[zone].zone_price = min(groups[zone].zone_price, item.cost)
    first_region, first_rate, second_rate = 0, np.inf, np.inf
    for g in range(top_region + 1):
        if groups[g].region_rate < first_rate:
            first_region, first_rate, second_rate = g, groups[g].region_rate, first_rate
        elif groups[g].region_rate < second_rate:
            second_rate = groups[g].region_rate
    return Frame(
        parts,
        want.rate * want.requests_per_second,
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
