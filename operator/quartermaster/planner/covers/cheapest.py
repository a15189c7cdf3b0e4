"""Covers: the cheapest whole replicas that meet each need at given prices of the limits. Exact, up to a tolerance.

    min  Σ price_i n_i + price of what stays unmet   s.t.  the need's own limits,  n_i ≤ most_i

The search itself is ``branch``; here options become its items, and what it finds becomes columns.
"""

from dataclasses import dataclass
from functools import cached_property
from queue import SimpleQueue

import numpy as np

from quartermaster.planner.covers.laid import Laid
from quartermaster.planner.covers.records import (
    DEPTH,
    Effort,
    Held,
    Item,
    Records,
    Sought,
    Want,
    Work,
    room_for,
    room_for_hits,
    room_for_work,
)
from quartermaster.planner.covers.search import search
from quartermaster.planner.numerics import cores
from quartermaster.planner.numerics.arrays import Floats, Ints
from quartermaster.planner.posing.column import Columns
from quartermaster.planner.posing.problem import Needs, Problem
from quartermaster.planner.posing.unmet import UNSERVED_PRICE, Unmet, unmet_price

MANY_NEEDS = 200
"""Needs from which on covers are looked for on all cores."""
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
PROOF = Care(1e-5, 300_000, 256)
"""For the bound that is told: a few hundred needs take most of these steps."""


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

    def __init__(self, problem: Problem, like: "Covers | None" = None) -> None:
        """Lay out the items.

        Where options and limits are those of ``like``, its items are taken over, and it is not to be asked any more.
        """
        self.problem = problem
        self.laid: Laid = like.laid if like is not None and like.laid.suits(problem) else Laid(problem)
        needs, options = problem.needs, problem.options
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
        self.items = self.laid.items
        self.wants = _wants_of(needs, self.items, self.idle)

    @cached_property
    def _works(self) -> SimpleQueue[Work]:
        works: SimpleQueue[Work] = SimpleQueue()
        for _ in range(1 if self._is_small else cores.count()):
            works.put(room_for_work(self.widest))
        return works

    @property
    def _is_small(self) -> bool:
        return self.problem.needs.count < MANY_NEEDS

    @property
    def widest(self) -> int:
        """Items of the need that has most."""
        return int((self.wants["end"] - self.wants["first"]).max(initial=0))

    def cheapest(self, limit_prices: Floats, known: Floats, care: Care = USUAL) -> Priced:
        """Return the best cover of every need; ``known`` are prices of covers that the caller has already."""
        best = np.minimum(known - self.stop, self.idle)
        shared = SHARED_TOLERANCE * float(np.median(best)) if best.size else 0.0
        effort = Effort(care.tolerance, shared, care.steps, care.fineness)
        sought, found = self._sought(best, -1.0), room_for(Held, best.size, DEPTH)
        self._price(limit_prices)
        edges = np.linspace(0, best.size, cores.PARTS + 1).astype(np.int64)
        works = self._works

        def part(place: int) -> None:
            own = slice(edges[place], edges[place + 1])
            work = works.get()
            search(self.items, self.wants[own], sought[own], found[own], effort, work, room_for_hits(0, each=0))
            works.put(work)

        cores.divided(part, is_alone=self._is_small)
        columns = self._columns(np.arange(best.size), sought["size"], found)
        return Priced(sought["best"] + self.stop, sought["bound"] + self.stop, columns)

    def within(
        self, limit_prices: Floats, known: Floats, slack: Floats, *, each: int, most: int
    ) -> tuple[Columns, Floats]:
        """Return covers that cost less than ``known + slack``, up to ``each`` of every need, ``most`` in all.

        The second value is what every cover of each need that was not returned costs at least.
        """
        hits = room_for_hits(most, each=each)
        sought, found = self._sought(known - self.stop, slack), room_for(Held, known.size, DEPTH)
        effort = Effort(0.0, 0.0, CLOSE.steps, CLOSE.fineness)
        self._price(limit_prices)
        work = self._works.get()
        search(self.items, self.wants, sought, found, effort, work, hits)
        self._works.put(work)
        count = int(hits.total[0])
        columns = self._columns(hits.found["need"][:count], hits.found["size"][:count], hits.held[:count])
        return columns, sought["bound"] + self.stop

    @staticmethod
    def _sought(best: Floats, slack: Floats | float) -> Records[Sought]:
        sought = room_for(Sought, best.size)
        sought["best"][:], sought["slack"][:] = best, slack
        return sought

    def _price(self, limit_prices: Floats) -> None:
        usage = self.problem.usage
        extra = np.bincount(usage.option, limit_prices[usage.limit] * usage.amount, self.problem.options.count)
        self.items["price"][:] = self.items["base"] + extra[self.items["option"]]

    def _columns(self, need: Ints, size: Ints, found: Records[Held]) -> Columns:
        kept = np.flatnonzero(size > 0)
        taken = np.arange(DEPTH) < size[kept, None]
        column = np.repeat(np.arange(kept.size), size[kept])
        option = self.items["option"][found["item"][kept][taken]]
        return Columns.of_entries(need[kept], [(column, option, found["times"][kept][taken])])


def _wants_of(needs: Needs, items: Records[Item], idle: Floats) -> Records[Want]:
    wants = room_for(Want, needs.count)
    for name in Want.__annotations__.keys() & set(Needs.__slots__):
        wants[name][:] = getattr(needs, name)
    wants["unmet"][:] = np.where(needs.is_soft, UNSERVED_PRICE * needs.weight, np.inf)
    wants["idle"][:] = idle
    start = np.searchsorted(items["need"], np.arange(needs.count + 1))
    wants["first"][:], wants["end"][:] = start[:-1], start[1:]
    return wants
