"""Offers: one deployment's candidates as numbers, each with its part of the demand, its price and its most. No choice.

An option is a candidate, in one zone where its deployment is spread over zones. An offer says nothing of free chips, so
it stays as it is when nodes come and go.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from quartermaster.planner.eligibility.admitted import Admitted, admitted
from quartermaster.planner.eligibility.external import EXTERNAL_UNITS
from quartermaster.planner.eligibility.judged import Judged
from quartermaster.planner.fleet import Key, Place, Pool, Workload
from quartermaster.planner.numerics.arrays import Bools, Floats, Ints

DEFAULT_MAX_REPLICAS = 1000
PREFERENCE_AT_FULL_WEIGHT = 0.25
"""A region preferred with weight 100 is chosen while it costs at most a quarter more than another."""
CHANGE_SECONDS = 300.0
"""Starting a replica, and stopping one that is warm, each cost five minutes of its price: it loads and drains unused.
So a move costs ten minutes ..."""
CHANGE_HORIZON_SECONDS = 3600.0
"""... and has to earn them back within an hour."""
EXTERNAL_CHANGE_FRACTION = 1e-3
"""A share of a service moves for next to nothing, but not for nothing at all."""
SHAPE_ORDER_FRACTION = 1e-6
"""An explicit shape costs this much more than the one before it: order breaks ties, and nothing else."""
ANY_ZONE = -1
"""Zone of an option that may sit in any."""


@dataclass(frozen=True, slots=True)
class Need:
    """What one deployment wants, and the limits that are its own."""

    key: Key
    priority: int
    requests_per_second: float
    """0 when the count is set from outside."""
    min_replicas: int
    max_replicas: int
    """Equal to the minimum when the count is set from outside."""
    budget: float
    """Dollars per hour; infinite where there is none."""
    min_regions: int
    min_zones: int
    max_region_share: float
    share_scale: float
    """Requests per second that the excess of a region is measured against."""
    weight: float
    """Dollars per hour of the cheapest way to meet the whole need: shortage is shared in proportion to it."""
    dearest: float
    """No way to meet it that is worth looking at costs more than a few times this."""

    @property
    def nature(self) -> tuple[object, ...]:
        """What is wanted, by whom last."""
        return (
            -self.priority,
            -self.weight,
            self.requests_per_second,
            self.min_replicas,
            self.max_replicas,
            self.budget,
            self.dearest,
            self.key,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """One deployment's need and options; arrays have one entry for each option."""

    need: Need
    admitted: Admitted
    candidate: Ints
    """Place among the candidates that are admitted."""
    pool: Ints
    region: Ints
    zone: Ints
    chips: Ints
    """0 for an external service."""
    is_external: Bools
    requests_per_second: Floats
    tokens_per_second: Floats
    share: Floats
    """Part of the demand that one replica serves, at most 1; 0 where there is no rate to serve."""
    price: Floats
    """Dollars per hour with preferences priced in."""
    dollars_per_hour: Floats
    change_price: Floats
    """Dollars per hour for each replica more or less than run."""
    running: Ints
    enough: Ints
    """No plan needs more replicas."""

    @property
    def count(self) -> int:
        """Number of options."""
        return int(self.pool.size)


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Numbers for the names of regions and zones; pools are numbered by name."""

    pools: tuple[Pool, ...]
    zones: tuple[str, ...]
    zones_by_pool: tuple[tuple[int, ...], ...]
    region_by_pool: Ints
    order: Ints
    """Pools by what they are, not by what they are called: names never decide."""
    rank_by_pool: Ints
    """Where each pool is in that order."""
    zone_index: Mapping[str, int]

    def zone_name(self, zone: int) -> str:
        """Return the name of a zone by its number; empty for any."""
        return "" if zone == ANY_ZONE else self.zones[zone]

    def zone_number(self, name: str) -> int:
        """Return the number of a zone by its name; that of any for an empty one."""
        return self.zone_index[name] if name else ANY_ZONE


def places_of(pools: Sequence[Pool]) -> Places:
    """Return the numbers of the places of pools, which come in the order of their names."""
    regions = {name: place for place, name in enumerate(sorted({pool.region for pool in pools}))}
    zones = tuple(sorted({host.zone for pool in pools for host in pool.hosts}))
    zone_index = {name: place for place, name in enumerate(zones)}
    order = np.array(sorted(range(len(pools)), key=lambda place: _nature(pools[place])), dtype=np.int64)
    return Places(
        pools=tuple(pools),
        zones=zones,
        zones_by_pool=tuple(tuple(sorted({zone_index[h.zone] for h in pool.hosts})) for pool in pools),
        region_by_pool=np.array([regions[pool.region] for pool in pools], dtype=np.int64),
        order=order,
        rank_by_pool=np.argsort(order),
        zone_index=zone_index,
    )


def _nature(pool: Pool) -> tuple[object, ...]:
    """Return what a pool is, its name last."""
    hosts = sorted((host.zone, host.chips, host.available_chips, host.free_chips) for host in pool.hosts)
    price = -1.0 if pool.dollars_per_chip_hour is None else pool.dollars_per_chip_hour
    tokens = 0.0 if pool.external is None else pool.external.tokens_per_second
    return (pool.region, pool.accelerator_name, price, tokens, hosts, pool.name)


def is_counted(workload: Workload) -> bool:
    """Whether the number of replicas is set from outside."""
    return workload.demand.replicas is not None


def is_spread(workload: Workload) -> bool:
    """Whether replicas must be spread over zones."""
    return (workload.spec.placement.min_zones or 1) > 1


def counts_of(workload: Workload) -> tuple[int, int]:
    """Return the fewest and the most replicas."""
    if workload.demand.replicas is not None:
        return workload.demand.replicas, workload.demand.replicas
    scaling = workload.spec.scaling
    most = DEFAULT_MAX_REPLICAS if scaling.max_replicas is None else scaling.max_replicas
    return min(scaling.min_replicas, most), most


def offer(judged: Judged, places: Places) -> Offer | None:
    """Return what one deployment wants and may have; None when it may have nothing."""
    workload, found = judged.workload, admitted(judged)
    is_external = judged.view.is_external[found.pool]
    is_by_count = is_counted(workload) and not is_external.all()
    own = np.flatnonzero(~is_external) if is_by_count else np.arange(found.count)
    if not own.size:
        return None
    wanted = 0.0 if is_by_count else workload.demand.requests_per_second
    own = own[np.lexsort((own, places.rank_by_pool[found.pool[own]]))]
    pool = found.pool[own].astype(np.int64)
    rate = found.requests_per_second[own]
    is_external = is_external[own]
    zones = places.zones_by_pool
    spread = is_spread(workload)
    each = np.array([len(zones[p]) if spread and zones[p] else 1 for p in pool.tolist()])
    which = np.repeat(np.arange(own.size), each)
    zone = (
        np.array([z for p in pool.tolist() for z in (zones[p] or (ANY_ZONE,))])
        if spread
        else np.full(own.size, ANY_ZONE)
    )
    dollars = found.dollars_per_hour[own]
    change = np.where(is_external, EXTERNAL_CHANGE_FRACTION, CHANGE_SECONDS / CHANGE_HORIZON_SECONDS)
    tokens = np.array([rate.tokens_per_second for _, rate in found.offers])[found.offer[own]]
    made = Offer(
        need=_bare_need(workload, wanted, is_inside=not is_external.all()),
        admitted=found,
        candidate=own[which],
        pool=pool[which],
        region=places.region_by_pool[pool][which],
        zone=zone,
        chips=found.chips[own][which],
        is_external=is_external[which],
        requests_per_second=rate[which],
        tokens_per_second=tokens[which],
        share=(np.minimum(1.0, rate / wanted) if wanted > 0 else np.zeros(own.size))[which],
        price=(dollars * _preferences(workload, found, own))[which],
        dollars_per_hour=dollars[which],
        change_price=(dollars * change * bool(workload.running))[which],
        running=_running(workload, found, own[which], zone, places=places),
        enough=_enough(workload, rate, wanted, is_external=is_external)[which],
    )
    return replace(made, need=_weighed(made))


def _preferences(workload: Workload, found: Admitted, own: Ints) -> Floats:
    """Return what the price of each candidate is multiplied by."""
    placement = workload.spec.placement
    weights = {region.name: region.weight for region in placement.regions.preferred}
    names = [shape.name for shape in workload.spec.serving.shapes]
    price = np.ones(own.size)
    if weights:
        regions = [found.judged.view.pools[p].region for p in found.pool[own].tolist()]
        weight = np.array([weights.get(region, 0) for region in regions])
        price /= 1 + PREFERENCE_AT_FULL_WEIGHT * weight / 100
    if names:
        order = [SHAPE_ORDER_FRACTION * names.index(s.name) if s.name in names else 0.0 for s, _ in found.offers]
        price *= 1 + np.array(order)[found.offer[own]]
    return price


def _enough(workload: Workload, rate: Floats, wanted: float, *, is_external: Bools) -> Ints:
    """Return the counts beyond which more replicas of one option serve nobody."""
    low, high = counts_of(workload)
    if workload.spec.placement.max_region_share is not None:
        inside = np.full(rate.size, high)
    else:
        inside = np.minimum(np.maximum(np.ceil(wanted / np.maximum(rate, 1e-12) - 1e-9), max(low, 1)), high)
    return np.where(is_external, EXTERNAL_UNITS if wanted > 0 else 0, inside).astype(np.int64)


def _running(workload: Workload, found: Admitted, own: Ints, zone: Ints, *, places: Places) -> Ints:
    """Return the replicas that run, by option."""
    counts = np.zeros(own.size, dtype=np.int64)
    if not workload.running:
        return counts
    replicas_by_place = {row.place: row.replicas for row in workload.running}
    pools = found.judged.view.pools
    key_of = [shape.key for shape, _ in found.offers]
    for i, (candidate, where) in enumerate(zip(own.tolist(), zone.tolist(), strict=True)):
        pool, shape_key = pools[found.pool[candidate]], key_of[found.offer[candidate]]
        place = Place(pool.name, shape_key, places.zone_name(where))
        counts[i] = replicas_by_place.get(place, 0)
    return counts


def _bare_need(workload: Workload, wanted: float, *, is_inside: bool) -> Need:
    """Return the need without what is measured against the options."""
    spec = workload.spec
    low, high = counts_of(workload)
    low = low if is_inside else 0
    is_wanted = wanted > 0 or low > 0
    return Need(
        key=workload.key,
        priority=spec.priority or 0,
        requests_per_second=wanted,
        min_replicas=low,
        max_replicas=high,
        budget=math.inf if spec.budget is None else float(spec.budget.max_dollars_per_hour),
        min_regions=(spec.placement.min_regions or 1) if is_wanted and is_inside else 1,
        min_zones=(spec.placement.min_zones or 1) if is_wanted and is_inside else 1,
        max_region_share=float(spec.placement.max_region_share or 1.0) if is_wanted else 1.0,
        share_scale=wanted,
        weight=0.0,
        dearest=0.0,
    )


def _weighed(found: Offer) -> Need:
    """Return the need with its weight: the price of the cheapest way to meet it with one option."""
    need = found.need
    if need.requests_per_second > 0:
        times = np.maximum(np.ceil(1 / np.maximum(found.share, 1e-9) - 1e-9), max(need.min_replicas, 1))
        prices = found.price * times
    else:
        prices = found.price[~found.is_external] * max(need.min_replicas, 1)
    weight = max(float(prices.min()) if prices.size else 0.0, 1e-3)
    is_wide = need.min_regions > 1 or need.min_zones > 1 or need.max_region_share < 1
    return replace(
        need,
        share_scale=max(need.share_scale, float(found.requests_per_second.max()), 1e-9),
        weight=weight,
        dearest=weight + (float(found.price.max()) if is_wide else 0.0),
    )
