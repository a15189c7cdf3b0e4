"""How full drawn demand makes a fleet, by a linear program, and the scale of demand at which it is as full as wanted.

    min  λ
    s.t. Σ_i min(T_i / s d_w, 1) n_i ≥ 1 for every deployment, Σ_i n_i ≥ 2 where two regions or zones must be held,
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
from tests.benchmarks.instances.services import KindKey

ROUNDS = 12
CLOSE = 0.002
"""Scaling ends when λ is at most this far below what was wanted."""
LP_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Ways:
    """Every shape of every deployment in every group that it may use, side by side, by deployment."""

    deployments: np.ndarray
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
    rows = [
        (place, group, way.chips, way.requests_per_second)
        for place, draft in enumerate(drafts)
        for kind, shapes in draft.service.ways_by_kind.items()
        if kind[0] in draft.accelerators
        for region, group in by_kind.get(kind, ())
        if region in draft.regions
        for way in shapes
    ]
    deployments, places, chips, rates = (np.array(column) for column in zip(*rows, strict=True))
    return Ways(deployments, places, chips.astype(float), rates.astype(float))


def fill(drafts: Sequence[Draft], usable: Ways, capacity: np.ndarray, *, tightness: float) -> Filled:
    """Return the scale of demand at which λ is the tightness or a little less.

    Raises:
        ValueError: when the fewest replicas of the deployments are too many for the fleet.
    """
    base = np.array([draft.base_requests_per_second for draft in drafts])
    is_spread = np.array([draft.spread is not Spread.NONE for draft in drafts])
    low, high, scale = 0.0, np.inf, 1.0
    best: Filled | None = None
    for _ in range(ROUNDS):
        found = _filled(usable, base, is_spread, capacity, scale=scale)
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


def _filled(usable: Ways, base: np.ndarray, is_spread: np.ndarray, capacity: np.ndarray, *, scale: float) -> Filled:
    parts = usable.requests_per_second / (scale * base[usable.deployments])
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for name, value in (("output_flag", False), ("threads", 1), ("random_seed", 0), ("time_limit", LP_SECONDS)):
        solver.setOptionValue(name, value)
    solver.passModel(_model(usable, np.minimum(parts, 1.0), is_spread, capacity))
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise ValueError(
            f"wanted the optimum of a linear program, found {solver.getModelStatus()}: draw fewer deployments"
        )
    solution = solver.getSolution()
    replicas, prices = np.array(solution.col_value)[1:], np.array(solution.row_dual)[: len(base)]
    growing = np.bincount(usable.deployments, weights=np.where(parts < 1, parts * replicas, 0.0), minlength=len(base))
    growth = float(prices @ np.minimum(growing, 1.0)) / scale
    return Filled(scale, solver.getInfo().objective_function_value, replicas, growth)


def _model(usable: Ways, shares: np.ndarray, is_spread: np.ndarray, capacity: np.ndarray) -> highspy.HighsLp:
    """Return the program, column by column: λ, then the ways; rows of deployments, of spread, of groups."""
    deployments, groups, spread = len(is_spread), len(capacity), int(is_spread.sum())
    has_two = is_spread[usable.deployments]
    starts = np.concatenate(([0, groups], groups + np.cumsum(2 + has_two)))
    rows, values = np.zeros(starts[-1], dtype=np.int32), np.zeros(starts[-1])
    rows[:groups], values[:groups] = deployments + spread + np.arange(groups), -capacity
    first = starts[1:-1]
    rows[first], values[first] = usable.deployments, shares
    rows[first + 1], values[first + 1] = deployments + spread + usable.groups, usable.chips
    third = first[has_two] + 2
    rows[third], values[third] = deployments + (np.cumsum(is_spread) - 1)[usable.deployments[has_two]], 1.0
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(shares) + 1, deployments + spread + groups
    model.col_cost_ = np.concatenate(([1.0], np.zeros(len(shares))))
    model.col_lower_, model.col_upper_ = np.zeros(len(shares) + 1), np.full(len(shares) + 1, highspy.kHighsInf)
    model.row_lower_ = np.concatenate((np.ones(deployments), np.full(spread, 2.0), np.full(groups, -highspy.kHighsInf)))
    model.row_upper_ = np.concatenate((np.full(deployments + spread, highspy.kHighsInf), np.zeros(groups)))
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = starts, rows, values
    return model
