"""SageServe (arXiv 2502.14617): how many instances of each model, region and GPU to start or stop for a forecast.

    min  Σ α_k δ_ijk + Σ σ_ik max(δ_ijk, 0)
    s.t. Σ_k (δ_ijk + n_ijk) θ_ik ≥ forecast_ij        for every model i and region j
         δ_ijk ≥ −n_ijk, δ whole
α is the price of an instance, σ what it wastes while it starts, n what runs, θ what one serves. The published form
models the maximum with a binary and a big M, and is solved by CBC; the other one needs neither, as σ ≥ 0.
"""

from dataclasses import dataclass

import pulp

from tests.benchmarks.baselines.melange import CBC_SECONDS, solve_with_cbc

Place = tuple[str, str, str]
"""Model, region, GPU."""
BIG_M = 10_000


@dataclass(frozen=True, slots=True)
class Forecast:
    """What SageServe is asked. Rates in requests per second, prices in dollars per hour."""

    alpha: dict[Place, float]
    sigma: dict[Place, float]
    theta: dict[Place, float]
    running: dict[Place, int]
    rate_by_model_and_region: dict[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Changes:
    """Instances that are then there, what the changes cost, and the CPU seconds of solving, in whatever process."""

    instances: dict[Place, int]
    objective: float
    seconds: float
    is_proven: bool
    """Whether the solver proved it in its time."""


def cost(asked: Forecast, instances: dict[Place, int]) -> float:
    """Return the objective of having these instances."""
    total = 0.0
    for place, before in asked.running.items():
        delta = instances.get(place, 0) - before
        total += asked.alpha[place] * delta + asked.sigma[place] * max(delta, 0)
    return total


def solve(asked: Forecast, *, with_big_m: bool, limit_seconds: float = CBC_SECONDS) -> Changes:
    """Return the optimum under CBC."""
    problem = pulp.LpProblem("sageserve", pulp.LpMinimize)
    delta, started = {}, {}
    for number, (place, before) in enumerate(asked.running.items()):
        delta[place] = pulp.LpVariable(f"d_{number}", -before, BIG_M, cat="Integer")
        started[place] = pulp.LpVariable(f"s_{number}", 0, BIG_M)
        problem += started[place] >= delta[place]
        if with_big_m:
            is_up = pulp.LpVariable(f"u_{number}", cat="Binary")
            problem += started[place] <= delta[place] + BIG_M * (1 - is_up)
            problem += started[place] <= BIG_M * is_up
    problem.setObjective(
        pulp.lpSum(asked.alpha[place] * delta[place] + asked.sigma[place] * started[place] for place in delta)
    )
    for (model, region), rate in asked.rate_by_model_and_region.items():
        own = [place for place in delta if place[:2] == (model, region)]
        problem += pulp.lpSum((delta[place] + asked.running[place]) * asked.theta[place] for place in own) >= rate
    seconds, is_proven = solve_with_cbc(problem, limit_seconds=limit_seconds)
    instances = {place: asked.running[place] + round(delta[place].value() or 0) for place in delta}
    return Changes(instances, cost(asked, instances), seconds, is_proven)
