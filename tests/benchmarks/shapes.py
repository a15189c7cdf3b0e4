"""Benchmark of the problem shapes of Mélange and SageServe: ours against their published formulations under CBC.

``python -m tests.benchmarks.shapes [--seeds N]`` prints one row per shape and size: CPU seconds of both sides, medians
and worst over the seeds, their ratio, and how often the optimum is the same. Each seed is solved several times by both
sides where that takes little, and its median counts, for one measurement of milliseconds says nothing. What is solved:

*SageServe.* Every model in every region is an InferenceDeployment, every region and GPU a pool with more nodes than
anybody needs, and `plan` is called as the operator calls it: judging eligibility, solving, packing and explaining are
all in its time. What a change costs us is what it costs SageServe.

*Mélange.* Requests are routed by size there, which our gateways do not: no call of `plan` says that. What is compared
is the solver under the planner, HiGHS, on a form of the same problem without its symmetry.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from quartermaster.planner.fleet import Fleet, Workload
from quartermaster.planner.plan import Plan
from quartermaster.planner.planning import plan
from tests.benchmarks.baselines import melange, sageserve
from tests.benchmarks.baselines.forecast import fleet_of, forecast_of, workloads_of

SAGESERVE_SIZES = ((20, 6, 3), (40, 6, 3), (60, 8, 4))
"""Models, regions, GPUs."""
MELANGE_SIZES = ((3, 3, 3, 16), (4, 4, 3, 16), (6, 6, 4, 16), (3, 3, 3, 60), (4, 4, 3, 60), (6, 6, 4, 60))
"""Input sizes, output sizes, GPUs, requests per second."""
REPEATS = 5
"""Most times that either side solves one problem."""
ENOUGH_SECONDS = 3.0
"""Of CPU, after which no side solves the problem again."""
SAME = 1e-4
"""Optima this near to each other are the same: the gap to which both sides solve."""


class Answer(Protocol):
    """What a solver says, and how long it took."""

    @property
    def seconds(self) -> float:
        """CPU seconds."""


Timed = TypeVar("Timed", bound=Answer)
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison, in CPU seconds, medians over the repeats."""

    ours: float
    theirs: float
    plain: float
    """Theirs without big M; 0 where there is no such form."""
    is_same: bool
    """Whether the optimum is the same, or ours is below what CBC had when it was stopped."""
    is_proven: bool
    """Whether CBC proved its optimum in its time."""


def _planned(fleet: Fleet, workloads: Sequence[Workload]) -> tuple[Plan, float]:
    gc.collect()
    began = time.process_time()
    made = plan(fleet, workloads)
    return made, time.process_time() - began


def _timed(found: Timed) -> tuple[Timed, float]:
    return found, found.seconds


def _repeated(solve: Callable[[], tuple[Found, float]]) -> tuple[Found, float]:
    """Return the first answer and the median of the CPU seconds of as many as are worth their time."""
    found, seconds = solve()
    took = [seconds]
    while len(took) < REPEATS and sum(took) < ENOUGH_SECONDS:
        took.append(solve()[1])
    return found, statistics.median(took)


def compare_sageserve(size: tuple[int, ...], seed: int, *, limit_seconds: float = melange.CBC_SECONDS) -> Row:
    """Return the comparison of `plan` with SageServe's formulation."""
    models, regions, gpus = size
    random = np.random.default_rng(seed)
    fleet = fleet_of(regions, gpus, random)
    workloads = workloads_of(fleet, models, random)
    asked = forecast_of(fleet, workloads)
    made, ours_seconds = _repeated(lambda: _planned(fleet, workloads))
    ours = dict.fromkeys(asked.running, 0)
    for placement in made.placements:
        candidate = placement.candidate
        ours[candidate.workload.name, candidate.region, candidate.pool] += placement.replicas
    theirs, theirs_seconds = _repeated(
        lambda: _timed(sageserve.solve(asked, with_big_m=True, limit_seconds=limit_seconds))
    )
    plain, _ = _timed(sageserve.solve(asked, with_big_m=False, limit_seconds=limit_seconds))
    # Both minimise what is there plus what changes; SageServe leaves out what runs already.
    before = sum(asked.alpha[place] * count for place, count in asked.running.items())
    slack = SAME * (before + theirs.objective)
    off = sageserve.cost(asked, ours) - theirs.objective
    is_same = off <= slack and (off >= -slack or not theirs.is_proven) and not made.shortfalls
    return Row(ours_seconds, theirs_seconds, plain.seconds, is_same, theirs.is_proven)


def compare_melange(size: tuple[int, ...], seed: int, *, limit_seconds: float = melange.CBC_SECONDS) -> Row:
    """Return the comparison of the form without symmetry in HiGHS with the published one under CBC."""
    wide, high, gpus, rate = size
    market = melange.market((wide, high), gpus, seed=seed, requests_per_second=float(rate))
    ours, ours_seconds = _repeated(lambda: _timed(melange.ours(market)))
    theirs, theirs_seconds = _repeated(lambda: _timed(melange.published(market, limit_seconds=limit_seconds)))
    off = ours.dollars_per_hour - theirs.dollars_per_hour
    slack = SAME * theirs.dollars_per_hour
    is_same = off <= slack and (off >= -slack or not theirs.is_proven)
    return Row(ours_seconds, theirs_seconds, 0.0, is_same, theirs.is_proven)


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
    parser.add_argument(
        "--cbc-seconds", type=float, default=melange.CBC_SECONDS, help="wall clock; then CBC is stopped"
    )
    parser.add_argument("--only", choices=("sageserve", "melange"))
    given = parser.parse_args()
    for example, wanted in ((melange.EXAMPLE, 6.70), (melange.EARLIER_EXAMPLE, 10.10)):
        bought = melange.published(example)
        print(f"Mélange's example: {bought.gpus}, {bought.dollars_per_hour:.2f} $/h; its authors: {wanted:.2f} $/h")
    # What is loaded once is loaded now.
    compare_sageserve((2, 2, 2), 0)
    compare_melange((2, 2, 2, 4), 0)
    print(
        "| shape | size | ours: median, worst | CBC: median, worst | no big M | ratio: median, least | same | proven |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    shapes: tuple[tuple[str, tuple[tuple[int, ...], ...], Callable[..., Row]], ...] = (
        ("SageServe", SAGESERVE_SIZES, compare_sageserve),
        ("Mélange", MELANGE_SIZES, compare_melange),
    )
    for title, sizes, compare in shapes:
        for size in sizes if given.only in {None, title.lower().replace("é", "e")} else ():
            print(
                _line(
                    title, size, [compare(size, seed, limit_seconds=given.cbc_seconds) for seed in range(given.seeds)]
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
