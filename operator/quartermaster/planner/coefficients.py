"""What decides the iteration time of a replica, and that time. Formulas only; where the figures come from is elsewhere.

Formulas, for a batch of n requests with I input and O output tokens:
    T(n) = α + ε (1 − (1 − a)^(n/stages)) + n (β t_c + γ t_m),   t_c = (I + O) / (O + 1),   t_m = I + O / 2
    prefill(n) = T(n) + ε (1 − a)^(n/stages) + (β + γ) I,        decode(n) = T(n) + β + γ t_m, per token
A prompt meets all experts, so its iterations read the weights that the batch alone would have left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Coefficients:
    """What decides the iteration time of a replica."""

    alpha_seconds: float
    beta_seconds_per_token: float
    gamma_seconds_per_token: float
    expert_seconds: float = 0.0
    """Reading all experts beyond those of one token."""
    active_fraction: float = 1.0
    stages: int = 1
    request_seconds: float = 0.0
    """Spent once per request outside the batch."""

    def iteration_seconds(self, batch: Floats, *, compute_tokens: float, memory_tokens: float) -> Floats:
        """Return T(n) for every batch."""
        tokens = np.array([[compute_tokens]]), np.array([[memory_tokens]])
        seconds: Floats = columns([self]).iteration_seconds(batch[None, :], *tokens)[0]
        return seconds


@dataclass(frozen=True, slots=True)
class Columns:
    """Coefficients of several replicas, each cases × 1; the fields are those of ``Coefficients``."""

    alpha_seconds: Floats
    beta_seconds_per_token: Floats
    gamma_seconds_per_token: Floats
    expert_seconds: Floats
    active_fraction: Floats
    stages: Floats
    request_seconds: Floats

    def iteration_seconds(self, batch: Floats, compute_tokens: Floats, memory_tokens: Floats) -> Floats:
        """Return T(n), cases × batches."""
        work = self.beta_seconds_per_token * compute_tokens + self.gamma_seconds_per_token * memory_tokens
        seconds: Floats = self.alpha_seconds + self.expert_seconds * (1.0 - self._unread(batch)) + batch * work
        return seconds

    def prefill_seconds(self, iteration: Floats, batch: Floats, input_tokens: Floats) -> Floats:
        """Return the time of the iterations that read a prompt."""
        work = (self.beta_seconds_per_token + self.gamma_seconds_per_token) * input_tokens
        seconds: Floats = iteration + self.expert_seconds * self._unread(batch) + work
        return seconds

    def decode_seconds(self, iteration: Floats, memory_tokens: Floats) -> Floats:
        """Return the time of the iteration that makes one token."""
        seconds: Floats = iteration + self.beta_seconds_per_token + self.gamma_seconds_per_token * memory_tokens
        return seconds

    def _unread(self, batch: Floats) -> Floats:
        """Return the fraction of the other experts that a batch leaves alone."""
        left = np.zeros(np.broadcast_shapes(self.active_fraction.shape, batch.shape))
        mixed = (self.active_fraction < 1.0)[:, 0]
        if mixed.any():
            some = np.broadcast_to(batch, left.shape)[mixed]
            left[mixed] = np.exp(np.log1p(-self.active_fraction[mixed]) * some / self.stages[mixed])
        return left


_figures = attrgetter(*(field.name for field in fields(Coefficients)))


def columns(coefficients: Sequence[Coefficients]) -> Columns:
    """Return coefficients as columns."""
    table = np.array([_figures(one) for one in coefficients], dtype=np.float64)
    return Columns(*(table[:, i : i + 1] for i in range(table.shape[1])))
