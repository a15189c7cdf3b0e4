"""Drafts of deployments: what each serves, how much of it relative to one replica, and where it may run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from quartermaster.planner.fleet import Pool
from tests.benchmarks.instances.recipe import Family, Recipe
from tests.benchmarks.instances.services import KindKey, Service, kind_of
from tests.benchmarks.instances.traffic import clients

RATE_JITTER_SIGMA = 0.3
"""No two deployments load their service exactly as one of ServeGen's clients does."""


class Spread(StrEnum):
    """The spread rule of a deployment."""

    NONE = ""
    REGIONS = "minRegions"
    ZONES = "minZones"
    SHARE = "maxRegionShare"


SPREADS = (Spread.REGIONS, Spread.ZONES, Spread.SHARE)


@dataclass(slots=True)
class Draft:
    """A deployment that is being made."""

    service: Service
    relative_rate: float
    """Demand in replicas of middling speed, before the whole is scaled to the fleet."""
    replica_requests_per_second: float
    """What a replica of middling speed serves."""
    regions: list[str]
    accelerators: list[str]
    """Catalog names allowed."""
    spread: Spread
    priority: int

    @property
    def base_requests_per_second(self) -> float:
        """Demand before the whole is scaled to the fleet."""
        return self.relative_rate * self.replica_requests_per_second


def drafts(
    recipe: Recipe, pools: Sequence[Pool], services: Sequence[Service], random: np.random.Generator
) -> list[Draft]:
    """Return as many drafts as the recipe wants, each with at least one pool that could take it."""
    inside = [pool for pool in pools if pool.external is None]
    chips_by_region: dict[str, int] = {}
    for pool in inside:
        chips_by_region[pool.region] = chips_by_region.get(pool.region, 0) + pool.available_chips
    names = sorted(chips_by_region)
    weights = np.array([chips_by_region[name] for name in names], dtype=float) + 1
    types = sorted({pool.accelerator_name for pool in inside})
    # As many of the types as the recipe says, those that chance leaves out last.
    wanted = max(1, round(recipe.types_allowed_fraction * len(types)))
    rates = clients().relative_rates
    zones = _zones(inside)
    found: list[Draft] = []
    while len(found) < recipe.deployments:
        service = services[int(random.integers(len(services)))]
        count = min(len(names), int(random.integers(1, recipe.most_regions_allowed + 1)))
        spread = Spread.NONE
        if random.random() < recipe.spread_fraction:
            spread = SPREADS[int(random.integers(len(SPREADS)))]
            count = min(len(names), max(count, 2))
        regions = [str(r) for r in random.choice(names, count, replace=False, p=weights / weights.sum())]
        accelerators = [str(a) for a in random.permutation(types)[:wanted]]
        if recipe.family == Family.DRAWN and recipe.demand_sigma:
            rate = float(random.lognormal(0.0, recipe.demand_sigma))
        else:
            rate = float(rates[int(random.integers(len(rates)))] * random.lognormal(0.0, RATE_JITTER_SIGMA))
        priority = int(random.choice(recipe.priorities))
        draft = Draft(service, rate, service.usual_requests_per_second, regions, accelerators, spread, priority)
        # A planted plan decides itself which rule of spread a deployment can have.
        if _fits(draft, zones, is_spread=recipe.family == Family.DRAWN):
            if recipe.family == Family.DRAWN:
                draft.replica_requests_per_second = _middling(draft, zones)
            found.append(draft)
    return found


def _zones(pools: Sequence[Pool]) -> Mapping[tuple[str, KindKey], frozenset[str]]:
    """Return the zones of each region that have nodes of each kind."""
    found: dict[tuple[str, KindKey], set[str]] = {}
    for pool in pools:
        found.setdefault((pool.region, kind_of(pool)), set()).update(host.zone for host in pool.hosts)
    return {key: frozenset(zones) for key, zones in found.items()}


def _middling(draft: Draft, zones: Mapping[tuple[str, KindKey], frozenset[str]]) -> float:
    """Return what a replica of middling speed serves among those that the draft may have."""
    return float(
        np.median(
            [
                ways[0].requests_per_second
                for kind, ways in draft.service.ways_by_kind.items()
                if kind[0] in draft.accelerators and any((region, kind) in zones for region in draft.regions)
            ]
        )
    )


def _fits(draft: Draft, zones: Mapping[tuple[str, KindKey], frozenset[str]], *, is_spread: bool) -> bool:
    """Whether some pool may take the draft, and as many regions or zones as its rule wants."""
    kinds = [kind for kind in draft.service.ways_by_kind if kind[0] in draft.accelerators]
    offered = [(region, zones[region, kind]) for region in draft.regions for kind in kinds if (region, kind) in zones]
    if not is_spread or draft.spread is Spread.NONE:
        return bool(offered)
    if draft.spread is Spread.ZONES:
        return len(frozenset[str]().union(*(own for _, own in offered))) > 1
    return len({region for region, _ in offered}) > 1
