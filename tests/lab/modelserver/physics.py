"""How fast one replica is: the constants of its iterations.

Here live the constants and the formulas that use nothing else. What happens to requests over time lives in
`batchqueue`.

One iteration of continuous batching computes c tokens (one per decoding request, plus chunks of prompts) and reads the
k tokens of context that are resident, so it takes

    step = alpha + beta * c + gamma * k        seconds.

Averaged over a batch of n requests with I tokens in and O out this is alpha + n (beta (I+O)/(O+1) + gamma (I + O/2)),
and for a request that is alone: prefill = alpha + (beta + gamma) I, decode = alpha + beta + gamma (I + O/2) on average.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReplicaPhysics:
    """The constants of one replica; the defaults resemble an 8-billion-parameter model on one large GPU."""

    alpha_seconds: float = 0.008
    """What every iteration costs: reading the weights."""
    beta_seconds_per_token: float = 2e-5
    """What computing one token costs."""
    gamma_seconds_per_token: float = 2e-8
    """What reading the cache of one resident token costs."""
    max_batch: int = 64
    """Most requests that run at once; the rest wait."""
    kv_capacity_tokens: int = 200_000
    """Tokens of context that fit in the cache, counted in whole blocks."""
    load_seconds: float = 0.0
    """From the start of the server until it is healthy."""
    max_step_tokens: int = 8192
    """Most tokens computed in one iteration; longer prompts are prefilled in chunks."""
    block_tokens: int = 16
    """Tokens per cache block."""
    prefix_hit_fraction: float = 0.0
    """Share of each prompt that is found in the prefix cache and not computed."""

    def __post_init__(self) -> None:
        """Refuse constants under which time or the queue would not move on."""
        if self.alpha_seconds <= 0 or min(self.beta_seconds_per_token, self.gamma_seconds_per_token) < 0:
            raise ValueError(f"alpha must be above 0, beta and gamma at least 0; found {self}: correct the constants")
        if not 1 <= self.max_batch <= self.max_step_tokens:
            raise ValueError(
                f"max_batch must be between 1 and max_step_tokens ({self.max_step_tokens}), found {self.max_batch}"
            )
        if self.block_tokens < 1 or self.kv_capacity_tokens < 2 * self.block_tokens:
            raise ValueError(
                f"the cache must hold two blocks of {self.block_tokens} tokens or more, found {self.kv_capacity_tokens}"
            )
        if not 0 <= self.prefix_hit_fraction < 1 or self.load_seconds < 0:
            raise ValueError(f"prefix_hit_fraction must be in [0, 1) and load_seconds at least 0, found {self}")

    @property
    def kv_blocks(self) -> int:
        """Whole blocks in the cache."""
        return self.kv_capacity_tokens // self.block_tokens

    def step_seconds(self, computed_tokens: int, resident_tokens: int) -> float:
        """Return how long one iteration takes, by the formula above."""
        return (
            self.alpha_seconds
            + self.beta_seconds_per_token * computed_tokens
            + self.gamma_seconds_per_token * resident_tokens
        )

    def faster(self, speed: float) -> ReplicaPhysics:
        """Return the same replica running `speed` times as fast, so that minutes of load fit into seconds."""
        if speed <= 0:
            raise ValueError(f"speed must be above 0, found {speed}")
        return dataclasses.replace(
            self,
            alpha_seconds=self.alpha_seconds / speed,
            beta_seconds_per_token=self.beta_seconds_per_token / speed,
            gamma_seconds_per_token=self.gamma_seconds_per_token / speed,
            load_seconds=self.load_seconds / speed,
        )
