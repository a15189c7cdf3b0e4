"""Covers: the cheapest whole replicas that meet each need at given prices of the limits. Exact, up to a tolerance.

    min  Σ price_i n_i + price of what stays unmet   s.t.  the need's own limits,  n_i ≤ most_i

The search itself is ``branch``; here options become its items, and what it finds becomes columns.
"""

from dataclasses import dataclass

import numpy as np

from quartermaster.planner.arrays import Floats, Ints, ranks_in
from quartermaster.planner.bounds import Items, Wants
from quartermaster.planner.branch import (
    DEPTH,
    GROUPS,
    Effort,
    Found,
    Hits,
    nothing_collected,
    room_for_covers,
    room_for_work,
    search,
    unwatched,
)
from quartermaster.planner.column import Columns
from quartermaster.planner.problem import Needs, Problem
from quartermaster.planner.unmet import UNSERVED_PRICE, Unmet, unmet_price

SHARED_TOLERANCE = 2e-6
"""Part of the median need's price by which a cover may miss the best."""


@dataclass(frozen=True, slots=True)
class Care:
    """How closely covers are looked for."""

    tolerance: float
    """Fraction of the best by which a cover may miss it."""
    steps: int
    """Branches of one need that are followed."""
    fineness: int
    """Parts of a need's table that its smallest share spans."""


USUAL = Care(1e-5, 2_000, 16)
CLOSE = Care(1e-5, 20_000, 128)


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """The best cover of every need."""

    value: Floats
    """Price of the best cover that is known."""
    bound: Floats
    """No cover costs less."""
    columns: Columns
    """Covers that were found; for some needs none, where what was known already is best."""


class Covers:
    """Covers of every need of one problem, at any prices of its limits."""

    def __init__(self, problem: Problem) -> None:
        """Lay out the items."""
        self.problem = problem
        self.items, self.base, self.before = _items_of(problem)
        needs, options = problem.needs, problem.options
        self.wants = _wants_of(needs)
        nothing = Unmet(
            needs.rate,
            needs.least,
            np.where(needs.regions > 1, needs.regions, 0),
            np.where(needs.zones > 1, needs.zones, 0),
            np.zeros(needs.count),
        )
        self.stop = np.bincount(options.need, options.change_price * options.running, needs.count)
        """What stopping all that runs costs: prices of items begin there."""
        self.idle = unmet_price(needs, np.arange(needs.count), nothing)
        """Price of nothing at all for each need, but for that."""
        self._work = room_for_work(int(np.diff(self.items.start).max(initial=0)))
        self._unwatched = unwatched(self.items.option.size)

    def cheapest(self, limit_prices: Floats, known: Floats, care: Care = USUAL) -> Priced:
        """Return the best cover of every need; ``known`` are prices of covers that the caller has already."""
        best = np.minimum(known - self.stop, self.idle)
        count = best.size
        found = room_for_covers(count)
        shared = SHARED_TOLERANCE * float(np.median(best)) if count else 0.0
        effort = Effort(care.tolerance, shared, care.steps, care.fineness)
        bounds = self._search(limit_prices, best, np.full(count, -1.0), effort, found, nothing_collected())
        return Priced(best + self.stop, bounds + self.stop, self._columns(np.arange(count), found))

    def within(
        self, limit_prices: Floats, known: Floats, slack: Floats, *, each: int, most: int
    ) -> tuple[Columns, Floats]:
        """Return covers that cost less than ``known + slack``, up to ``each`` of every need, ``most`` in all.

        The second value is what every cover of each need that was not returned costs at least.
        """
        hits = Hits(np.zeros(most, dtype=np.int64), room_for_covers(most), np.zeros(1, dtype=np.int64), each)
        best = known - self.stop
        effort = Effort(0.0, 0.0, CLOSE.steps, CLOSE.fineness)
        bounds = self._search(limit_prices, best, slack, effort, room_for_covers(best.size), hits)
        count = int(hits.total[0])
        found = Found(
            hits.found.value[:count], hits.found.size[:count], hits.found.item[:count], hits.found.times[:count]
        )
        return self._columns(hits.need[:count], found), bounds + self.stop

    def _search(
        self, limit_prices: Floats, best: Floats, slack: Floats, effort: Effort, found: Found, hits: Hits
    ) -> Floats:
        usage = self.problem.usage
        extra = np.bincount(usage.option, limit_prices[usage.limit] * usage.amount, self.problem.options.count)
        price = self.base + extra[self.items.option]
        return search(self.items, self.wants, price, self._unwatched, best, slack, effort, self._work, found, hits)

    def _columns(self, need: Ints, found: Found) -> Columns:
        kept = np.flatnonzero(found.size > 0)
        taken = np.arange(DEPTH) < found.size[kept, None]
        column = np.repeat(np.arange(kept.size), found.size[kept])
        option = self.items.option[found.item[kept][taken]]
        return Columns.of_entries(need[kept], [(column, option, found.times[kept][taken])])


def _wants_of(needs: Needs) -> Wants:
    named = {name: getattr(needs, name) for name in Wants._fields if name != "unmet"}
    return Wants(**named, unmet=np.where(needs.is_soft, UNSERVED_PRICE * needs.weight, np.inf))


def _items_of(problem: Problem) -> tuple[Items, Floats, Ints]:
    """Return the items of a problem, their prices without those of limits, and what runs of the same option before."""
    options = problem.options
    running = np.where(options.change_price > 0, np.minimum(options.running, options.most), 0)
    kept, more = np.flatnonzero(running > 0), np.flatnonzero(options.most > running)
    option = np.concatenate([kept, more])
    price = np.concatenate([(options.price - options.change_price)[kept], (options.price + options.change_price)[more]])
    most = np.concatenate([running[kept], (options.most - running)[more]])
    before = np.concatenate([np.zeros(kept.size, dtype=np.int64), running[more]])
    order = np.argsort(options.need[option], kind="stable")
    option = option[order]
    need = options.need[option]
    items = Items(
        option=option,
        need=need,
        share=options.share[option],
        most=most[order],
        is_counted=~options.is_external[option],
        region=_local(need, options.region[option]),
        zone=_local(need, options.zone[option]),
        requests_per_second=options.requests_per_second[option],
        dollars_per_hour=options.dollars_per_hour[option],
        start=np.searchsorted(need, np.arange(problem.needs.count + 1)),
    )
    return items, price[order], before[order]


def _local(need: Ints, value: Ints) -> Ints:
    """Return the place of each value among the values of its need; beyond what a mask holds, the last."""
    span = int(value.max(initial=0)) + 2
    unique, inverse = np.unique(need * span + value + 1, return_inverse=True)
    return np.minimum(ranks_in(unique // span)[inverse], GROUPS - 1)
