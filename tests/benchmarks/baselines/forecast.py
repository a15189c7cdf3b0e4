"""SageServe's problem as the planner is asked it: models in regions, pools that nobody fills, and instances that run.

Our changes cost a twelfth of an instance's price for each start and each stop, which are exactly SageServe's costs with
α = 11/12 of the price and σ = 1/6 of it. Nothing here solves.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from quartermaster.api.v1alpha1 import InferenceDeploymentSpec
from quartermaster.api.v1alpha1.enums import CapacityType
from quartermaster.catalog.load import load_catalog
from quartermaster.planner.eligibility.candidates import candidates
from quartermaster.planner.fleet import Demand, Fleet, Host, Key, Pool, Running, Source, Workload
from quartermaster.planner.plan import Candidate
from tests.benchmarks.baselines.sageserve import Forecast

CHANGE_FRACTION = 300 / 3600
GPUS = {"nvidia-h100-sxm": 6.9, "nvidia-a100-sxm-80": 3.4, "nvidia-h200-sxm": 7.9, "nvidia-l40s": 1.9}
NODES, CHIPS = 400, 8


def fleet_of(regions: int, gpus: int, random: np.random.Generator) -> Fleet:
    """Return a pool for each region and GPU, larger than anybody needs."""
    catalog = load_catalog()
    found = []
    for region in range(regions):
        for name, dollars in list(GPUS.items())[:gpus]:
            accelerator = catalog.accelerator(name)
            pool = f"region-{region}-{name}"
            found.append(
                Pool(
                    name=pool,
                    cluster="local",
                    region=f"region-{region}",
                    provider="",
                    capacity_type=CapacityType.ON_DEMAND,
                    accelerator=accelerator,
                    resource_name=accelerator.resource_name or "",
                    hosts=tuple(Host(f"{pool}-{n:03}", "a", CHIPS, CHIPS, CHIPS) for n in range(NODES)),
                    dollars_per_chip_hour=round(dollars * float(random.uniform(0.8, 1.2)), 3),
                    price_source=Source.DECLARED,
                )
            )
    return Fleet(tuple(found), date(2026, 11, 21))


def workloads_of(fleet: Fleet, models: int, random: np.random.Generator) -> list[Workload]:
    """Return every model in every region, with instances running and a forecast of a few instances."""
    served = load_catalog().model("llama-3.1-8b-instruct")
    regions = sorted({pool.region for pool in fleet.pools})
    names = sorted({pool.accelerator_name for pool in fleet.pools})
    found = []
    for place in range(models):
        tokens = (int(random.integers(200, 4000)), int(random.integers(50, 800)))
        for region in regions:
            spec = InferenceDeploymentSpec.model_validate(
                {
                    "model": {"name": served.name},
                    "serving": {"shapes": [{"name": f"on-{name}", "accelerator": name} for name in names]},
                    "placement": {"regions": {"required": [region]}},
                    "scaling": {"minReplicas": 0},
                }
            )
            key = Key("default", f"model-{place:03}-{region}")
            found.append(Workload(key, spec, served, Demand(1.0, *tokens)))
    ways: dict[Key, list[Candidate]] = {workload.key: [] for workload in found}
    for candidate in candidates(fleet, found)[0]:
        ways[candidate.workload].append(candidate)
    return [_in_the_middle(workload, ways[workload.key], random) for workload in found]


def _in_the_middle(workload: Workload, ways: Sequence[Candidate], random: np.random.Generator) -> Workload:
    """Return the workload with a few instances running, and a forecast about what they serve."""
    counts = [int(count) for count in random.integers(0, 3, len(ways))]
    counts[0] += not any(counts)
    serves = sum(way.throughput.requests_per_second * count for way, count in zip(ways, counts, strict=True))
    rate = serves * float(random.lognormal(0.0, 0.4))
    return replace(
        workload,
        demand=replace(workload.demand, requests_per_second=rate),
        running=tuple(
            Running(way.pool, way.shape.key, count, count) for way, count in zip(ways, counts, strict=True) if count
        ),
    )


def forecast_of(fleet: Fleet, workloads: Sequence[Workload]) -> Forecast:
    """Return the same problem in SageServe's words."""
    running = {(w.key, row.pool): row.replicas for w in workloads for row in w.running}
    asked = Forecast({}, {}, {}, {}, {})
    for candidate in candidates(fleet, workloads)[0]:
        place = (candidate.workload.name, candidate.region, candidate.pool)
        asked.alpha[place] = candidate.dollars_per_hour * (1 - CHANGE_FRACTION)
        asked.sigma[place] = candidate.dollars_per_hour * 2 * CHANGE_FRACTION
        asked.theta[place] = candidate.throughput.requests_per_second
        asked.running[place] = running.get((candidate.workload, candidate.pool), 0)
    for workload in workloads:
        region = workload.spec.placement.regions.required[0]
        asked.rate_by_model_and_region[workload.key.name, region] = workload.demand.requests_per_second
    return asked
