"""Correcting coefficients by a few measured points, with the physics as the prior. Formulas only; reads no metrics.

Formulas: a time is a sum of parts (see ``coefficients`` and ``steady``), each of which may be wrong by a factor of its
own, and all of them by a common one:
    log time = c + log Σ_i part_i · exp(θ_i),   θ_i ~ N(0, PART²),   c ~ N(0, COMMON²),   residual ~ N(0, NOISE²)
The most likely θ and c are found by Gauss-Newton (least squares in the logarithm; residuals beyond three NOISE count
little). First the time per token, then the time to first token with the corrected steps. One point moves the parts that
it depends on most; what no point tells keeps the physics.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from quartermaster.planner.fleet import Source
from quartermaster.planner.throughput.coefficients import Coefficients
from quartermaster.planner.throughput.efficiency import Uncertainty
from quartermaster.planner.throughput.fit import Timing
from quartermaster.planner.throughput.steady import Point, first_token_parts, running_of

__all__ = ["Calibrated", "Correction", "Point", "calibrated", "corrected", "correction"]

_STEP_PARTS = (
    ("alpha_seconds",),
    ("expert_seconds",),
    ("gamma_seconds_per_token",),
    ("beta_seconds_per_token", "attention_seconds_per_token"),
    ("sequence_seconds",),
)
_FIRST_PARTS = (
    "request_seconds",
    "step_factor",
    "weights_factor",
    "prompt_factor",
    "crowd_seconds",
    "wave_factor",
    "queue_factor",
    "cache_wait_factor",
)
"""In the order of ``steady.first_token_parts``."""
_ROUNDS = 30
_LARGEST_STEP = 0.7
_SMALLEST_STEP = 1e-6
_OUTLIER_NOISES = 3.0
_FURTHEST = 2.0
"""Logarithm of the largest factor: what is further off was not this replica, or not this kind of work."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Beliefs:
    """Standard deviations of logarithms."""

    part: float
    common: float
    noise: float


# Chosen on the public table: the least error on the other points of a group after its first three.
_STEP_BELIEFS = _Beliefs(part=0.4, common=0.2, noise=0.05)
_FIRST_BELIEFS = _Beliefs(part=1.0, common=0.2, noise=0.05)


@dataclass(frozen=True, slots=True)
class Correction:
    """What points told of a replica, as factors: they hold at every mix, while coefficients may change with it."""

    factors: tuple[tuple[str, float], ...]
    """Names of coefficients, and what they are multiplied by."""
    uncertainty: Uncertainty
    """Of corrected predictions near the points; never above what it was before."""
    points: int
    """Points that told something."""

    def of(self, prior: Coefficients) -> Coefficients:
        """Return coefficients of the physics, corrected."""
        return replace(prior, **{name: getattr(prior, name) * factor for name, factor in self.factors})


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Coefficients after points were seen."""

    coefficients: Coefficients
    uncertainty: Uncertainty
    points: int
    """Points that told something."""


def correction(
    priors: Sequence[Coefficients], points: Sequence[Point], *, uncertainty: Uncertainty, kv_tokens: float = inf
) -> Correction:
    """Return the factors that are most likely after the points.

    Args:
        priors: the coefficients of the physics at the mix of each point.
        points: measured operations; a time that is None tells nothing. Any number, also none.
        uncertainty: of the priors.
        kv_tokens: tokens that the replica's cache holds; requests beyond wait.
    """
    found: dict[str, float] = {}
    itl_error, ttft_error = uncertainty.inter_token_latency_fraction, uncertainty.time_to_first_token_fraction
    paired = list(zip(priors, points, strict=True))
    stepped = [(prior, point) for prior, point in paired if point.time_per_output_token_seconds is not None]
    if stepped:
        seconds = [point.time_per_output_token_seconds for _, point in stepped]
        parts = np.array([_step_parts(prior, point, kv_tokens) for prior, point in stepped])
        factors, error = _most_likely(parts, np.array(seconds, dtype=np.float64), _STEP_BELIEFS)
        found |= {name: by for names, by in zip(_STEP_PARTS, factors.tolist(), strict=True) for name in names}
        itl_error = min(itl_error, error)
    first = [(prior, point) for prior, point in paired if point.time_to_first_token_seconds is not None]
    if first:
        seconds = [point.time_to_first_token_seconds for _, point in first]
        so_far = Correction(tuple(found.items()), uncertainty, 0)
        steps = [so_far.of(prior) for prior, _ in first]
        timed = first_token_parts(steps, [point for _, point in first], [kv_tokens] * len(first)).seconds
        factors, error = _most_likely(timed, np.array(seconds, dtype=np.float64), _FIRST_BELIEFS)
        found |= dict(zip(_FIRST_PARTS, factors.tolist(), strict=True))
        ttft_error = min(ttft_error, error)
    told = sum(any(point is known for _, known in (*stepped, *first)) for point in points)
    return Correction(tuple(found.items()), Uncertainty(ttft_error, itl_error), told)


def calibrated(
    prior: Coefficients, points: Sequence[Point], *, uncertainty: Uncertainty, kv_tokens: float = inf
) -> Calibrated:
    """Return the coefficients that are most likely after points of one mix; see ``correction``."""
    found = correction([prior] * len(points), points, uncertainty=uncertainty, kv_tokens=kv_tokens)
    return Calibrated(found.of(prior), found.uncertainty, found.points)


def corrected(known: Timing, points: Sequence[Point], *, uncertainty: Uncertainty) -> Timing:
    """Return how a replica runs after its points were seen; it counts as measured when they told anything."""
    result = calibrated(known.coefficients, points, uncertainty=uncertainty, kv_tokens=known.kv_capacity_tokens)
    source = Source.MEASURED if result.points else known.source
    return replace(known, coefficients=result.coefficients, source=source)


def _step_parts(prior: Coefficients, point: Point, kv_tokens: float) -> tuple[float, ...]:
    """Return the parts of the time per token."""
    batch = running_of(point, kv_tokens)
    inputs, outputs = point.input_tokens, point.output_tokens
    seconds = (
        prior.alpha_seconds,
        prior.expert_seconds * (1.0 - (1.0 - prior.active_fraction) ** (batch / prior.stages)),
        prior.gamma_seconds_per_token * (batch + 1) * (inputs + outputs / 2),
        prior.beta_seconds_per_token * (batch * (inputs + outputs) / (outputs + 1) + 1)
        + prior.attention_seconds_per_token * batch * inputs / (outputs + 1),
        prior.sequence_seconds * batch,
    )
    return tuple(each / prior.tokens_per_step for each in seconds)


def _most_likely(parts: Floats, seconds: Floats, beliefs: _Beliefs) -> tuple[Floats, float]:
    """Return the factor of each part, and the standard deviation of the logarithm of a prediction near the points."""
    count = parts.shape[1]
    precision = np.diag([beliefs.part**-2] * count + [beliefs.common**-2])
    theta = np.zeros(count + 1)
    for _ in range(_ROUNDS):
        scaled = parts * np.exp(theta[:count])
        total = scaled.sum(axis=1)
        residual = np.log(seconds / total) - theta[count]
        slope = np.concatenate((scaled / total[:, None], np.ones((len(seconds), 1))), axis=1)
        weight = 1 / (1 + (residual / (_OUTLIER_NOISES * beliefs.noise)) ** 2) / beliefs.noise**2
        curvature = slope.T @ (slope * weight[:, None]) + precision
        step = np.linalg.solve(curvature, slope.T @ (weight * residual) - precision @ theta)
        theta = np.clip(theta + np.clip(step, -_LARGEST_STEP, _LARGEST_STEP), -_FURTHEST, _FURTHEST)
        if np.abs(step).max() < _SMALLEST_STEP:
            break
    spread = np.einsum("ij,jk,ik->i", slope, np.linalg.inv(curvature), slope)
    error = float(np.sqrt(np.mean(spread) + beliefs.noise**2))
    return np.exp(theta[:count] + theta[count]), error
