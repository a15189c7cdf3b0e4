"""A fleet and its workloads posed as a problem of numbers. What changes from plan to plan is ``repose``."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from quartermaster.planner.eligibility.eligible import Eligible, eligible
from quartermaster.planner.fleet import Fleet, Workload
from quartermaster.planner.numerics.arrays import Floats, Ints
from quartermaster.planner.posing.limit import Limit, limits_of, tenants_of, usage_of
from quartermaster.planner.posing.offer import ANY_ZONE, Offer, Places, offer, places_of
from quartermaster.planner.posing.problem import Options, Problem, needs_of
from quartermaster.planner.room import Tenants, available, places_in


@dataclass(frozen=True, slots=True, eq=False)
class Posed:
    """A problem, with what its numbers mean."""

    problem: Problem
    """Room of its limits may be less than there is: see ``tight``."""
    offers: tuple[Offer, ...]
    """By need."""
    limits: tuple[Limit, ...]
    places: Places
    tenants: Mapping[str, Tenants]
    pool: Ints
    """The pool of each option."""
    kind: Ints
    """One number for each pool, size and zone, by option."""
    enough: Ints
    """Replicas of each option beyond which more serve nobody."""
    fitting: Mapping[int, int]
    """Replicas that fit into an empty pool, by that number."""

    @property
    def most(self) -> Floats:
        """Room of the limits that every plan has."""
        return np.array([limit.most for limit in self.limits], dtype=np.float64)

    def needs_of(self, offers: Sequence[Offer]) -> Ints:
        """Return which needs were made of these offers, or of views of them; -1 where none was."""
        place = {id(one.candidate): need for need, one in enumerate(self.offers)}
        return np.array([place.get(id(one.candidate), -1) for one in offers], dtype=np.int64)

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
    return pose(offers, places, tenants_of(ordered, fleet))


def pose(offers: tuple[Offer, ...], places: Places, tenants: Mapping[str, Tenants]) -> Posed:
    """Return the problem."""
    columns = Columns(offers)
    sizes: dict[int, list[tuple[int, int]]] = defaultdict(list)
    kinds = np.unique(columns.kind)
    for kind in kinds.tolist():
        pool, chips, zone = of_kind(kind)
        sizes[pool].append((chips, zone))
    limits: list[Limit] = []
    for index in places.order.tolist():
        if sizes[index]:
            limits += limits_of(places.pools[index], index, sizes[index], places)
    usage = usage_of(
        limits,
        pool=columns.pool,
        chips=columns.chips,
        zone=columns.zone,
        tokens_per_second=columns.floats("tokens_per_second"),
    )
    fitting = fitting_of(kinds.tolist(), places)
    fits = np.array([fitting[kind] for kind in kinds.tolist()], dtype=np.int64)
    enough = columns.ints("enough")
    options = columns.options(np.minimum(enough, fits[np.searchsorted(kinds, columns.kind)]))
    needs = needs_of([one.need for one in offers])
    served = np.bincount(options.need, options.share * options.running, needs.count)
    most = np.array([limit.most for limit in limits], dtype=np.float64)
    problem = Problem(replace(needs, served=np.minimum(served, 1.0)), options, usage, most)
    seen = _looking_at(offers, options, columns.pool, enough)
    return Posed(problem, seen, tuple(limits), places, tenants, columns.pool, columns.kind, enough, fitting)


def _looking_at(offers: Sequence[Offer], options: Options, pool: Ints, enough: Ints) -> tuple[Offer, ...]:
    """Return the offers with their columns as parts of those of the problem, so that each number is kept once."""
    shared = {field.name for field in fields(Offer)} & set(Options.__slots__) - {"need"}
    ends = np.cumsum([one.count for one in offers]).tolist()
    found = []
    for one, end in zip(offers, ends, strict=True):
        own = slice(end - one.count, end)
        columns = {name: getattr(options, name)[own] for name in shared}
        found.append(replace(one, pool=pool[own], enough=enough[own], **columns))
    return tuple(found)


class Columns:
    """The options of offers, one after another."""

    def __init__(self, offers: Sequence[Offer]) -> None:
        """Take the offers."""
        self._offers = offers
        self.need = np.repeat(np.arange(len(offers)), [one.count for one in offers])
        self.pool, self.chips, self.zone = (self.ints(name) for name in ("pool", "chips", "zone"))
        self.kind = (self.pool << 32) | (self.chips << 16) | (self.zone + 1)
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


def of_kind(kind: int) -> tuple[int, int, int]:
    """Return pool, chips and zone of their one number."""
    return kind >> 32, (kind >> 16) & 0xFFFF, (kind & 0xFFFF) - 1


def fitting_of(kinds: Iterable[int], places: Places) -> dict[int, int]:
    """Return how many replicas of each pool, size and zone fit into the empty pool."""
    found = {}
    for kind in kinds:
        index, chips, zone = of_kind(kind)
        pool = places.pools[index]
        if pool.external is not None:
            found[kind] = int(np.iinfo(np.int64).max)
            continue
        hosts = [h for h in pool.hosts if zone == ANY_ZONE or places.zone_index[h.zone] == zone]
        found[kind] = places_in(hosts, chips, chips=available)
    return found
