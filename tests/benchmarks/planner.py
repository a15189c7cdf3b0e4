"""Benchmark of the planner: seconds and proven gap on seeded fleets of real chips and models.

``python -m tests.benchmarks.planner [--seeds N] [--sizes 20x20,50x40]`` prints one row per size; the figures of record
are in ``RESULTS.md``. A fleet has pools of 2 to 12 nodes of catalog accelerators in six regions at prices ± 20 %;
deployments serve catalog models at lognormal rates, a third of them bound to the EU, some with latency objectives or a
spread over regions. ``--tightness`` is about the part of all chips that the demand needs.
"""

import argparse
import random
import statistics
import time
from dataclasses import dataclass, replace
from datetime import date

from quartermaster.api.v1alpha1 import InferenceDeploymentSpec
from quartermaster.api.v1alpha1.enums import CapacityType
from quartermaster.catalog.catalog import Catalog
from quartermaster.catalog.load import load_catalog
from quartermaster.planner.fit import throughput
from quartermaster.planner.fleet import Demand, Facts, Fleet, Host, Key, Pool, Running, Source, Workload
from quartermaster.planner.plan import Plan
from quartermaster.planner.planning import plan

REGIONS = {
    "europe-west4": frozenset({"NL", "EU", "EEA"}),
    "europe-west3": frozenset({"DE", "EU", "EEA"}),
    "eu-west-1": frozenset({"IE", "EU", "EEA"}),
    "us-central1": frozenset({"US"}),
    "us-east-1": frozenset({"US"}),
    "asia-east1": frozenset({"TW"}),
}
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


@dataclass(frozen=True, slots=True)
class Figures:
    """What one plan took and proved."""

    seconds: float
    again_seconds: float
    """The same fleet with the first plan running."""
    moved: int
    """Replicas that the second plan moved."""
    plan: Plan


def fleet(catalog: Catalog, pools: int, rng: random.Random) -> Fleet:
    """Return a fleet of seeded pools."""
    found = []
    for place in range(pools):
        accelerator = catalog.accelerator(rng.choice(list(CHIPS_BY_ACCELERATOR)))
        chips = CHIPS_BY_ACCELERATOR[accelerator.name]
        region = rng.choice(list(REGIONS))
        nodes = rng.randint(2, 12) * (4 if chips == 1 else 1)
        found.append(
            Pool(
                name=f"pool-{place:03d}",
                cluster="local",
                region=region,
                provider="gcp",
                capacity_type=CapacityType.ON_DEMAND,
                accelerator=accelerator,
                resource_name=accelerator.resource_name or "",
                hosts=tuple(
                    Host(f"n{node:03d}", "abc"[node % 3], chips, chips, chips, is_whole=accelerator.vendor == "Google")
                    for node in range(nodes)
                ),
                dollars_per_chip_hour=round(DOLLARS_BY_ACCELERATOR[accelerator.name] * rng.uniform(0.8, 1.2), 3),
                price_source=Source.DECLARED,
                facts=Facts(jurisdictions=REGIONS[region], jurisdictions_source="the benchmark"),
            )
        )
    return Fleet(tuple(found), date(2026, 11, 21))


def workloads(catalog: Catalog, count: int, rng: random.Random) -> list[Workload]:
    """Return seeded deployments."""
    found = []
    for place in range(count):
        model = catalog.model(rng.choice(MODELS))
        spec: dict[str, object] = {"model": {"name": model.name}}
        if rng.random() < 1 / 3:
            spec["compliance"] = {"residency": {"jurisdictions": ["EU"]}}
        if rng.random() < 1 / 3:
            spec["objectives"] = {"timeToFirstTokenMilliseconds": 2000, "interTokenLatencyMilliseconds": 60}
        if rng.random() < 1 / 5:
            spec["placement"] = {"minRegions": 2}
        spec["priority"] = rng.choice((0, 0, 100))
        tokens = rng.choice(((1155.0, 211.0), (2048.0, 128.0), (500.0, 500.0), (4000.0, 400.0)))
        rate = rng.lognormvariate(1.5, 1.1)
        key = Key("default", f"model-{place:03d}")
        found.append(Workload(key, InferenceDeploymentSpec.model_validate(spec), model, Demand(rate, *tokens)))
    return found


def scaled(fleet: Fleet, deployments: list[Workload], tightness: float) -> list[Workload]:
    """Return the deployments with their rates scaled until the plan needs about this part of all chips."""
    total = sum(pool.available_chips for pool in fleet.pools)
    for _ in range(6):
        made = plan(fleet, deployments)
        used = sum(p.replicas * p.candidate.shape.chips for p in made.placements)
        factor = tightness * total / max(1, used)
        if made.shortfalls:
            factor = min(factor, 0.85)
        if not made.shortfalls and 0.95 < factor < 1.05:
            break
        deployments = [
            replace(w, demand=replace(w.demand, requests_per_second=w.demand.requests_per_second * factor))
            for w in deployments
        ]
    return deployments


def running(deployments: list[Workload], made: Plan) -> list[Workload]:
    """Return the deployments with the plan's replicas running."""
    placed = made.placements_by_key()
    return [
        replace(
            w,
            running=tuple(
                Running(p.candidate.pool, p.candidate.shape.key, p.replicas, p.replicas) for p in placed.get(w.key, ())
            ),
        )
        for w in deployments
    ]


def measure(size: tuple[int, int], *, seed: int, tightness: float) -> Figures:
    """Return the figures of one seeded instance."""
    rng = random.Random(seed)
    catalog = load_catalog()
    pools = fleet(catalog, size[1], rng)
    deployments = scaled(pools, workloads(catalog, size[0], rng), tightness)
    throughput.cache_clear()
    began = time.perf_counter()
    made = plan(pools, deployments)
    seconds = time.perf_counter() - began
    again = running(deployments, made)
    began = time.perf_counter()
    second = plan(pools, again)
    again_seconds = time.perf_counter() - began
    before = {p.candidate.id: p.replicas for p in made.placements}
    moved = sum(max(0, p.replicas - before.get(p.candidate.id, 0)) for p in second.placements)
    return Figures(seconds, again_seconds, moved, made)


def main() -> None:
    """Print a row per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="5x5,20x20,50x40")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tightness", type=float, default=0.8)
    options = parser.parse_args()
    print("deployments x pools | options | s median | s worst | gap % median | worst | s again | moved | short")
    for text in options.sizes.split(","):
        size = tuple(int(part) for part in text.split("x"))
        runs = [measure((size[0], size[1]), seed=s, tightness=options.tightness) for s in range(options.seeds)]
        seconds = [run.seconds for run in runs]
        gaps = [100 * run.plan.gap_fraction for run in runs]
        print(
            f"{text:>19} | {statistics.median(len(r.plan.candidates) for r in runs):7.0f}"
            f" | {statistics.median(seconds):8.2f} | {max(seconds):7.2f}"
            f" | {statistics.median(gaps):12.3f} | {max(gaps):5.3f}"
            f" | {statistics.median(r.again_seconds for r in runs):7.2f} | {sum(r.moved for r in runs):5d}"
            f" | {sum(len(r.plan.shortfalls) for r in runs):5d}",
            flush=True,
        )


if __name__ == "__main__":
    main()
