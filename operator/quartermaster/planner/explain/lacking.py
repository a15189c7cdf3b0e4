"""One deployment that goes short: what it lacks, what it has, and what more replicas would do for it. No words here."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from quartermaster.planner.numerics.arrays import Bools, Floats, Ints
from quartermaster.planner.posing.column import chosen_columns, unmet_of, value_of
from quartermaster.planner.posing.limit import Usage
from quartermaster.planner.posing.offer import Need, Offer
from quartermaster.planner.posing.pose import Posed
from quartermaster.planner.posing.problem import Options, Problem, softened
from quartermaster.planner.posing.unmet import TOLERANCE, UNSERVED_PRICE, Unmet
from quartermaster.planner.solver.solve import Solution

_LEAST_DOLLARS = 1e-8


@dataclass(frozen=True, eq=False)
class Lacking:
    """What one deployment lacks in a plan; arrays have one entry for each option of its own."""

    place: int
    """Of its need."""
    offer: Offer
    counts: Ints
    unmet: Unmet
    """Of this need alone."""
    rent: Floats
    """Price of what one replica takes from the limits."""
    has_room: Bools
    """Whether one more replica would find room as the plan is."""
    problem: Problem
    """The need with its options alone, any part of which may stay unmet at its price."""

    @property
    def need(self) -> Need:
        """What it wants."""
        return self.offer.need

    @property
    def requests_per_second(self) -> float:
        """Rate that is not served."""
        rate = float(self.unmet.rate[0])
        return rate * self.need.requests_per_second if rate > TOLERANCE else 0.0

    @property
    def replicas(self) -> int:
        """Replicas that are missing from the fewest."""
        return int(self.unmet.replicas[0])

    @cached_property
    def most(self) -> Ints:
        """Replicas of each option that its own limits still allow."""
        own, need = self.offer, self.need
        left = need.budget - float(own.dollars_per_hour @ self.counts)
        placed = int(self.counts[~own.is_external].sum())
        most = np.full(own.count, max(0, need.max_replicas - placed))
        if math.isfinite(left):
            most = np.minimum(most, np.floor(left / np.maximum(own.dollars_per_hour, 1e-9) + TOLERANCE).astype(int))
        allowed: Ints = np.maximum(most, 0)
        return allowed

    def wanted(self, option: int) -> int:
        """Return the replicas of an option that would be enough."""
        rate = float(self.offer.requests_per_second[option])
        for_rate = math.ceil(self.requests_per_second / rate - TOLERANCE) if self.requests_per_second > 0 else 0
        return max(self.replicas, for_rate)

    def gain(self, option: int, replicas: int) -> float:
        """Return by how many dollars per hour the objective falls when there are so many more replicas."""
        more = self.counts.copy()
        more[option] += replicas
        return self._present - self._value(more)

    def gains(self, option: int, replicas: int) -> bool:
        """Whether the objective falls."""
        return replicas > 0 and (self._surely_gains(option, replicas) or self.gain(option, replicas) > _LEAST_DOLLARS)

    def _surely_gains(self, option: int, replicas: int) -> bool:
        """Whether the requests that are served weigh more than the replicas cost, where no region can have too many."""
        own, need = self.offer, self.need
        if need.max_region_share < 1:
            return False
        # No part of a shortage weighs less than the last one that is left.
        served = min(float(self.unmet.rate[0]), replicas * float(own.share[option]))
        return UNSERVED_PRICE * need.weight * served > replicas * (
            float(own.price[option]) + float(own.change_price[option])
        )

    @cached_property
    def _present(self) -> float:
        return self._value(self.counts)

    def _value(self, counts: Ints) -> float:
        return float(value_of(self.problem, chosen_columns(self.problem, counts))[0])


def lacking(posed: Posed, solution: Solution) -> list[Lacking]:
    """Return who goes short, those who are served first coming first."""
    problem = posed.problem
    unmet = unmet_of(problem, chosen_columns(problem, solution.counts))
    places = np.flatnonzero(~unmet.is_nothing).tolist()
    if not places:
        return []
    soft = softened(problem)
    starts = posed.starts
    left = problem.room - problem.taken(solution.counts)
    found: list[Lacking] = []
    for place in sorted(places, key=lambda at: posed.offers[at].need.nature):
        own = np.arange(starts[place], starts[place + 1])
        entry, at = problem.usage.entries(own)
        limit, amount = problem.usage.limit[at], problem.usage.amount[at]
        rent = np.bincount(entry, solution.prices[limit] * amount, own.size).astype(np.float64)
        crowded = np.bincount(entry, left[limit] < amount * (1 - TOLERANCE), own.size) > 0
        found.append(
            Lacking(
                place=place,
                offer=posed.offers[place],
                counts=solution.counts[own],
                unmet=unmet.of(np.array([place])),
                rent=rent,
                has_room=~crowded,
                problem=_alone(soft, place, own),
            )
        )
    return found


def _alone(problem: Problem, place: int, own: Ints) -> Problem:
    """Return one need with its options and no limits."""
    columns = {name: getattr(problem.options, name)[own] for name in Options.__slots__}
    columns["need"] = np.zeros(own.size, dtype=np.int64)
    nothing = np.zeros(0, dtype=np.int64)
    bare = Usage(nothing, nothing, np.zeros(0), np.zeros(own.size + 1, dtype=np.int64))
    return Problem(problem.needs.of(np.array([place])), Options(**columns), bare, np.zeros(0))
