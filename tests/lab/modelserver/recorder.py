"""What a replica has counted since it started: totals and histograms, without names.

The batch queue writes here; an engine's exposition reads from here and gives each number its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from tests.lab.modelserver.histogram import Histogram


class Measure(Enum):
    """What can be distributed over a histogram; all times in seconds."""

    TIME_TO_FIRST_TOKEN = auto()
    INTER_TOKEN = auto()
    """Once per token after the first."""
    TIME_PER_OUTPUT_TOKEN = auto()
    """Once per request: the mean over its tokens."""
    END_TO_END = auto()
    QUEUE = auto()
    """From arrival to the first iteration that works on the request."""
    INFERENCE = auto()
    PREFILL = auto()
    DECODE = auto()
    PROMPT_TOKENS = auto()
    GENERATION_TOKENS = auto()
    ITERATION_TOKENS = auto()


Bounds = Mapping[Measure, Sequence[float]]


@dataclass(slots=True)
class Recorder:
    """Counters since the start of the replica, and a histogram for each measure that its engine shows."""

    histograms: dict[Measure, Histogram] = field(default_factory=dict)
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    generation_tokens: int = 0
    iterations: int = 0
    preemptions: int = 0
    finished_by_reason: dict[str, int] = field(default_factory=lambda: {"stop": 0, "length": 0, "abort": 0, "error": 0})

    @classmethod
    def with_bounds(cls, bounds: Bounds) -> Recorder:
        """Return an empty recorder that keeps the measures of `bounds`, bucketed by them."""
        return cls(histograms={measure: Histogram(limits) for measure, limits in bounds.items()})

    def observe(self, measure: Measure, value: float, times: int = 1) -> None:
        """Add one value to a histogram, if the engine shows that measure."""
        if (histogram := self.histograms.get(measure)) is not None:
            histogram.observe(value, times)

    def observe_ramp(self, measure: Measure, first: float, slope: float, *, length: int, times: int) -> None:
        """Add an arithmetic series to a histogram, if the engine shows that measure."""
        if (histogram := self.histograms.get(measure)) is not None:
            histogram.observe_ramp(first, slope, length=length, times=times)

    @property
    def finished_requests(self) -> int:
        """Requests answered to their end."""
        return self.finished_by_reason["stop"] + self.finished_by_reason["length"]
