"""A stretch of equal iterations in closed form. Knows durations only, nothing of requests.

With n requests decoding, iteration i (0, 1, …) takes base + slope * i, since each adds n tokens to what is resident, so

    S(j) = j * base + slope * j (j - 1) / 2

is the time of the first j iterations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt

from tests.lab.modelserver.sequence import Sequence

TOLERANCE_SECONDS = 1e-9
"""Ends of iterations closer than this to the asked time count as reached: clocks are floats."""


@dataclass(slots=True)
class Span:
    """`steps` iterations from `starts_at`; one that also prefills chunks of prompts is a span of its own."""

    starts_at: float
    steps: int
    base_seconds: float
    slope_seconds: float
    chunks: list[tuple[Sequence, int]] = field(default_factory=list)
    """Requests whose prompts are worked on, with the tokens computed."""

    def duration_seconds(self, steps: int) -> float:
        """Return S(steps)."""
        return steps * self.base_seconds + self.slope_seconds * steps * (steps - 1) / 2

    @property
    def ends_at(self) -> float:
        """The end of the last iteration."""
        return self.starts_at + self.duration_seconds(self.steps)

    def steps_ended_by(self, at: float) -> int:
        """Return how many iterations have ended at the time `at`: the largest j with S(j) within the elapsed time."""
        elapsed = at - self.starts_at + TOLERANCE_SECONDS
        if elapsed < self.base_seconds:
            return 0
        if self.steps == 1:
            return 1
        linear = self.base_seconds - self.slope_seconds / 2
        if self.slope_seconds > 0:
            guess = int((sqrt(linear * linear + 2 * self.slope_seconds * elapsed) - linear) / self.slope_seconds)
        else:
            guess = int(elapsed / self.base_seconds)
        guess = min(max(guess, 1), self.steps)
        while guess < self.steps and self.duration_seconds(guess + 1) <= elapsed:
            guess += 1
        while guess > 1 and self.duration_seconds(guess) > elapsed:
            guess -= 1
        return guess

    def drop(self, steps: int) -> None:
        """Move the start behind the first `steps` iterations."""
        self.starts_at += self.duration_seconds(steps)
        self.base_seconds += self.slope_seconds * steps
        self.steps -= steps
