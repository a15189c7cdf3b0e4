"""A plan that is known to exist: replicas seated on hosts first, and the demand cut to what the seats serve.

Deployments are seated with the largest replicas first, each in the groups that ``balance`` chose for it, then wherever
its rules let it. What finds no seat is no demand: so the planted plan serves everything, whatever the tightness.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from quartermaster.planner.fleet import Pool
from tests.benchmarks.instances.balance import Group, balance, chips_needed
from tests.benchmarks.instances.deployments import Draft, Spread
from tests.benchmarks.instances.packing import Chips, Seat
from tests.benchmarks.instances.services import Way

REGION_SHARE = 0.6
MOST_REPLICAS = 900
ROUNDS = 7
Seated = list[tuple[Way, Seat]]
CLOSE = 0.01
"""Scaling ends when the part of the chips held is this near to what was wanted."""


@dataclass(slots=True)
class Planted:
    """The seats of one deployment."""

    seats: Seated = field(default_factory=list)
    requests_per_second: float = 0.0
    """Demand that the seats serve."""
    spread: Spread = Spread.NONE
    """The spread that they hold."""

    @property
    def capacity(self) -> float:
        """Requests per second that the seats can serve."""
        return sum(way.requests_per_second for way, _ in self.seats)


def plant(
    drafts: Sequence[Draft], pools: Sequence[Pool], *, tightness: float, random: np.random.Generator
) -> tuple[list[Planted], float]:
    """Return the seats of every deployment and the part of all chips that they hold, near ``tightness``.

    A deployment that found no seat where it may run has one elsewhere; one without any seat found none in the fleet.
    """
    groups = sorted(Chips(pools).available_by_group)
    capacity = np.array([max(1, Chips(pools).available_by_group[group]) for group in groups], dtype=float)
    total = float(capacity.sum())
    seed = int(random.integers(2**32))
    low, high = 0.0, 0.0
    scale = tightness * total / max(1.0, float(np.min(chips_needed(drafts, groups, 1.0), axis=1).sum()))
    best: tuple[float, list[Planted], float] | None = None
    for _ in range(ROUNDS):
        planted, held = _seated(drafts, pools, groups, capacity=capacity, scale=scale, seed=seed)
        fraction = held / total
        if best is None or abs(fraction - tightness) < best[0]:
            best = (abs(fraction - tightness), planted, fraction)
        if best[0] < CLOSE:
            break
        low, high = (scale, high) if fraction < tightness else (low, scale)
        guess = scale * (tightness / max(fraction, 1e-3))
        scale = guess if not high or (low and low < guess < high) else (low + high) / 2 if low else guess
    if best is None:
        raise ValueError("wanted at least one deployment and one pool to plant")
    return best[1], best[2]


def _seated(
    drafts: Sequence[Draft],
    pools: Sequence[Pool],
    groups: Sequence[Group],
    *,
    capacity: np.ndarray,
    scale: float,
    seed: int,
) -> tuple[list[Planted], int]:
    needed = chips_needed(drafts, groups, scale)
    shares = balance(needed, capacity)
    random = np.random.default_rng(seed)
    chips = Chips(pools)
    planted = [Planted() for _ in drafts]
    # A group is drawn by its share, the others follow by theirs, and those without a share last.
    keys = np.where(np.isfinite(needed), -np.log(random.random(needed.shape)) / (shares + 1e-6), np.inf)
    orders = np.argsort(keys, axis=1)
    sizes = [min(ways[0].chips for ways in draft.service.ways_by_kind.values()) for draft in drafts]
    for place in sorted(range(len(drafts)), key=lambda i: (-sizes[i], i)):
        order = [groups[g] for g in orders[place] if np.isfinite(needed[place, g])]
        seat(drafts[place], order, chips, wanted=scale * drafts[place].base_requests_per_second, into=planted[place])
    for draft, found in zip(drafts, planted, strict=True):
        if not found.seats:
            _rescue(draft, groups, chips, wanted=scale * draft.base_requests_per_second, into=found)
    return planted, chips.held


def _rescue(draft: Draft, groups: Sequence[Group], chips: Chips, *, wanted: float, into: Planted) -> None:
    """Seat one replica anywhere; whoever makes the deployment allows what its draft did not."""
    for group in groups:
        for way in draft.service.ways_by_kind.get(group[1], ())[:1]:
            found = chips.take(group, way.chips)
            if found is not None:
                into.seats.append((way, found))
                into.requests_per_second = min(wanted, into.capacity * (1 - 1e-6))
                return


def seat(draft: Draft, order: Sequence[Group], chips: Chips, *, wanted: float, into: Planted) -> None:
    """Seat replicas until the demand is served or no room is left; the demand is then what is served."""
    _spread(draft, order, chips, wanted=wanted, into=into)
    if into.spread is Spread.SHARE:
        _fill_evenly(draft, chips, wanted=wanted, into=into)
    for group in order if into.spread is not Spread.SHARE else ():
        while into.capacity < wanted and len(into.seats) < MOST_REPLICAS:
            way = _best(draft, group, wanted - into.capacity)
            found = chips.take(group, way.chips)
            if found is None:
                way = draft.service.ways_by_kind[group[1]][0]
                found = chips.take(group, way.chips)
            if found is None:
                break
            into.seats.append((way, found))
    into.requests_per_second = min(wanted, into.capacity * (1 - 1e-6))


def _best(draft: Draft, group: Group, wanted: float) -> Way:
    """Return the shape that serves this much on the fewest chips."""
    ways = draft.service.ways_by_kind[group[1]]
    return min(ways, key=lambda way: (way.chips * max(1.0, -(-wanted // way.requests_per_second)), way.chips))


def _spread(draft: Draft, order: Sequence[Group], chips: Chips, *, wanted: float, into: Planted) -> None:
    """Seat the first two replicas as the spread rule demands; without room for both the rule is dropped."""
    if draft.spread is Spread.NONE:
        return
    regions: set[str] = set()
    zones: list[str] = []
    for group in order:
        if draft.spread is not Spread.ZONES and group[0] in regions:
            continue
        way = _best(draft, group, wanted / 2)
        found = chips.take(group, way.chips, not_in=zones)
        while found is not None and len(into.seats) < 2:
            into.seats.append((way, found))
            zones.append(found.zone)
            regions.add(group[0])
            is_done = len(into.seats) == 2 or draft.spread is not Spread.ZONES
            found = None if is_done else chips.take(group, way.chips, not_in=zones)
        if len(into.seats) == 2:
            into.spread = draft.spread
            return


def _fill_evenly(draft: Draft, chips: Chips, *, wanted: float, into: Planted) -> None:
    """Add to the region that serves less, until enough is served and neither region holds more than its share."""
    group_by_region = {taken.group[0]: taken.group for _, taken in into.seats}
    served = {taken.group[0]: way.requests_per_second for way, taken in into.seats}
    while into.capacity < wanted or max(served.values()) > REGION_SHARE * into.capacity:
        region = min(served, key=lambda name: (served[name], name))
        group = group_by_region[region]
        way = draft.service.ways_by_kind[group[1]][0]
        found = chips.take(group, way.chips) if len(into.seats) < MOST_REPLICAS else None
        if found is None:
            break
        into.seats.append((way, found))
        served[region] += way.requests_per_second
    if max(served.values()) > REGION_SHARE * into.capacity:
        into.spread = Spread.REGIONS


def seats_by_way(planted: Iterable[tuple[Way, Seat]]) -> dict[tuple[str, str], list[str]]:
    """Return the hosts of the replicas by pool and shape, sorted."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for way, taken in planted:
        found[taken.pool, way.shape_key].append(taken.host)
    return {key: sorted(hosts) for key, hosts in sorted(found.items())}


def chips_by_host(planted: Iterable[tuple[Way, Seat]]) -> Counter[str]:
    """Return the chips held on each host."""
    found: Counter[str] = Counter()
    for way, taken in planted:
        found[taken.host] += way.chips
    return found
