"""Pools of an instance: real chips in real regions at the catalog's prices, with pods of others on some nodes."""

from dataclasses import dataclass

import numpy as np

from quartermaster.api.v1alpha1.enums import AcceleratorClass, CapacityType
from quartermaster.catalog.catalog import Catalog
from quartermaster.planner.fleet import External, Facts, Host, Pool, Source
from tests.benchmarks.instances.recipe import Recipe

REGIONS = (
    ("gcp", "us-central1"),
    ("aws", "us-east-1"),
    ("azure", "swedencentral"),
    ("coreweave", "US-EAST-04"),
    ("gcp", "europe-west4"),
    ("aws", "eu-central-1"),
    ("azure", "eastus"),
    ("aws", "us-west-2"),
    ("gcp", "asia-southeast1"),
    ("aws", "ap-northeast-1"),
    ("azure", "westeurope"),
    ("gcp", "us-east5"),
)
ZONES = "abc"


@dataclass(frozen=True, slots=True)
class Kind:
    """A chip, the nodes it comes in, who rents it out, and its price where the catalog lists none."""

    accelerator: str
    node_chips: tuple[int, ...]
    providers: tuple[str, ...]
    dollars_per_chip_hour: float


# Providers as their instance types in the catalog tell, CoreWeave's as its own price page lists them. The price stands
# in where the catalog has none: round figures between neighbouring chips.
KINDS = (
    Kind("nvidia-h100-sxm", (8,), ("gcp", "aws", "azure", "coreweave"), 6.9),
    Kind("nvidia-a100-sxm-80", (8,), ("gcp", "aws", "azure", "coreweave"), 3.4),
    Kind("nvidia-l4", (1, 4, 8), ("gcp", "aws"), 0.8),
    Kind("nvidia-h200-sxm", (8,), ("gcp", "aws", "azure", "coreweave"), 7.9),
    Kind("amd-mi300x", (8,), ("azure",), 6.0),
    Kind("google-tpu-v6e", (8,), ("gcp",), 2.7),
    Kind("nvidia-l40s", (4, 8), ("aws", "coreweave"), 1.9),
    Kind("nvidia-b200", (8,), ("gcp", "aws", "coreweave"), 12.0),
    Kind("aws-trainium2", (16,), ("aws",), 2.8),
    Kind("nvidia-rtx-pro-6000-bse", (2, 4, 8), ("gcp", "aws"), 3.4),
    Kind("google-tpu-v5e", (8,), ("gcp",), 1.2),
    Kind("nvidia-gb200", (4,), ("azure", "coreweave"), 14.0),
    Kind("nvidia-h100-nvl", (2,), ("azure",), 6.5),
)


def pools(recipe: Recipe, catalog: Catalog, random: np.random.Generator) -> tuple[Pool, ...]:
    """Return the pools of nodes, and after them the hosted services."""
    regions, kinds = REGIONS[: recipe.regions], KINDS[: recipe.accelerator_types]
    found = []
    for place in range(recipe.pools):
        provider, region = regions[int(random.integers(len(regions)))]
        offered = [kind for kind in kinds if provider in kind.providers]
        kind = offered[int(random.integers(len(offered)))]
        found.append(_pool(f"pool-{place:04}", kind, (provider, region), recipe=recipe, catalog=catalog, random=random))
    services = [_service(place, regions, catalog, random) for place in range(recipe.external_pools)]
    return (*found, *services)


def _pool(
    name: str, kind: Kind, where: tuple[str, str], *, recipe: Recipe, catalog: Catalog, random: np.random.Generator
) -> Pool:
    provider, region = where
    accelerator = catalog.accelerator(kind.accelerator)
    is_whole = accelerator.accelerator_class is AcceleratorClass.TPU
    sizes = kind.node_chips if is_whole or not recipe.node_chips else recipe.node_chips
    chips = int(random.choice(sizes))
    quote = catalog.price(accelerator, provider, region)
    listed = quote.dollars_per_chip_hour if quote else kind.dollars_per_chip_hour
    factor = 1 + recipe.price_spread_fraction * float(random.uniform(-1, 1))
    nodes = int(random.integers(recipe.nodes[0], recipe.nodes[1] + 1))
    zones = int(random.integers(1, recipe.most_zones + 1))
    held = np.where(random.random(nodes) < recipe.fragmented_fraction, random.integers(1, chips // 2 + 2, nodes), 0)
    known = catalog.region(region, provider)
    return Pool(
        name=name,
        cluster="local",
        region=region,
        provider=provider,
        capacity_type=CapacityType.ON_DEMAND,
        accelerator=accelerator,
        resource_name=accelerator.resource_name or "",
        hosts=tuple(
            _host(f"{name}-{node:03}", f"{region}-{ZONES[node % zones]}", chips, held=int(held[node]), whole=is_whole)
            for node in range(nodes)
        ),
        dollars_per_chip_hour=round(listed * factor, 3),
        price_source=Source.DECLARED,
        facts=Facts(jurisdictions=frozenset(known.jurisdictions) if known else None),
        declared_by=name,
    )


def _host(name: str, zone: str, chips: int, *, held: int, whole: bool) -> Host:
    available = max(0, chips - held)
    if whole and held:
        available = 0
    return Host(name, zone, chips, available, available, is_whole=whole)


def _service(place: int, regions: tuple[tuple[str, str], ...], catalog: Catalog, random: np.random.Generator) -> Pool:
    """Return a hosted service of three models, at prices that compete only where chips are dear."""
    models = sorted(name for name, model in catalog.models_by_name.items() if model.parameters < 1e12)
    served = frozenset(str(name) for name in random.choice(models, 3, replace=False))
    price = float(random.uniform(0.3, 3.0))
    _, region = regions[int(random.integers(len(regions)))]
    return Pool(
        name=f"service-{place:04}",
        cluster="local",
        region=region,
        provider="",
        capacity_type=CapacityType.ON_DEMAND,
        accelerator=None,
        resource_name="",
        external=External(
            endpoint=f"https://service-{place:04}.example.com",
            models=served,
            tokens_per_second=float(random.integers(2_000, 50_000)),
            dollars_per_million_input_tokens=round(price, 2),
            dollars_per_million_output_tokens=round(3 * price, 2),
            time_to_first_token_seconds=0.4,
            inter_token_latency_seconds=0.01,
        ),
        declared_by=f"service-{place:04}",
    )
