"""What decides the iteration time of a replica, and that time. Formulas only; where the figures come from is elsewhere.

Formulas, for a batch of n requests with I input and O output tokens:
    T(n) = α + ε (1 − (1 − a)^(n/stages)) + n (β t_c + γ t_m + κ I / (O + 1) + δ)
        t_c = (I + O) / (O + 1), tokens computed per step;  t_m = I + O / 2, tokens held
        a = experts per token / experts
    prompt = (β + κ) I
    prefill(n) = s T(n) + w (α + ε) + p (prompt + γ I) + c n
    decode(n) = (T(n) + β + γ t_m) / tokens per step
With the defaults (ε = κ = δ = c = w = 0, s = p = 1) they are those of a plain profile: α, β, γ.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Coefficients:
    """What decides the iteration time of a replica, and how its first token relates to it."""

    alpha_seconds: float
    beta_seconds_per_token: float
    gamma_seconds_per_token: float
    expert_seconds: float = 0.0
    """ε: reading all routed experts."""
    active_fraction: float = 1.0
    """a: the part of them that one token meets."""
    stages: int = 1
    request_seconds: float = 0.0
    """Spent once per request outside the batch."""
    sequence_seconds: float = 0.0
    """δ: per request in the batch and step."""
    attention_seconds_per_token: float = 0.0
    """κ: attention among the tokens of a prompt."""
    tokens_per_step: float = 1.0
    """Above 1 with speculative decoding, as measured."""
    step_factor: float = 1.0
    """s"""
    weights_factor: float = 0.0
    """w"""
    prompt_factor: float = 1.0
    """p"""
    crowd_seconds: float = 0.0
    """c: per request in the batch, until the first token."""
    wave_factor: float = 0.0
    """Part of the others' prompts that a request of a closed loop waits for."""
    queue_factor: float = 0.0
    """Part of the others' prompts that share its iterations in a closed loop."""
    cache_wait_factor: float = 1.0
    """Part of the wait for cache that counts as time to first token."""

    def iteration_seconds(self, batch: Floats, *, compute_tokens: float, memory_tokens: float) -> Floats:
        """Return T(n) for every batch, prompts without attention among their tokens."""
        tokens = np.array([[compute_tokens]]), np.array([[memory_tokens]])
        seconds: Floats = columns([self]).iteration_seconds(batch[None, :], *tokens, np.zeros((1, 1)))[0]
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
    sequence_seconds: Floats
    attention_seconds_per_token: Floats
    tokens_per_step: Floats
    step_factor: Floats
    weights_factor: Floats
    prompt_factor: Floats
    crowd_seconds: Floats
    wave_factor: Floats
    queue_factor: Floats
    cache_wait_factor: Floats

    def iteration_seconds(
        self, batch: Floats, compute_tokens: Floats, memory_tokens: Floats, prompt_tokens: Floats
    ) -> Floats:
        """Return T(n), cases × batches; ``prompt_tokens`` are those of prompts per step and request, I / (O + 1)."""
        work = (
            self.beta_seconds_per_token * compute_tokens
            + self.gamma_seconds_per_token * memory_tokens
            + self.attention_seconds_per_token * prompt_tokens
            + self.sequence_seconds
        )
        seconds: Floats = self.alpha_seconds + self.expert_seconds * self._read(batch) + batch * work
        return seconds

    def prompt_seconds(self, input_tokens: Floats) -> Floats:
        """Return the work of one prompt alone."""
        seconds: Floats = (self.beta_seconds_per_token + self.attention_seconds_per_token) * input_tokens
        return seconds

    def prefill_seconds(self, iteration: Floats, batch: Floats, input_tokens: Floats) -> Floats:
        """Return the time of the iterations that read a prompt, waiting for nobody."""
        own = self.prompt_seconds(input_tokens) + self.gamma_seconds_per_token * input_tokens
        fixed = self.weights_factor * (self.alpha_seconds + self.expert_seconds) + self.prompt_factor * own
        seconds: Floats = self.step_factor * iteration + fixed + self.crowd_seconds * batch
        return seconds

    def decode_seconds(self, iteration: Floats, memory_tokens: Floats) -> Floats:
        """Return the time of one token."""
        own = self.beta_seconds_per_token + self.gamma_seconds_per_token * memory_tokens
        seconds: Floats = (iteration + own) / self.tokens_per_step
        return seconds

    def _read(self, batch: Floats) -> Floats:
        """Return the fraction of the experts that a batch meets."""
        read = np.ones(np.broadcast_shapes(self.active_fraction.shape, batch.shape))
        mixed = (self.active_fraction < 1.0)[:, 0]
        if mixed.any():
            some = np.broadcast_to(batch, read.shape)[mixed]
            read[mixed] = -np.expm1(np.log1p(-self.active_fraction[mixed]) * some / self.stages[mixed])
        return read


_figures = attrgetter(*(field.name for field in fields(Coefficients)))


def columns(coefficients: Sequence[Coefficients]) -> Columns:
    """Return coefficients as columns."""
    table = np.array([_figures(one) for one in coefficients], dtype=np.float64)
    return Columns(*(table[:, i : i + 1] for i in range(table.shape[1])))
