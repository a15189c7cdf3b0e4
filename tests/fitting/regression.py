"""Sums of positive terms fitted in the logarithm: robust, with ridge towards the physics. Plain numpy; no data here.

Model: log y = log Σ_t x_t · exp(θ_t + Σ_g m_g · θ_(g,t)), where x_t are seconds at the datasheet's speed and m_g says
whether a row belongs to group g (an engine, a chip family). Gauss-Newton on Huber's loss, and a ridge that pulls θ_t to
its prior and θ_(g,t) to 0.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HUBER_FRACTION = 0.15
_ROUNDS = 60
_LARGEST_STEP = 0.5
_SMALLEST_STEP = 1e-4
_SMALLEST_DAMPING = 1e-3
_ENOUGH = 1e-7

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ridge:
    """How strongly parameters are held."""

    base: float
    group: float
    huber_fraction: float = HUBER_FRACTION


def fitted(terms: Floats, members: Floats, seconds: Floats, *, prior: Floats, weights: Floats, ridge: Ridge) -> Floats:
    """Return θ, groups (the base first) × terms.

    Args:
        terms: rows × terms, seconds at the datasheet's speed.
        members: rows × groups, 1 where the row belongs to the group.
        seconds: what was measured.
        prior: the factors of the base before any measurement.
        weights: of the rows.
        ridge: how strongly parameters are held.
    """
    design = np.concatenate((np.ones((len(seconds), 1)), members), axis=1)
    groups, count = design.shape[1], terms.shape[1]
    start = np.zeros((groups, count))
    start[0] = np.log(prior)
    held = np.full((groups, count), ridge.group)
    held[0] = ridge.base
    theta, step, damping = start, np.zeros_like(start), 1.0
    best, best_loss = theta, np.inf
    for _ in range(_ROUNDS):
        loss, curvature, slope = _slopes(theta, terms, design, np.log(seconds), weights, (held, start), ridge)
        if loss < best_loss:
            is_done = best_loss - loss < _ENOUGH * abs(loss)
            best, best_loss, damping = theta, loss, min(1.0, damping * 2)
            step = np.clip(np.linalg.solve(curvature, slope), -_LARGEST_STEP, _LARGEST_STEP).reshape(groups, count)
        else:
            is_done = damping < _SMALLEST_DAMPING
            damping /= 2
        if is_done or np.abs(step).max() < _SMALLEST_STEP:
            break
        theta = best + damping * step
    return best


def _slopes(  # noqa: PLR0913, PLR0917 - the inside of the loop above
    theta: Floats,
    terms: Floats,
    design: Floats,
    target: Floats,
    weights: Floats,
    held_to: tuple[Floats, Floats],
    ridge: Ridge,
) -> tuple[float, Floats, Floats]:
    """Return the loss at θ, its curvature (Gauss-Newton) and its downward slope."""
    held, start = held_to
    parts = terms * np.exp(design @ theta)
    total = parts.sum(axis=1)
    residual = target - np.log(total)
    size, delta = np.abs(residual), ridge.huber_fraction
    huber = np.where(size < delta, size**2 / 2, delta * (size - delta / 2))
    loss = float((weights * huber).sum() + (held * (theta - start) ** 2).sum() / 2)
    robust = weights * np.minimum(1.0, delta / np.maximum(size, 1e-12))
    jacobian = (design[:, :, None] * (parts / total[:, None])[:, None, :]).reshape(len(target), -1)
    curvature = jacobian.T @ (jacobian * robust[:, None]) + np.diag(held.ravel())
    slope = jacobian.T @ (robust * residual) - (held * (theta - start)).ravel()
    return loss, curvature, slope


def factors(theta: Floats, members: Floats) -> Floats:
    """Return the factor of each term, rows × terms."""
    design = np.concatenate((np.ones((members.shape[0], 1)), members), axis=1)
    found: Floats = np.exp(design @ theta)
    return found


def weights_of(groups: Sequence[Hashable]) -> Floats:
    """Return weights with which a large group counts more than a small one, but not by its size."""
    counts = Counter(groups)
    raw = np.array([counts[group] ** -0.5 for group in groups])
    weights: Floats = raw / raw.mean()
    return weights
