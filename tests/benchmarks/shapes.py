"""Benchmark of the problem shapes of Mélange and SageServe: ours against their published formulations under CBC.

``python -m tests.benchmarks.shapes [--seeds N]`` prints one row per shape and size: CPU seconds of both sides, medians
and worst over the seeds, their ratio, and how often the optimum is the same. What is solved:

*SageServe.* Every model in every region is an InferenceDeployment, every region and GPU a pool with more nodes than
anybody needs, and `plan` is called as the operator calls it: judging eligibility, solving, packing and explaining are
all in its time. Our changes cost a twelfth of an instance's price for each start and each stop, which are exactly
SageServe's costs with α = 11/12 of the price and σ = 1/6 of it.

*Mélange.* Requests are routed by size there, which our gateways do not: no call of `plan` says that. What is compared
is the solver under the planner, HiGHS, on a form of the same problem without its symmetry.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from quartermaster.api.v1alpha1 import InferenceDeploymentSpec
from quartermaster.api.v1alpha1.enums import CapacityType
from quartermaster.catalog.load import load_catalog
from quartermaster.planner.candidates import candidates
from quartermaster.planner.fleet import Demand, Fleet, Host, Key, Pool, Running, Source, Workload
from quartermaster.planner.plan import Candidate
from quartermaster.planner.planning import plan
from tests.benchmarks.baselines import melange, sageserve

CHANGE_FRACTION = 300 / 3600
GPUS = {"nvidia-h100-sxm": 6.9, "nvidia-a100-sxm-80": 3.4, "nvidia-h200-sxm": 7.9, "nvidia-l40s": 1.9}
SAGESERVE_SIZES = ((20, 6, 3), (40, 6, 3), (60, 8, 4))
"""Models, regions, GPUs."""
MELANGE_SIZES = ((3, 3, 3, 16), (4, 4, 3, 16), (6, 6, 4, 16), (3, 3, 3, 60), (4, 4, 3, 60), (6, 6, 4, 60))
"""Input sizes, output sizes, GPUs, requests per second."""
NODES, CHIPS = 400, 8
SAME = 1e-4
"""Optima this near to each other are the same: the gap to which both sides solve."""


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


def forecast_of(fleet: Fleet, workloads: Sequence[Workload]) -> sageserve.Forecast:
    """Return the same problem in SageServe's words."""
    running = {(w.key, row.pool): row.replicas for w in workloads for row in w.running}
    asked = sageserve.Forecast({}, {}, {}, {}, {})
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


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison, in CPU seconds."""

    ours: float
    theirs: float
    plain: float
    """Theirs without big M; 0 where there is no such form."""
    is_same: bool
    """Whether the optimum is the same, or ours is below what CBC had when it was stopped."""
    is_proven: bool
    """Whether CBC proved its optimum in its time."""


def compare_sageserve(size: tuple[int, ...], seed: int) -> Row:
    """Return the comparison of `plan` with SageServe's formulation."""
    models, regions, gpus = size
    random = np.random.default_rng(seed)
    fleet = fleet_of(regions, gpus, random)
    workloads = workloads_of(fleet, models, random)
    asked = forecast_of(fleet, workloads)
    began = time.process_time()
    made = plan(fleet, workloads)
    ours_seconds = time.process_time() - began
    ours = dict.fromkeys(asked.running, 0)
    for placement in made.placements:
        candidate = placement.candidate
        ours[candidate.workload.name, candidate.region, candidate.pool] += placement.replicas
    theirs = sageserve.solve(asked, with_big_m=True)
    plain = sageserve.solve(asked, with_big_m=False)
    # Both minimise what is there plus what changes; SageServe leaves out what runs already.
    before = sum(asked.alpha[place] * count for place, count in asked.running.items())
    slack = SAME * (before + theirs.objective)
    off = sageserve.cost(asked, ours) - theirs.objective
    is_same = off <= slack and (off >= -slack or not theirs.is_proven) and not made.shortfalls
    return Row(ours_seconds, theirs.seconds, plain.seconds, is_same, theirs.is_proven)


def compare_melange(size: tuple[int, ...], seed: int) -> Row:
    """Return the comparison of the form without symmetry in HiGHS with the published one under CBC."""
    wide, high, gpus, rate = size
    market = melange.market((wide, high), gpus, seed=seed, requests_per_second=float(rate))
    ours, theirs = melange.ours(market), melange.published(market)
    off = ours.dollars_per_hour - theirs.dollars_per_hour
    slack = SAME * theirs.dollars_per_hour
    is_same = off <= slack and (off >= -slack or not theirs.is_proven)
    return Row(ours.seconds, theirs.seconds, 0.0, is_same, theirs.is_proven)


def _line(title: str, size: tuple[int, ...], rows: Sequence[Row]) -> str:
    ratios = [row.theirs / row.ours for row in rows]
    ours, theirs, plain = ([getattr(row, name) for row in rows] for name in ("ours", "theirs", "plain"))
    cells = (
        title,
        " × ".join(map(str, size)),
        f"{statistics.median(ours):.3f}, {max(ours):.3f}",
        f"{statistics.median(theirs):.2f}, {max(theirs):.2f}",
        f"{statistics.median(plain):.2f}",
        f"{statistics.median(ratios):.0f}, {min(ratios):.1f}",
        f"{sum(row.is_same for row in rows)} of {len(rows)}",
        f"{sum(row.is_proven for row in rows)} of {len(rows)}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print a row per shape and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", choices=("sageserve", "melange"))
    given = parser.parse_args()
    for example, wanted in ((melange.EXAMPLE, 6.70), (melange.EARLIER_EXAMPLE, 10.10)):
        bought = melange.published(example)
        print(f"Mélange's example: {bought.gpus}, {bought.dollars_per_hour:.2f} $/h; its authors: {wanted:.2f} $/h")
    compare_sageserve((2, 2, 2), 0)  # what is loaded once is loaded now
    print(
        "| shape | size | ours: median, worst | CBC: median, worst | no big M | ratio: median, least | same | proven |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    shapes: tuple[tuple[str, tuple[tuple[int, ...], ...], Callable[[tuple[int, ...], int], Row]], ...] = (
        ("SageServe", SAGESERVE_SIZES, compare_sageserve),
        ("Mélange", MELANGE_SIZES, compare_melange),
    )
    for title, sizes, compare in shapes:
        for size in sizes if given.only in {None, title.lower().replace("é", "e")} else ():
            print(_line(title, size, [compare(size, seed) for seed in range(given.seeds)]), flush=True)


if __name__ == "__main__":
    main()
