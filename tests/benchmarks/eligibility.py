"""Benchmark of eligibility: CPU seconds and memory to judge every deployment on every pool, from nothing and again.

``python -m tests.benchmarks.eligibility [--sizes 1000x200,10000x1000]`` prints one row per size: judging from nothing,
with nothing changed, with one deployment's demand changed, with one host lost, and the peak of the process.
"""

import argparse
import random
import resource
import time
from dataclasses import replace
from datetime import date

from quartermaster.api.v1alpha1 import InferenceDeploymentSpec
from quartermaster.api.v1alpha1.enums import CapacityType
from quartermaster.catalog.catalog import Catalog
from quartermaster.catalog.load import load_catalog
from quartermaster.planner.eligibility.eligible import eligible
from quartermaster.planner.fleet import Demand, Facts, Fleet, Host, Key, Pool, Source, Workload

CHIPS_BY_ACCELERATOR = {
    "nvidia-l4": 1,
    "nvidia-l40s": 4,
    "nvidia-a100-sxm-80": 8,
    "nvidia-h100-sxm": 8,
    "nvidia-h200-sxm": 8,
    "nvidia-b200": 8,
    "amd-mi300x": 8,
    "google-tpu-v6e": 8,
    "aws-trainium2": 16,
    "intel-gaudi3": 8,
}
DOLLARS_BY_ACCELERATOR = {
    "nvidia-l4": 0.75,
    "nvidia-l40s": 1.9,
    "nvidia-a100-sxm-80": 3.4,
    "nvidia-h100-sxm": 6.9,
    "nvidia-h200-sxm": 7.9,
    "nvidia-b200": 12.0,
    "amd-mi300x": 5.5,
    "google-tpu-v6e": 2.7,
    "aws-trainium2": 2.8,
    "intel-gaudi3": 4.0,
}
MODELS = (
    "llama-3.1-8b-instruct",
    "llama-3.3-70b-instruct",
    "qwen3-30b-a3b",
    "qwen3-235b-a22b",
    "gpt-oss-20b",
    "gpt-oss-120b",
    "mixtral-8x7b",
    "gemma-3-27b-it",
    "deepseek-r1",
    "mistral-7b-instruct-v0.3",
)
REGIONS = {
    "europe-west4": ("gcp", "NL", "EU", "EEA"),
    "europe-west3": ("gcp", "DE", "EU", "EEA"),
    "eu-west-1": ("aws", "IE", "EU", "EEA"),
    "eu-central-1": ("aws", "DE", "EU", "EEA"),
    "swedencentral": ("azure", "SE", "EU", "EEA"),
    "westeurope": ("azure", "NL", "EU", "EEA"),
    "us-central1": ("gcp", "US"),
    "us-east-1": ("aws", "US"),
    "us-west-2": ("aws", "US"),
    "eastus": ("azure", "US"),
    "asia-east1": ("gcp", "TW"),
    "ap-northeast-1": ("aws", "JP"),
}
SPECS: tuple[dict[str, object], ...] = (
    {},
    {},
    {"compliance": {"residency": {"jurisdictions": ["EU"]}}},
    {"compliance": {"residency": {"jurisdictions": ["US"]}}},
    {"compliance": {"operators": {"forbiddenNames": ["azure"]}}},
    {"placement": {"regions": {"required": ["us-east-1", "us-central1", "eastus"]}}},
    {"placement": {"accelerators": {"deny": {"vendors": ["Google", "AWS"]}}}},
    {"placement": {"accelerators": {"allow": {"vendors": ["NVIDIA", "AMD"]}}, "capacityTypes": ["OnDemand"]}},
    {"budget": {"maxDollarsPerHour": "40"}},
    {"serving": {"maxContextTokens": 8192}},
)


def fleet(catalog: Catalog, count: int, rng: random.Random) -> Fleet:
    """Return a fleet of seeded pools with 2 to 39 nodes each."""
    found = []
    for place in range(count):
        accelerator = catalog.accelerator(rng.choice(list(CHIPS_BY_ACCELERATOR)))
        largest = CHIPS_BY_ACCELERATOR[accelerator.name]
        sizes = (largest,) if rng.random() < 0.7 else (largest, max(1, largest // 2))
        region = rng.choice(list(REGIONS))
        provider, *jurisdictions = REGIONS[region]
        chips = [rng.choice(sizes) for _ in range(rng.randint(2, 39))]
        found.append(
            Pool(
                name=f"pool-{place:04d}",
                cluster="local",
                region=region,
                provider=provider,
                capacity_type=rng.choice((CapacityType.ON_DEMAND, CapacityType.ON_DEMAND, CapacityType.SPOT)),
                accelerator=accelerator,
                resource_name=accelerator.resource_name or "",
                hosts=tuple(
                    Host(f"n{node:03d}", "abc"[node % 3], size, size, size, is_whole=accelerator.vendor == "Google")
                    for node, size in enumerate(chips)
                ),
                dollars_per_chip_hour=round(DOLLARS_BY_ACCELERATOR[accelerator.name] * rng.uniform(0.8, 1.2), 3),
                price_source=Source.DECLARED,
                facts=Facts(
                    jurisdictions=frozenset(jurisdictions),
                    jurisdictions_source="the benchmark",
                    operator=provider,
                    operator_source="the benchmark",
                ),
            )
        )
    return Fleet(tuple(found), date(2026, 11, 21))


def workloads(catalog: Catalog, count: int, rng: random.Random) -> list[Workload]:
    """Return seeded deployments, each with a token mix of its own."""
    found = []
    for place in range(count):
        model = catalog.model(rng.choice(MODELS))
        spec: dict[str, object] = {"model": {"name": model.name}, **rng.choice(SPECS)}
        if rng.random() < 1 / 3:
            spec["objectives"] = {"timeToFirstTokenMilliseconds": 2000, "interTokenLatencyMilliseconds": 60}
        tokens = (round(rng.lognormvariate(6.5, 0.8)) + 1.0, round(rng.lognormvariate(5.5, 0.6)) + 1.0)
        key = Key("default", f"model-{place:05d}")
        demand = Demand(rng.lognormvariate(1.5, 1.1), *tokens)
        found.append(Workload(key, InferenceDeploymentSpec.model_validate(spec), model, demand))
    return found


def with_changed_demand(asked: list[Workload]) -> list[Workload]:
    """Return the deployments, one of them with twice its rate and longer prompts."""
    first, *others = asked
    demand = first.demand
    changed = replace(demand, requests_per_second=2 * demand.requests_per_second, input_tokens=demand.input_tokens + 99)
    return [replace(first, demand=changed), *others]


def with_lost_host(offered: Fleet) -> Fleet:
    """Return the fleet without one host of its first pool."""
    first, *others = offered.pools
    return replace(offered, pools=(replace(first, hosts=first.hosts[1:]), *others))


def figures(catalog: Catalog, deployments: int, pools: int) -> tuple[float, ...]:
    """Return CPU seconds: from nothing, nothing changed, one demand changed, one host lost; then what there is."""
    rng = random.Random(1)
    offered, asked = fleet(catalog, pools, rng), workloads(catalog, deployments, rng)
    began = time.process_time()
    before = eligible(offered, asked)
    seconds = [time.process_time() - began]
    for fleet_now, asked_now in (
        (offered, asked),
        (offered, with_changed_demand(asked)),
        (with_lost_host(offered), asked),
    ):
        began = time.process_time()
        eligible(fleet_now, asked_now, before=before)
        seconds.append(time.process_time() - began)
    return (*seconds, len(before.candidates), len(before.rejections))


def main() -> None:
    """Print a row per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000x200")
    options = parser.parse_args()
    catalog = load_catalog()
    print("deployments x pools | candidates | refused | s anew | ms same | ms one demand | ms one host | peak MB")
    for text in options.sizes.split(","):
        deployments, pools = (int(part) for part in text.split("x"))
        anew, same, demand, host, admitted, refused = figures(catalog, deployments, pools)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{text:>19} | {admitted:10.0f} | {refused:7.0f}"
            f" | {anew:6.2f} | {1000 * same:7.1f} | {1000 * demand:13.1f} | {1000 * host:11.1f} | {peak:7.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
