"""One more node of a pool: which limits it loosens, and who goes short and would find room on it.

The node is like the pool's largest, all of it free. A slice that is taken whole counts as one node.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from quartermaster.planner.explain.lacking import Lacking
from quartermaster.planner.fleet import Host, Key
from quartermaster.planner.numerics.arrays import Bools, Floats
from quartermaster.planner.posing.offer import ANY_ZONE, Offer
from quartermaster.planner.posing.pose import Posed
from quartermaster.planner.room import is_whole, largest_host_chips


@dataclass(frozen=True, slots=True)
class Node:
    """A node that a pool might have besides its own."""

    pool: int
    zone: int
    chips: int
    is_whole: bool

    def places(self, chips: int) -> int:
        """Return how many replicas of so many chips sit in it."""
        if self.is_whole:
            return int(chips == self.chips)
        return self.chips // chips if chips else 0


@dataclass(frozen=True, slots=True)
class Served:
    """What a deployment that goes short would have on a node."""

    workload: Key
    replicas: int
    requests_per_second: float
    """0 where replicas are missing but no requests go unserved."""


def nodes_like(posed: Posed, pool: int) -> tuple[Node, ...]:
    """Return a node like the pool's largest in each zone that has such, the zone with most of them first."""
    here = posed.places.pools[pool]
    chips = largest_host_chips(here.hosts)
    if here.external is not None or not chips:
        return ()
    zones = _zones([host for host in here.hosts if host.chips == chips])
    return tuple([Node(pool, posed.places.zone_index[zone], chips, is_whole(here)) for zone in zones])


def _zones(hosts: Sequence[Host]) -> list[str]:
    names = [host.zone for host in hosts]
    return sorted(set(names), key=lambda zone: (-names.count(zone), zone))


def loosened(posed: Posed, node: Node, among: Iterable[int]) -> list[tuple[int, float]]:
    """Return the limits that the node loosens, and by how much; ``among`` are the places of its pool's limits."""
    found: list[tuple[int, float]] = []
    for place in among:
        limit = posed.limits[place]
        if limit.zone not in {ANY_ZONE, node.zone}:
            continue
        places = node.places(limit.chips)
        if places:
            found.append((place, float(places if limit.is_whole else places * limit.chips)))
    return found


def scarcity(posed: Posed, prices: Floats, node: Node, among: Iterable[int]) -> float:
    """Return the price of the room that the node adds to limits: what it saves where deployments share the pool."""
    return sum([float(prices[place]) * amount for place, amount in loosened(posed, node, among)])


def limits_by_pool(posed: Posed) -> dict[int, list[int]]:
    """Return the places of the limits of each pool."""
    found: dict[int, list[int]] = {}
    for place, limit in enumerate(posed.limits):
        found.setdefault(limit.pool, []).append(place)
    return found


def served_on(node: Node, queue: Sequence[Lacking], *, above: int | None = None) -> tuple[tuple[Served, ...], int]:
    """Return who would find room on the node, and the chips that nobody takes.

    Args:
        node: all of it free.
        queue: who goes short, in the order in which they are served.
        above: only those of a higher priority than this.
    """
    left, found = node.chips, []
    for one in queue:
        if not left or (above is not None and one.need.priority <= above):
            break
        served, chips = _served(one, node, left)
        if served is not None:
            found.append(served)
            left -= chips
    return tuple(found), left


def _served(one: Lacking, node: Node, left: int) -> tuple[Served | None, int]:
    """Return what one deployment would have of the chips that are left, and the chips that it takes."""
    own = one.offer
    best: tuple[float, int, int] = (0.0, 0, 0)
    for option in np.flatnonzero(is_on(own, node)).tolist():
        chips, rate = int(own.chips[option]), float(own.requests_per_second[option])
        places = min(node.places(chips), left // chips)
        replicas = min(places, one.wanted(option), int(one.most[option]))
        if one.gains(option, replicas):
            best = max(best, (min(one.requests_per_second, replicas * rate), replicas, -replicas * chips))
    served, replicas, chips = best
    return (Served(one.need.key, replicas, served), -chips) if replicas else (None, 0)


def is_on(own: Offer, node: Node) -> Bools:
    """Return which options of an offer could sit on the node."""
    found: Bools = (own.pool == node.pool) & ~own.is_external & ((own.zone == ANY_ZONE) | (own.zone == node.zone))
    return found
