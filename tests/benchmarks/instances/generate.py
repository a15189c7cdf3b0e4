"""An instance from a recipe: pools, services, a planted plan, and from that the deployments as people state them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quartermaster.api.v1alpha1 import InferenceDeploymentSpec
from quartermaster.catalog.load import load_catalog
from quartermaster.planner.fleet import Demand, Fleet, Host, Key, Pool, Running, Source, Workload
from tests.benchmarks.instances.deployments import Draft, Spread, drafts
from tests.benchmarks.instances.planting import REGION_SHARE, Planted, chips_by_host, plant, seats_by_way
from tests.benchmarks.instances.pools import pools
from tests.benchmarks.instances.recipe import Recipe
from tests.benchmarks.instances.services import TODAY, services
from tests.benchmarks.instances.traffic import clients

NAMESPACE = "default"
MOST_MISSING_FRACTION = 0.3
"""Of the replicas of a deployment that runs, up to this part is missing: its load has grown."""
RATE_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Instance:
    """A problem with what is known about it."""

    recipe: Recipe
    fleet: Fleet
    workloads: tuple[Workload, ...]
    planted: Mapping[Key, Mapping[tuple[str, str], tuple[str, ...]]]
    """A full plan: the hosts of its replicas by pool and shape, for every deployment."""
    planted_fraction: float
    """Part of all chips that the planted plan holds."""
    planted_dollars_per_hour: float
    demand_source: str


def generate(recipe: Recipe) -> Instance:
    """Return the instance of a recipe; equal recipes give equal instances.

    Raises:
        ValueError: when not even one deployment found a seat.
    """
    random = np.random.default_rng(recipe.seed)
    catalog = load_catalog()
    made = pools(recipe, catalog, random)
    served = services(recipe, made, catalog, random)
    drawn = drafts(recipe, made, served, random)
    planted, fraction = plant(drawn, made, tightness=recipe.tightness, random=random)
    drawn, planted = _seated_only(drawn, planted)
    price_by_pool = {pool.name: pool.dollars_per_chip_hour or 0.0 for pool in made}
    rows = [
        _workload(place, draft, found, recipe=recipe, price_by_pool=price_by_pool, random=random)
        for place, (draft, found) in enumerate(zip(drawn, planted, strict=True))
    ]
    running = [seat for row in rows for seat in row[1]]
    held = chips_by_host(running)
    return Instance(
        recipe=recipe,
        fleet=Fleet(tuple(_with_held(pool, held) for pool in made), TODAY),
        workloads=tuple(row[0] for row in rows),
        planted={
            row[0].key: {key: tuple(hosts) for key, hosts in seats_by_way(found.seats).items()}
            for row, found in zip(rows, planted, strict=True)
        },
        planted_fraction=fraction,
        planted_dollars_per_hour=sum(_dollars(found, price_by_pool) for found in planted),
        demand_source=clients().source,
    )


def _seated_only(drawn: Sequence[Draft], planted: Sequence[Planted]) -> tuple[list[Draft], list[Planted]]:
    """Return the drafts that found a seat, allowed to run where it is."""
    kept = [(draft, found) for draft, found in zip(drawn, planted, strict=True) if found.requests_per_second > 0]
    if not kept:
        raise ValueError("wanted room for at least one deployment, found none: give the fleet more pools or nodes")
    for draft, found in kept:
        for _, seat in found.seats:
            region, (accelerator, _) = seat.group
            draft.regions += [region] if region not in draft.regions else []
            draft.accelerators += [accelerator] if accelerator not in draft.accelerators else []
    return [draft for draft, _ in kept], [found for _, found in kept]


def _workload(
    place: int,
    draft: Draft,
    found: Planted,
    *,
    recipe: Recipe,
    price_by_pool: Mapping[str, float],
    random: np.random.Generator,
) -> tuple[Workload, list[Any]]:
    """Return the deployment and the seats of its replicas that run."""
    service = draft.service
    rate = f"{found.requests_per_second:.{RATE_DIGITS}f}"
    stated: dict[str, Any] = {
        **service.stated,
        "traffic": {
            "inputTokens": service.input_tokens,
            "outputTokens": service.output_tokens,
            "requestsPerSecond": rate,
        },
        "placement": _placement(draft, found),
    }
    if draft.priority:
        stated["priority"] = draft.priority
    if random.random() < recipe.budget_fraction:
        stated["budget"] = {"maxDollarsPerHour": f"{_dollars(found, price_by_pool) * random.uniform(1.2, 2.0):.2f}"}
    running = []
    if random.random() < recipe.running_fraction:
        missing = round(len(found.seats) * MOST_MISSING_FRACTION * random.random())
        running = found.seats[missing:]
    workload = Workload(
        key=Key(NAMESPACE, f"model-{place:05}"),
        spec=InferenceDeploymentSpec.model_validate(stated),
        model=service.model,
        demand=Demand(float(rate), service.input_tokens, service.output_tokens, source=Source.DECLARED),
        running=tuple(
            Running(pool, shape_key, len(hosts), len(hosts), tuple(hosts))
            for (pool, shape_key), hosts in seats_by_way(running).items()
        ),
    )
    return workload, running


def _placement(draft: Draft, found: Planted) -> dict[str, Any]:
    stated: dict[str, Any] = {
        "regions": {"required": sorted(draft.regions)},
        "accelerators": {"allow": {"names": sorted(draft.accelerators)}},
    }
    if found.spread is Spread.SHARE:
        stated["maxRegionShare"] = str(REGION_SHARE)
    elif found.spread is not Spread.NONE:
        stated[found.spread.value] = 2
    return stated


def _dollars(found: Planted, price_by_pool: Mapping[str, float]) -> float:
    return sum(way.chips * price_by_pool[seat.pool] for way, seat in found.seats)


def _with_held(pool: Pool, held: Mapping[str, int]) -> Pool:
    return replace(pool, hosts=tuple(_less(host, held.get(host.name, 0)) for host in pool.hosts))


def _less(host: Host, chips: int) -> Host:
    return replace(host, free_chips=host.available_chips - chips) if chips else host
