"""The joint problem as numbers: needs, options and the limits that they share. Made once per plan; no solver here.

Whatever concerns one deployment alone is in its need; what several share is a limit. Everything is ordered by name, so
equal fleets give equal problems. A part of a problem is a problem too: some needs, on the room that others leave.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from quartermaster.planner.numerics.arrays import Bools, Floats, Ints, spans
from quartermaster.planner.posing.limit import Usage
from quartermaster.planner.posing.offer import Need

NEAR = 1.25
"""Options within this of a need's best price by share count as wanted."""
_SLACK = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Needs:
    """What deployments want; arrays have one entry for each need."""

    rate: Floats
    """Part of the demand to be served: 1, or less where it is known that more cannot be had; 0 without a rate."""
    requests_per_second: Floats
    """The whole demand."""
    least: Ints
    most: Ints
    regions: Ints
    zones: Ints
    region_share: Floats
    region_excess: Floats
    """Requests per second that a region may hold beyond its share, where it is known that it must."""
    share_scale: Floats
    budget: Floats
    weight: Floats
    dearest: Floats
    served: Floats
    """Part of the demand that what runs today serves."""
    is_soft: Bools
    """Whether part of the need may stay unmet, at a price; otherwise it is met, or not served at all."""

    @property
    def count(self) -> int:
        """Number of needs."""
        return int(self.rate.size)

    def of(self, chosen: Ints) -> "Needs":
        """Return some of the needs."""
        return Needs(*(getattr(self, name)[chosen] for name in self.__slots__))

    def asking(self, chosen: Ints, other: "Needs") -> "Needs":
        """Return the needs, of which the chosen ones ask for what the others do, in their order."""
        columns = {name: getattr(self, name).copy() for name in ("rate", "least", "regions", "zones", "region_excess")}
        for name, column in columns.items():
            column[chosen] = getattr(other, name)
        return replace(self, **columns)


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """Candidates, by need; arrays have one entry for each option."""

    need: Ints
    region: Ints
    zone: Ints
    chips: Ints
    is_external: Bools
    requests_per_second: Floats
    share: Floats
    price: Floats
    dollars_per_hour: Floats
    change_price: Floats
    running: Ints
    most: Ints

    @property
    def count(self) -> int:
        """Number of options."""
        return int(self.need.size)

    def of(self, chosen: Ints) -> "Options":
        """Return some of the options."""
        return Options(*(getattr(self, name)[chosen] for name in self.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Needs, options and limits."""

    needs: Needs
    options: Options
    usage: Usage
    room: Floats
    """What is left of each limit."""

    def part(self, chosen: Ints, room: Floats) -> "Part":
        """Return the problem of some needs, in ascending order, on the room that is left."""
        starts = np.searchsorted(self.options.need, chosen)
        ends = np.searchsorted(self.options.need, chosen, side="right")
        owner, kept = spans(starts, ends - starts)
        entry_owner, entries = self.usage.entries(kept)
        limit, amount = self.usage.limit[entries], self.usage.amount[entries]
        fitting = np.full(kept.size, np.inf)
        fits = np.floor(np.maximum(room[limit], 0.0) / np.where(amount > 0, amount, 1.0) + _SLACK)
        np.minimum.at(fitting, entry_owner, np.where(amount > 0, fits, np.inf))
        most = np.minimum(self.options.most[kept], np.minimum(fitting, np.iinfo(np.int32).max)).astype(np.int64)
        alive = np.flatnonzero(most > 0)
        options = self.options.of(kept[alive])
        place = np.full(kept.size, -1)
        place[alive] = np.arange(alive.size)
        is_kept = place[entry_owner] >= 0
        own_options = place[entry_owner[is_kept]]
        used, own_limit = np.unique(limit[is_kept], return_inverse=True)
        usage = Usage(own_options, own_limit, amount[is_kept], np.searchsorted(own_options, np.arange(alive.size + 1)))
        columns = {name: getattr(options, name) for name in Options.__slots__}
        columns |= {"need": owner[alive], "most": most[alive]}
        problem = Problem(self.needs.of(chosen), Options(**columns), usage, room[used])
        return Part(problem, chosen, kept[alive], used)

    def taken(self, counts: Ints) -> Floats:
        """Return what counts, by option, take from each limit."""
        usage = self.usage
        taken: Floats = np.bincount(usage.limit, usage.amount * counts[usage.option], self.room.size).astype(np.float64)
        return taken

    def wanted(self, chosen: Ints, prices: Floats) -> Ints:
        """Return the limits that the cheapest options of some needs take from, at these prices of the limits."""
        options, usage = self.options, self.usage
        starts = np.searchsorted(options.need, chosen)
        owner, own = spans(starts, np.searchsorted(options.need, chosen, side="right") - starts)
        entry, at = usage.entries(own)
        price = options.price[own] + np.bincount(entry, prices[usage.limit[at]] * usage.amount[at], own.size)
        ratio = price / np.maximum(options.share[own], 1e-9)
        best = np.full(chosen.size, np.inf)
        np.minimum.at(best, owner, ratio)
        return np.unique(usage.limit[at][(ratio <= NEAR * best[owner])[entry]])

    def apart(self, chosen: Ints, counts: Ints) -> tuple["Part", Ints]:
        """Return the problem of some needs on the room that all others leave, and the others' counts."""
        is_chosen = np.zeros(self.needs.count, dtype=np.bool_)
        is_chosen[chosen] = True
        others = np.where(is_chosen[self.options.need], 0, counts)
        return self.part(chosen, self.room - self.taken(others)), others


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some needs of a problem, as a problem of their own."""

    problem: Problem
    needs: Ints
    """Where its needs are in the whole."""
    options: Ints
    """Where its options are in the whole."""
    limits: Ints
    """Where its limits are in the whole."""


def softened(problem: Problem) -> Problem:
    """Return the problem in which any part of any need may stay unmet, at its price."""
    return replace(problem, needs=replace(problem.needs, is_soft=np.ones(problem.needs.count, dtype=np.bool_)))


def needs_of(needs: Sequence[Need]) -> Needs:
    """Return the needs as numbers, all of them to be met whole."""
    count = len(needs)
    rate = np.array([need.requests_per_second for need in needs])
    return Needs(
        rate=(rate > 0).astype(np.float64),
        requests_per_second=rate,
        least=np.array([need.min_replicas for need in needs], dtype=np.int64),
        most=np.array([need.max_replicas for need in needs], dtype=np.int64),
        regions=np.array([need.min_regions for need in needs], dtype=np.int64),
        zones=np.array([need.min_zones for need in needs], dtype=np.int64),
        region_share=np.array([need.max_region_share for need in needs]),
        region_excess=np.zeros(count),
        share_scale=np.array([need.share_scale for need in needs]),
        budget=np.array([need.budget for need in needs]),
        weight=np.array([need.weight for need in needs]),
        dearest=np.array([need.dearest for need in needs]),
        served=np.zeros(count),
        is_soft=np.zeros(count, dtype=np.bool_),
    )
