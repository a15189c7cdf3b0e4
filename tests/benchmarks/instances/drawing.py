"""Demand that was drawn and then scaled to the fleet by a linear program: nothing is planted, and nothing is promised.

    min  λ
    s.t. Σ_i min(T_i / s d_w, 1) n_i ≥ 1 for every deployment, Σ_i n_i ≥ 2 where two regions or zones must be held,
         Σ_i chips_i n_i ≤ λ C_g for every group of like pools, n ≥ 0
The demands d are scaled by the largest s for which λ is at most the tightness. Pools of one region, chip and node size
are one group: whatever fits into the group at λ fits into each of its pools at λ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quartermaster.planner.fleet import Pool
from tests.benchmarks.baselines.milp import INFINITY, Minimum, Rows, minimise
from tests.benchmarks.instances.balance import Group
from tests.benchmarks.instances.deployments import Draft, Spread
from tests.benchmarks.instances.packing import Chips
from tests.benchmarks.instances.planting import Planted, seat
from tests.benchmarks.instances.services import KindKey, kind_of

ROUNDS = 6
CLOSE = 0.002
"""Scaling ends when λ is at most this far below the tightness."""
LP_SECONDS = 600.0
MOST_GROWTH_FRACTION = 0.3
"""Of the demand of a deployment that runs, up to this part came after its replicas were placed."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What deployments ask for."""

    demands: list[Planted]
    """With seats for those that run already, and for nobody else."""
    dollars: list[float]
    """Dollars per hour for each demand, at the middling price of the replicas that could serve it."""
    needed_fraction: float
    """λ."""


@dataclass(frozen=True, slots=True)
class Ways:
    """Every shape of every deployment in every group that it may use, side by side."""

    deployments: np.ndarray
    groups: np.ndarray
    chips: np.ndarray
    requests_per_second: np.ndarray
    dollars_per_hour: np.ndarray


def draw(
    drafts: Sequence[Draft],
    pools: Sequence[Pool],
    *,
    tightness: float,
    running_fraction: float,
    random: np.random.Generator,
) -> Drawn:
    """Return the demand of every deployment, for the largest scale that the tightness lets be."""
    chips = Chips(pools)
    groups = sorted(chips.available_by_group)
    capacity = np.array([max(1, chips.available_by_group[group]) for group in groups], dtype=float)
    ways = _ways(drafts, groups, _prices(pools))
    scale, found = _scaled(drafts, ways, capacity, tightness)
    used = np.zeros((len(drafts), len(groups)))
    np.add.at(used, (ways.deployments, ways.groups), np.array(found.values[1:]) * ways.chips)
    drawn = []
    for place, draft in enumerate(drafts):
        wanted = scale * draft.base_requests_per_second
        into = Planted()
        if random.random() < running_fraction:
            own = set(ways.groups[slice(*np.searchsorted(ways.deployments, (place, place + 1)))])
            # As the linear program would have it, but whole, and for the demand of an earlier day.
            order = [groups[g] for g in np.argsort(-used[place], kind="stable") if g in own]
            seat(draft, order, chips, wanted=wanted * (1 - MOST_GROWTH_FRACTION * random.random()), into=into)
        drawn.append(Planted(into.seats, wanted, draft.spread))
    return Drawn(drawn, _dollars(drawn, ways), found.objective)


def _prices(pools: Sequence[Pool]) -> dict[Group, float]:
    """Return dollars per chip and hour of each group, the mean of its pools."""
    found: dict[Group, list[float]] = {}
    for pool in pools:
        if pool.external is None:
            found.setdefault((pool.region, kind_of(pool)), []).append(pool.dollars_per_chip_hour or 0.0)
    return {group: sum(prices) / len(prices) for group, prices in found.items()}


def _dollars(demands: Sequence[Planted], ways: Ways) -> list[float]:
    dollars_per_request = ways.dollars_per_hour / ways.requests_per_second
    starts = np.searchsorted(ways.deployments, np.arange(len(demands) + 1))
    return [
        demand.requests_per_second * float(np.median(dollars_per_request[start:end]))
        for demand, start, end in zip(demands, starts[:-1], starts[1:], strict=True)
    ]


def _ways(drafts: Sequence[Draft], groups: Sequence[Group], price_by_group: Mapping[Group, float]) -> Ways:
    by_kind: dict[KindKey, list[tuple[str, int]]] = {}
    for place, (region, kind) in enumerate(groups):
        by_kind.setdefault(kind, []).append((region, place))
    rows = [
        (place, group, way.chips, way.requests_per_second, way.chips * price_by_group[region, kind])
        for place, draft in enumerate(drafts)
        for kind, ways in draft.service.ways_by_kind.items()
        if kind[0] in draft.accelerators
        for region, group in by_kind.get(kind, ())
        if region in draft.regions
        for way in ways
    ]
    deployments, places, chips, rates, dollars = (np.array(column) for column in zip(*rows, strict=True))
    return Ways(deployments, places, chips.astype(float), rates.astype(float), dollars.astype(float))


def _scaled(drafts: Sequence[Draft], ways: Ways, capacity: np.ndarray, tightness: float) -> tuple[float, Minimum]:
    """Return the scale with the linear program's answer at it."""
    base = np.array([draft.base_requests_per_second for draft in drafts])
    is_spread = np.array([draft.spread is not Spread.NONE for draft in drafts])
    # Less demand than this and every deployment is its fewest replicas: the least that this fleet can be asked.
    scale = tightness / _fullness(ways, base, is_spread, capacity, scale=1.0).objective
    best: tuple[float, Minimum] | None = None
    high = np.inf
    for _ in range(ROUNDS):
        found = _fullness(ways, base, is_spread, capacity, scale=scale)
        if found.objective <= tightness:
            best = (scale, found) if best is None or scale > best[0] else best
        else:
            high = min(high, scale)
        if best is not None and best[1].objective > tightness - CLOSE:
            break
        # λ grows more slowly than the scale, because of the deployments that need only their fewest replicas.
        guess = scale * (tightness - CLOSE / 2) / found.objective
        scale = guess if guess < high else (high + (best[0] if best else 0.0)) / 2
    if best is None:
        raise ValueError(
            f"wanted every deployment on at most {tightness:.0%} of the chips, found that its fewest replicas need"
            f" {found.objective:.0%}: give the fleet more pools, or ask for fewer deployments"
        )
    return best


def _fullness(ways: Ways, base: np.ndarray, is_spread: np.ndarray, capacity: np.ndarray, *, scale: float) -> Minimum:
    shares = np.minimum(1.0, ways.requests_per_second / (scale * base[ways.deployments]))
    rows = Rows()
    fullness = rows.variable(1.0, INFINITY)
    for _ in range(len(shares)):
        rows.variable(0.0, INFINITY)
    by_deployment: list[list[tuple[int, float]]] = [[] for _ in base]
    by_group: list[list[tuple[int, float]]] = [[(fullness, -float(chips))] for chips in capacity]
    for place in range(len(shares)):
        by_deployment[ways.deployments[place]].append((place + 1, float(shares[place])))
        by_group[ways.groups[place]].append((place + 1, float(ways.chips[place])))
    for terms, two in zip(by_deployment, is_spread, strict=True):
        rows.row(terms, low=1.0)
        if two:
            rows.row([(place, 1.0) for place, _ in terms], low=2.0)
    for terms in by_group:
        rows.row(terms, high=0.0)
    return minimise(rows, seconds=LP_SECONDS, gap_fraction=0.0)
