"""What scaling remembers between two ticks: peaks of the capacity wanted, since when signals are whole, and the strain.

Capacity may be taken away only when what is left would have borne every peak of the whole delay. Peaks are kept as a
falling sequence (an earlier, smaller one can never matter again), merged so that a state stays small.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

MOST_PEAKS: Final = 64
STRAIN_HALF_LIFE_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class ScaleState:
    """What one tick hands to the next. Losing it delays taking away, nothing else."""

    peaks: tuple[tuple[float, float], ...] = ()
    """Pairs of (time in seconds, capacity wanted in requests per second): falling, in order of time."""
    whole_since_seconds: float | None = None
    """Since when every signal has been fresh and complete, without a break; None while one is missing."""
    asked_seconds: float | None = None
    """When a new plan was asked for last; None while the pools have room."""
    asked_requests_per_second: float = 0.0

    strain: float = 1.0
    """How many times the rate need was found to be needed, because throughput figures were too good."""
    strained_seconds: float = 0.0

    def learn(self, at_seconds: float, strain: float) -> "ScaleState":
        """Return the state with the strain seen now. What was learned fades by half in ``STRAIN_HALF_LIFE_SECONDS``."""
        age_seconds = max(0.0, at_seconds - self.strained_seconds)
        faded = 1.0 + (self.strain - 1.0) * 0.5 ** (age_seconds / STRAIN_HALF_LIFE_SECONDS)
        return replace(self, strain=max(faded, strain), strained_seconds=at_seconds)

    def observe(self, at_seconds: float, wanted: float, *, is_whole: bool, delay_seconds: float) -> "ScaleState":
        """Return the state with what is wanted now. While a signal is missing, no peak is forgotten."""
        peaks = [pair for pair in self.peaks if pair[1] > wanted]
        if is_whole:
            peaks = [pair for pair in peaks if pair[0] >= at_seconds - delay_seconds]
        peaks.append((at_seconds, wanted))
        since_seconds = None if not is_whole else self.whole_since_seconds
        if is_whole and since_seconds is None:
            since_seconds = at_seconds
        return replace(self, peaks=_merged(peaks), whole_since_seconds=since_seconds)

    def has_held(self, at_seconds: float, delay_seconds: float) -> bool:
        """Tell whether the signals have been whole for the whole delay."""
        return self.whole_since_seconds is not None and at_seconds - self.whole_since_seconds >= delay_seconds

    @property
    def peak_requests_per_second(self) -> float:
        """The most capacity wanted within the delay; what a new plan should offer at least."""
        return self.peaks[0][1] if self.peaks else 0.0


def _merged(peaks: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Return at most ``MOST_PEAKS``; of two neighbours merged, the larger stays with the later time: never too low."""
    while len(peaks) > MOST_PEAKS:
        gaps = [later[0] - earlier[0] for earlier, later in pairwise(peaks)]
        # The newest pair stays as it is, so that what is wanted now can be told from what was.
        index = min(range(len(gaps) - 1), key=lambda i: (gaps[i], i))
        peaks[index : index + 2] = [(peaks[index + 1][0], peaks[index][1])]
    return tuple(peaks)
