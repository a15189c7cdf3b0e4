"""Demand that was drawn and then scaled to the fleet: nothing is planted, and nothing is promised.

``filling`` finds the scale. A part of the deployments runs already, as the linear program would have it, but whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quartermaster.planner.fleet import Pool
from tests.benchmarks.instances.balance import Group
from tests.benchmarks.instances.deployments import Draft
from tests.benchmarks.instances.filling import Ways, fill, ways
from tests.benchmarks.instances.packing import Chips
from tests.benchmarks.instances.planting import Planted, seat
from tests.benchmarks.instances.services import kind_of

MOST_GROWTH_FRACTION = 0.3
"""Of the demand of a deployment that runs, up to this part came after its replicas were placed."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What deployments ask for."""

    demands: list[Planted]
    """With seats for those that run already, and for nobody else."""
    dollars: list[float]
    """Dollars per hour for each demand, at the middling price of the replicas that could serve it."""
    needed_fraction: float
    """The part of its fullest pool that a linear program needs."""


def draw(
    drafts: Sequence[Draft],
    pools: Sequence[Pool],
    *,
    tightness: float,
    running_fraction: float,
    random: np.random.Generator,
) -> Drawn:
    """Return the demand of every deployment, for the largest scale that the tightness lets be."""
    chips = Chips(pools)
    groups = sorted(chips.available_by_group)
    capacity = np.array([max(1, chips.available_by_group[group]) for group in groups], dtype=float)
    usable = ways(drafts, groups)
    filled = fill(drafts, usable, capacity, tightness=tightness)
    used = np.full((len(drafts), len(groups)), -1.0)
    used[usable.deployments, usable.groups] = 0.0
    np.add.at(used, (usable.deployments, usable.groups), filled.replicas * usable.chips)
    demands = []
    for place, draft in enumerate(drafts):
        wanted = filled.scale * draft.base_requests_per_second
        into = Planted()
        if random.random() < running_fraction:
            order = [groups[group] for group in np.argsort(-used[place], kind="stable") if used[place, group] >= 0]
            seat(draft, order, chips, wanted=wanted * (1 - MOST_GROWTH_FRACTION * random.random()), into=into)
        demands.append(Planted(into.seats, wanted, draft.spread))
    return Drawn(demands, _dollars(demands, usable, _prices(pools, groups)), filled.fullness)


def _prices(pools: Sequence[Pool], groups: Sequence[Group]) -> np.ndarray:
    """Return dollars per chip and hour of each group, the mean of its pools."""
    found: dict[Group, list[float]] = {group: [] for group in groups}
    for pool in pools:
        if pool.external is None:
            found[pool.region, kind_of(pool)].append(pool.dollars_per_chip_hour or 0.0)
    return np.array([np.mean(found[group]) for group in groups])


def _dollars(demands: Sequence[Planted], usable: Ways, prices: np.ndarray) -> list[float]:
    dollars_per_request = usable.chips * prices[usable.groups] / usable.requests_per_second
    ends = np.searchsorted(usable.deployments, np.arange(1, len(demands)))
    return [
        demand.requests_per_second * float(np.median(own))
        for demand, own in zip(demands, np.split(dollars_per_request, ends), strict=True)
    ]
