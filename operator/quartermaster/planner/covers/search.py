"""The cheapest cover of every need, one after another. Compiled."""

from quartermaster.planner.covers.branch import cover
from quartermaster.planner.covers.records import Effort, Held, Hits, Item, Records, Sought, Want, Work
from quartermaster.planner.numerics.compiled import compiled


@compiled
def search(
    items: Records[Item],
    wants: Records[Want],
    sought: Records[Sought],
    found: Records[Held],
    effort: Effort,
    work: Work,
    hits: Hits,
) -> None:
    """Search the cheapest cover of every need.

    Args:
        items: the items, by need; their costs are made anew of their prices.
        wants: the needs.
        sought: what is known of each need, and gets what is found.
        found: gets the best cover of each need that improves on what was known.
        effort: how closely to look.
        work: room to work in, without limits that are watched.
        hits: gets the covers collected.
    """
    for w in range(wants.size):
        first, last = wants[w].first, wants[w].end
        for j in range(first, last):
            items[j].cost = items[j].price
        one = cover(items, first, last, wants, w, sought[w].best, sought[w].slack, effort, work, hits)
        sought[w].size, sought[w].bound = one.size, one.bound
        if one.size > 0:
            sought[w].best = one.value
            for k in range(one.size):
                found[w, k].item, found[w, k].times = work.held[k].item, work.held[k].times
