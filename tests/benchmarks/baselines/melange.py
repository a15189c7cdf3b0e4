"""Mélange (arXiv 2404.14527): GPUs for one model whose requests, by size, each go to one type of GPU. No stock.

    min  Σ_j c_j y_j
    s.t. Σ_j x_ij = 1                        every slice i of the requests is served
         Σ_i x_ij r_i / T_(bucket of i, j) ≤ y_j
         x ∈ {0, 1}, y whole
Slices are the request-size buckets, each cut into ``slice_factor`` equal parts. The published form is solved by CBC. In
the other form x is a fraction: a router may split a slice, slices of one bucket fall together, and only the few y stay
whole, so it can cost less, never more.
"""

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pulp

from tests.benchmarks.baselines.milp import Rows, minimise


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


def published(market: Market) -> Bought:
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
    seconds = solve_with_cbc(problem)
    gpus = {name: round(bought[name].value() or 0) for name in names}
    return Bought(gpus, float(pulp.value(problem.objective)), seconds)


def divisible(market: Market) -> Bought:
    """Return what the form with divisible slices buys, under HiGHS."""
    began = time.process_time()
    names = list(market.dollars_by_gpu)
    rows = Rows()
    bought = {name: rows.variable(market.dollars_by_gpu[name], 1e6, is_integer=True) for name in names}
    loads: dict[str, list[tuple[int, float]]] = {name: [(bought[name], -1.0)] for name in names}
    for bucket, share in enumerate(market.shares):
        parts = []
        for name in names:
            speed = market.requests_per_second_by_gpu[name][bucket]
            if share and speed:
                part = rows.variable(0.0, 1.0)
                parts.append((part, 1.0))
                loads[name].append((part, share * market.requests_per_second / speed))
        if share:
            rows.row(parts, low=1.0, high=1.0)
    for terms in loads.values():
        rows.row(terms, high=0.0)
    values = minimise(rows, seconds=600.0, gap_fraction=0.0).values
    gpus = {name: round(values[bought[name]]) for name in names}
    dollars = float(np.dot(rows.cost, values))
    return Bought(gpus, dollars, time.process_time() - began)


def solve_with_cbc(problem: pulp.LpProblem, *, limit_seconds: float = 600.0) -> float:
    """Solve to optimality, as the published code does; return the CPU seconds, CBC's own process included."""
    began = _cpu_seconds()
    problem.solve(pulp.PULP_CBC_CMD(msg=False, threads=1, timeLimit=limit_seconds))
    if pulp.LpStatus[problem.status] != "Optimal":
        raise RuntimeError(f"wanted an optimum from CBC, found {pulp.LpStatus[problem.status]}")
    return _cpu_seconds() - began


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
