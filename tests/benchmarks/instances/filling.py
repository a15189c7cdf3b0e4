"""How full drawn demand makes a fleet, by a linear program, and the scale of demand at which it is as full as wanted.

    min  λ
    s.t. Σ_i min(T_i / s d_w, 1) n_i ≥ 1 for every deployment, Σ_i n_i ≥ 2 where two regions or zones must be held,
         Σ_{i in r} T_i n_i ≤ 0.6 Σ_i T_i n_i for every region r where no region may have more than that share,
         Σ_i chips_i n_i ≤ λ C_g for every group of like pools, n ≥ 0
T is what a replica serves, d the demand, s its scale. Pools of one region, chip and node size are one group: whatever
fits into the group at λ fits into each of its pools at λ. Where a replica serves less than the demand, λ grows with s
as the price of that demand says, so Newton's steps find the scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import highspy
import numpy as np

from tests.benchmarks.instances.balance import Group
from tests.benchmarks.instances.deployments import Draft, Spread
from tests.benchmarks.instances.planting import REGION_SHARE
from tests.benchmarks.instances.services import KindKey

ROUNDS = 12
CLOSE = 0.002
"""Scaling ends when λ is at most this far below what was wanted."""
LP_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Ways:
    """Every shape of every deployment in every group that it may use, side by side, by deployment."""

    deployments: np.ndarray
    regions: np.ndarray
    groups: np.ndarray
    chips: np.ndarray
    requests_per_second: np.ndarray


@dataclass(frozen=True, slots=True)
class Filled:
    """A scale with the linear program's answer at it."""

    scale: float
    fullness: float
    """λ."""
    replicas: np.ndarray
    """By way."""
    growth: float
    """Of λ for each unit of scale."""


def ways(drafts: Sequence[Draft], groups: Sequence[Group]) -> Ways:
    """Return the ways of the drafts in these groups."""
    by_kind: dict[KindKey, list[tuple[str, int]]] = {}
    for place, (region, kind) in enumerate(groups):
        by_kind.setdefault(kind, []).append((region, place))
    number_by_region = {region: number for number, region in enumerate(sorted({region for region, _ in groups}))}
    rows = [
        (place, number_by_region[region], group, way.chips, way.requests_per_second)
        for place, draft in enumerate(drafts)
        for kind, shapes in draft.service.ways_by_kind.items()
        if kind[0] in draft.accelerators
        for region, group in by_kind.get(kind, ())
        if region in draft.regions
        for way in shapes
    ]
    deployments, regions, places, chips, rates = (np.array(column) for column in zip(*rows, strict=True))
    return Ways(deployments, regions, places, chips.astype(float), rates.astype(float))


def fill(drafts: Sequence[Draft], usable: Ways, capacity: np.ndarray, *, tightness: float) -> Filled:
    """Return the scale of demand at which λ is the tightness or a little less.

    Raises:
        ValueError: when the fewest replicas of the deployments are too many for the fleet.
    """
    base = np.array([draft.base_requests_per_second for draft in drafts])
    spreads = [draft.spread for draft in drafts]
    low, high, scale = 0.0, np.inf, 1.0
    best: Filled | None = None
    for _ in range(ROUNDS):
        found = _filled(usable, base, spreads, capacity, scale=scale)
        if found.fullness <= tightness:
            low, best = max(low, scale), found
        else:
            high = min(high, scale)
        if best is not None and best.fullness >= tightness - CLOSE:
            break
        step = (tightness - CLOSE / 2 - found.fullness) / found.growth if found.growth > 0 else -scale
        scale = scale + step if low < scale + step < high else (low + high) / 2 if high < np.inf else 2 * scale
    if best is None:
        raise ValueError(
            f"wanted every deployment on at most {tightness:.0%} of the chips, found that its fewest replicas need"
            f" {found.fullness:.0%}: give the fleet more pools, or ask for fewer deployments"
        )
    return best


def _filled(usable: Ways, base: np.ndarray, spreads: Sequence[Spread], capacity: np.ndarray, *, scale: float) -> Filled:
    parts = usable.requests_per_second / (scale * base[usable.deployments])
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for name, value in (("output_flag", False), ("threads", 1), ("random_seed", 0), ("time_limit", LP_SECONDS)):
        solver.setOptionValue(name, value)
    solver.passModel(_model(usable, parts, spreads, capacity))
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        found = solver.getModelStatus()
        raise ValueError(f"wanted the optimum of a linear program, found {found}: draw fewer deployments")
    solution = solver.getSolution()
    replicas, prices = np.array(solution.col_value)[1:], np.array(solution.row_dual)[: len(base)]
    growing = np.bincount(usable.deployments, weights=np.where(parts < 1, parts * replicas, 0.0), minlength=len(base))
    growth = float(prices @ np.minimum(growing, 1.0)) / scale
    return Filled(scale, solver.getInfo().objective_function_value, replicas, growth)


def _model(usable: Ways, parts: np.ndarray, spreads: Sequence[Spread], capacity: np.ndarray) -> highspy.HighsLp:
    """Return the program with a column for λ and each way, and rows of deployments, groups, pairs and shares."""
    columns = np.arange(len(parts)) + 1
    groups = np.arange(len(capacity))
    paired = np.array([spread is not Spread.NONE for spread in spreads])
    pair_rows = np.cumsum(paired) - 1
    has_pair = paired[usable.deployments]
    deployments, pairs = len(spreads), int(paired.sum())
    shares = _region_shares(usable, parts, spreads)
    first_pair, first_share = deployments + len(capacity), deployments + len(capacity) + pairs
    rows = np.concatenate(
        (
            usable.deployments,
            deployments + groups,
            deployments + usable.groups,
            first_pair + pair_rows[usable.deployments[has_pair]],
            *(np.full(len(ways_of), first_share + place) for place, (ways_of, _) in enumerate(shares)),
        )
    )
    where = np.concatenate(
        (columns, np.zeros(len(groups)), columns, columns[has_pair], *(columns[own] for own, _ in shares))
    )
    values = np.concatenate(
        (np.minimum(parts, 1.0), -capacity, usable.chips, np.ones(int(has_pair.sum())), *(terms for _, terms in shares))
    )
    order = np.lexsort((rows, where))
    no_less, no_more = -highspy.kHighsInf, highspy.kHighsInf
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(parts) + 1, first_share + len(shares)
    model.col_cost_ = np.concatenate(([1.0], np.zeros(len(parts))))
    model.col_lower_, model.col_upper_ = np.zeros(len(parts) + 1), np.full(len(parts) + 1, no_more)
    lows, highs = (1.0, no_less, 2.0, no_less), (no_more, 0.0, no_more, 0.0)
    sizes = (deployments, len(capacity), pairs, len(shares))
    model.row_lower_, model.row_upper_ = np.repeat(lows, sizes), np.repeat(highs, sizes)
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = np.searchsorted(where[order], np.arange(len(parts) + 2))
    model.a_matrix_.index_, model.a_matrix_.value_ = rows[order].astype(np.int32), values[order]
    return model


def _region_shares(usable: Ways, parts: np.ndarray, spreads: Sequence[Spread]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the ways and terms of each row that keeps a region of a deployment to its share."""
    ends = np.searchsorted(usable.deployments, np.arange(len(spreads) + 1))
    found = []
    for place, spread in enumerate(spreads):
        if spread is Spread.SHARE:
            own = np.arange(ends[place], ends[place + 1])
            for region in np.unique(usable.regions[own]):
                terms = parts[own] * (np.where(usable.regions[own] == region, 1.0, 0.0) - REGION_SHARE)
                found.append((own, terms))
    return found
