"""Mélange (arXiv 2404.14527): GPUs for one model whose requests, by size, each go to one type of GPU. No stock.

    min  Σ_j c_j y_j
    s.t. Σ_j x_ij = 1                        every slice i of the requests is served
         Σ_i x_ij r_i / T_(bucket of i, j) ≤ y_j
         x ∈ {0, 1}, y whole
Slices are the request-size buckets, each cut into ``slice_factor`` equal parts. The published form is solved by CBC.
The other form counts the slices of a bucket that go to a GPU: the same optimum without its symmetry.
"""

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pulp

from tests.benchmarks.baselines.milp import Rows, minimise

MOST_GPUS = 1_000_000
CBC_SECONDS = 60.0
"""After this CBC is stopped; what it has then is compared."""


@dataclass(frozen=True, slots=True)
class Market:
    """What Mélange is asked: GPUs with prices and speeds, and requests by size."""

    dollars_by_gpu: dict[str, float]
    requests_per_second_by_gpu: dict[str, tuple[float, ...]]
    """By bucket; 0 where the GPU cannot serve it."""
    shares: tuple[float, ...]
    """Part of the requests in each bucket; empty buckets are 0."""
    requests_per_second: float
    slice_factor: int = 4


@dataclass(frozen=True, slots=True)
class Bought:
    """GPUs by type, what they cost, and the CPU seconds of solving, in whatever process."""

    gpus: dict[str, int]
    dollars_per_hour: float
    seconds: float
    is_proven: bool = True
    """Whether the solver proved it in its time."""


EXAMPLE = Market(
    {"A10G": 1.01, "A100-80GB": 3.67},
    {"A10G": (2.0, 1.0, 5.0, 2.0), "A100-80GB": (20.0, 20.0, 40.0, 20.0)},
    (0.2, 0.1, 0.5, 0.2),
    30.0,
    1,
)
"""The example of the released code, for which its authors print three A10G and one A100 at 6.70 dollars."""
EARLIER_EXAMPLE = Market(
    {"A10G": 1.01, "A100": 3.67},
    {"A10G": (5.0, 1.0, 10.0, 5.0), "A100": (20.0, 2.0, 50.0, 20.0)},
    (0.25, 0.5, 0.25, 0.25),
    16.0,
    1,
)
"""That of its first release, for which they print ten A10G at 10.10 dollars."""


def published(market: Market, *, limit_seconds: float = CBC_SECONDS) -> Bought:
    """Return what the published form buys, under CBC."""
    names = list(market.dollars_by_gpu)
    slices = [
        (b, s / market.slice_factor) for b, s in enumerate(market.shares) if s for _ in range(market.slice_factor)
    ]
    problem = pulp.LpProblem("melange", pulp.LpMinimize)
    bought = {name: pulp.LpVariable(f"y_{j}", 0, cat="Integer") for j, name in enumerate(names)}
    goes = {
        (i, name): pulp.LpVariable(f"x_{i}_{j}", cat="Binary")
        for i in range(len(slices))
        for j, name in enumerate(names)
    }
    problem += pulp.lpSum(market.dollars_by_gpu[name] * bought[name] for name in names)
    for i, (bucket, _) in enumerate(slices):
        problem += pulp.lpSum(goes[i, name] for name in names) == 1
        for name in names:
            if not market.requests_per_second_by_gpu[name][bucket]:
                problem += goes[i, name] == 0
    for name in names:
        speeds = market.requests_per_second_by_gpu[name]
        problem += (
            pulp.lpSum(
                goes[i, name] * (share * market.requests_per_second / speeds[bucket])
                for i, (bucket, share) in enumerate(slices)
                if speeds[bucket]
            )
            <= bought[name]
        )
    seconds, is_proven = solve_with_cbc(problem, limit_seconds=limit_seconds)
    gpus = {name: round(bought[name].value() or 0) for name in names}
    return Bought(gpus, float(pulp.value(problem.objective)), seconds, is_proven)


def ours(market: Market) -> Bought:
    """Return the same optimum under HiGHS.

    The slices of one bucket are alike, so whole numbers of them go to each GPU: Σ_j n_bj = slice factor. Where slices
    could be divided the optimum is found at once; when whole slices fit on the GPUs that it buys, it is the optimum.
    """
    began = time.process_time()
    divisible = _counted(market, is_divisible=True, most=None)
    for attempt in (divisible.gpus if divisible else None, None):
        whole = _counted(market, is_divisible=False, most=attempt)
        if whole is not None:
            return replace(whole, seconds=time.process_time() - began)
    raise RuntimeError("wanted some GPU for every bucket, found a bucket that none can serve")


def _counted(market: Market, *, is_divisible: bool, most: dict[str, int] | None) -> Bought | None:
    names = list(market.dollars_by_gpu)
    rows = Rows()
    limits = dict.fromkeys(names, MOST_GPUS) if most is None else most
    bought = {n: rows.variable(market.dollars_by_gpu[n], float(limits[n]), is_integer=True) for n in names}
    loads: dict[str, list[tuple[int, float]]] = {name: [(bought[name], -1.0)] for name in names}
    for bucket, share in enumerate(market.shares):
        parts = []
        for name in names:
            speed = market.requests_per_second_by_gpu[name][bucket]
            if share and speed:
                part = rows.variable(0.0, float(market.slice_factor), is_integer=not is_divisible)
                parts.append((part, 1.0))
                loads[name].append((part, share / market.slice_factor * market.requests_per_second / speed))
        if share:
            rows.row(parts, low=float(market.slice_factor), high=float(market.slice_factor))
    for terms in loads.values():
        rows.row(terms, high=0.0)
    found = minimise(rows, seconds=CBC_SECONDS, gap_fraction=0.0)
    if not found.values:
        return None
    gpus = {name: round(found.values[bought[name]]) for name in names}
    return Bought(gpus, found.objective, 0.0, found.is_optimal)


def solve_with_cbc(problem: pulp.LpProblem, *, limit_seconds: float = CBC_SECONDS) -> tuple[float, bool]:
    """Solve as the published code does; return CPU seconds, those of CBC's process included, and whether it proved it.

    Raises:
        RuntimeError: when CBC found no solution in the time.
    """
    began = _cpu_seconds()
    problem.solve(pulp.PULP_CBC_CMD(msg=False, threads=1, timeLimit=limit_seconds))
    if problem.sol_status not in {pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible}:
        raise RuntimeError(f"wanted a solution from CBC, found {pulp.LpStatus[problem.status]}: give it more time")
    return _cpu_seconds() - began, problem.sol_status == pulp.LpSolutionOptimal


def _cpu_seconds() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def market(buckets: Sequence[int], gpus: int, *, seed: int, requests_per_second: float) -> Market:
    """Return a seeded market: input and output sizes in a grid, dearer GPUs faster, most so on large requests."""
    random = np.random.default_rng(seed)
    wide, high = buckets
    sizes = np.array([[2.0**i + 2.0 ** (j + 1) for j in range(high)] for i in range(wide)]).ravel()
    weights = random.lognormal(0.0, 1.0, sizes.size) / sizes**0.3
    dollars, speeds = {}, {}
    for place in range(gpus):
        name = f"gpu-{place}"
        price = round(0.7 * 1.9**place * float(random.uniform(0.85, 1.15)), 2)
        power = 1.25 + 0.05 * place
        per_dollar = 8.0 * float(random.uniform(0.85, 1.15)) / sizes ** (power - 0.06 * place * power)
        dollars[name] = price
        speeds[name] = tuple(float(x) for x in price * per_dollar * random.uniform(0.9, 1.1, sizes.size))
    shares = tuple(float(x) for x in weights / weights.sum())
    return Market(dollars, speeds, shares, requests_per_second)
