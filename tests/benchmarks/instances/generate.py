"""An instance from a recipe: pools, services, drafts, demand as the family has it, and deployments as stated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from quartermaster.catalog.load import load_catalog
from quartermaster.planner.fleet import Fleet, Host, Key, Pool, Workload
from tests.benchmarks.instances.deployments import Draft, drafts
from tests.benchmarks.instances.drawing import Drawn, draw
from tests.benchmarks.instances.planting import Planted, chips_by_host, plant, seats_by_way
from tests.benchmarks.instances.pools import pools
from tests.benchmarks.instances.recipe import Family, Recipe, Stock
from tests.benchmarks.instances.services import TODAY, services
from tests.benchmarks.instances.stating import state
from tests.benchmarks.instances.stock import fit_stock
from tests.benchmarks.instances.traffic import clients


@dataclass(frozen=True, slots=True)
class Instance:
    """A problem with what is known about it."""

    recipe: Recipe
    fleet: Fleet
    workloads: tuple[Workload, ...]
    usual_dollars_by_key: Mapping[Key, float]
    """Dollars per hour that serving a deployment comes to: as planted, or at its middling price where it was drawn."""
    demand_source: str
    planted: Mapping[Key, Mapping[tuple[str, str], tuple[str, ...]]] = field(default_factory=dict)
    """A full plan: the hosts of its replicas by pool and shape, for every deployment. Empty where demand was drawn."""
    planted_fraction: float = 0.0
    """Part of all chips that the planted plan holds."""
    needed_fraction: float = 0.0
    """Part of its fullest pool that a linear program needs, where demand was drawn."""

    @property
    def planted_dollars_per_hour(self) -> float:
        """What the planted plan costs; 0 without one."""
        return sum(self.usual_dollars_by_key.values()) if self.planted else 0.0


def generate(recipe: Recipe) -> Instance:
    """Return the instance of a recipe; equal recipes give equal instances.

    Raises:
        ValueError: when not even one deployment found a seat, or the fleet is too small for one replica of each.
    """
    random = np.random.default_rng(recipe.seed)
    catalog = load_catalog()
    made = pools(recipe, catalog, random)
    served = services(recipe, made, catalog, random)
    drafted = drafts(recipe, made, served, random)
    return (_drawn if recipe.family == Family.DRAWN else _planted)(recipe, made, drafted, random)


def _planted(recipe: Recipe, made: Sequence[Pool], drafted: Sequence[Draft], random: np.random.Generator) -> Instance:
    planted, fraction = plant(drafted, made, tightness=recipe.tightness, random=random)
    kept, planted = _seated_only(drafted, planted)
    price_by_pool = {pool.name: pool.dollars_per_chip_hour or 0.0 for pool in made}
    dollars = [sum(way.chips * price_by_pool[seat.pool] for way, seat in found.seats) for found in planted]
    stated = _stated(recipe, made, kept, planted, dollars=dollars, random=random)
    seats = [seats_by_way(found.seats) for found in planted]
    return replace(
        stated,
        planted={
            workload.key: {way: tuple(hosts) for way, hosts in own.items()}
            for workload, own in zip(stated.workloads, seats, strict=True)
        },
        planted_fraction=fraction,
    )


def _drawn(recipe: Recipe, made: Sequence[Pool], drafted: Sequence[Draft], random: np.random.Generator) -> Instance:
    if recipe.stock == Stock.FITTED:
        made = fit_stock(made, drafted, tightness=recipe.tightness)
    drawn: Drawn = draw(
        drafted, made, tightness=recipe.tightness, running_fraction=recipe.running_fraction, random=random
    )
    # Who runs was drawn there, so all that have seats do. A ceiling of cost is no part of the linear program.
    everyone = replace(recipe, running_fraction=1.0, budget_fraction=0.0)
    stated = _stated(everyone, made, drafted, drawn.demands, dollars=drawn.dollars, random=random)
    return replace(stated, recipe=recipe, needed_fraction=drawn.needed_fraction)


def _stated(
    recipe: Recipe,
    made: Sequence[Pool],
    drafted: Sequence[Draft],
    found: Sequence[Planted],
    *,
    dollars: Sequence[float],
    random: np.random.Generator,
) -> Instance:
    rows = [
        state(place, draft, own, recipe=recipe, usual_dollars=usual, random=random)
        for place, (draft, own, usual) in enumerate(zip(drafted, found, dollars, strict=True))
    ]
    held = chips_by_host(seat for _, running in rows for seat in running)
    return Instance(
        recipe=recipe,
        fleet=Fleet(tuple(_with_held(pool, held) for pool in made), TODAY),
        workloads=tuple(workload for workload, _ in rows),
        usual_dollars_by_key={workload.key: usual for (workload, _), usual in zip(rows, dollars, strict=True)},
        demand_source=clients().source,
    )


def _seated_only(drafted: Sequence[Draft], planted: Sequence[Planted]) -> tuple[list[Draft], list[Planted]]:
    """Return the drafts that found a seat, allowed to run where it is."""
    kept = [(draft, found) for draft, found in zip(drafted, planted, strict=True) if found.requests_per_second > 0]
    if not kept:
        raise ValueError("wanted room for at least one deployment, found none: give the fleet more pools or nodes")
    for draft, found in kept:
        for _, seat in found.seats:
            region, (accelerator, _) = seat.group
            draft.regions += [region] if region not in draft.regions else []
            draft.accelerators += [accelerator] if accelerator not in draft.accelerators else []
    return [draft for draft, _ in kept], [found for _, found in kept]


def _with_held(pool: Pool, held: Mapping[str, int]) -> Pool:
    return replace(pool, hosts=tuple(_less(host, held.get(host.name, 0)) for host in pool.hosts))


def _less(host: Host, chips: int) -> Host:
    return replace(host, free_chips=host.available_chips - chips) if chips else host
