"""A fleet and its workloads posed as a problem of numbers. What did not change since the last plan is taken over."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from quartermaster.planner.arrays import Floats, Ints
from quartermaster.planner.eligible import Eligible, eligible
from quartermaster.planner.fleet import Fleet, Workload
from quartermaster.planner.limit import Limit, limits_of, tenants_of, usage_of
from quartermaster.planner.offer import ANY_ZONE, Offer, Places, offer, places_of
from quartermaster.planner.problem import Options, Problem, needs_of
from quartermaster.planner.room import Tenants, available, places_in


@dataclass(frozen=True, slots=True, eq=False)
class Posed:
    """A problem, with what its numbers mean."""

    problem: Problem
    offers: tuple[Offer, ...]
    """By need."""
    limits: tuple[Limit, ...]
    places: Places
    tenants: Mapping[str, Tenants]
    pool: Ints
    """The pool of each option."""

    @property
    def starts(self) -> Ints:
        """Where the options of each need begin, and their end."""
        return np.searchsorted(self.problem.options.need, np.arange(len(self.offers) + 1))


def offers_of(workloads: Sequence[Workload], judged: Eligible, places: Places) -> tuple[Offer, ...]:
    """Return the offers of the workloads that have any, by what they want: names never decide."""
    found = [one for workload in workloads if (one := offer(judged[workload.key], places)) is not None]
    return tuple(sorted(found, key=lambda one: one.need.nature))


def priorities_of(posed: Posed) -> Ints:
    """Return the priority of each need."""
    return np.array([one.need.priority for one in posed.offers], dtype=np.int64)


def posed_of(fleet: Fleet, workloads: Sequence[Workload]) -> Posed:
    """Return the problem of a fleet and its workloads, with nothing settled."""
    pools = tuple(sorted(fleet.pools, key=lambda pool: pool.name))
    ordered = sorted(workloads, key=lambda w: w.key)
    places = places_of(pools)
    offers = offers_of(ordered, eligible(fleet, ordered), places)
    return pose(offers, places, tenants_of(ordered, fleet), settled=())


def pose(
    offers: tuple[Offer, ...], places: Places, tenants: Mapping[str, Tenants], *, settled: Collection[str]
) -> Posed:
    """Return the problem; in the ``settled`` pools nothing that runs is assumed to make room for something larger."""
    stacked = _Stacked(offers)
    sizes = _sizes(stacked)
    limits: list[Limit] = []
    for index in places.order.tolist():
        pool = places.pools[index]
        if sizes[index]:
            held = tenants[pool.name] if pool.name in settled else None
            limits += limits_of(pool, index, sizes[index], places, settled=held)
    usage = usage_of(
        limits,
        pool=stacked.pool,
        chips=stacked.chips,
        zone=stacked.zone,
        tokens_per_second=stacked.floats("tokens_per_second"),
    )
    options = stacked.options(np.minimum(stacked.ints("enough"), _fitting(stacked, places)))
    needs = needs_of([one.need for one in offers])
    served = np.bincount(options.need, options.share * options.running, needs.count)
    room = np.array([limit.most for limit in limits], dtype=np.float64)
    problem = Problem(replace(needs, served=np.minimum(served, 1.0)), options, usage, room)
    return Posed(problem, offers, tuple(limits), places, tenants, stacked.pool)


class _Stacked:
    """The options of all offers, one after another."""

    def __init__(self, offers: Sequence[Offer]) -> None:
        self._offers = offers
        self.need = np.repeat(np.arange(len(offers)), [one.count for one in offers])
        self.pool, self.chips, self.zone = (self.ints(name) for name in ("pool", "chips", "zone"))
        self.key = (self.pool << 32) | (self.chips << 16) | (self.zone + 1)
        """One number for each pool, size and zone."""

    def ints(self, name: str) -> Ints:
        """Return a column of whole numbers."""
        return np.concatenate([np.zeros(0, dtype=np.int64), *(getattr(one, name) for one in self._offers)])

    def floats(self, name: str) -> Floats:
        """Return a column of numbers."""
        return np.concatenate([np.zeros(0), *(getattr(one, name) for one in self._offers)])

    def options(self, most: Ints) -> Options:
        """Return the options."""
        return Options(
            need=self.need,
            region=self.ints("region"),
            zone=self.zone,
            chips=self.chips,
            is_external=self.ints("is_external").astype(np.bool_),
            requests_per_second=self.floats("requests_per_second"),
            share=self.floats("share"),
            price=self.floats("price"),
            dollars_per_hour=self.floats("dollars_per_hour"),
            change_price=self.floats("change_price"),
            running=self.ints("running"),
            most=most,
        )


def _sizes(stacked: _Stacked) -> dict[int, list[tuple[int, int]]]:
    """Return the chips and zones of options, by pool."""
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for key in np.unique(stacked.key).tolist():
        found[key >> 32].append(((key >> 16) & 0xFFFF, (key & 0xFFFF) - 1))
    return found


def _fitting(stacked: _Stacked, places: Places) -> Ints:
    """Return how many replicas of each option fit into its empty pool."""
    keys, inverse = np.unique(stacked.key, return_inverse=True)
    found = []
    for key in keys.tolist():
        pool, chips, zone = places.pools[key >> 32], (key >> 16) & 0xFFFF, (key & 0xFFFF) - 1
        if pool.external is not None:
            found.append(np.iinfo(np.int64).max)
            continue
        hosts = [h for h in pool.hosts if zone == ANY_ZONE or places.zone_index[h.zone] == zone]
        found.append(places_in(hosts, chips, chips=available))
    return np.array(found, dtype=np.int64)[inverse]
