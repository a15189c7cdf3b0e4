"""The trail of one replica: how its counters grew, kept so that growth over any recent span is one subtraction.

Arrivals follow from conservation: a request that came is waiting, running, or has ended, so

    arrivals = Δ ended + Δ running + Δ waiting

which counts what piles up as well as what gets done. Where a counter fell, the engine has started anew: everything it
counts now has happened since, and growth goes on from zero. A trail is a value and holds at most ``MAX_POINTS`` points.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from quartermaster.autoscaler.sample import Readings, Sample

KEEP_SECONDS: Final = 90.0
"""How far back a trail reaches: the horizon over which means are taken, and half as much again."""
MAX_POINTS: Final = 64

Totals = tuple[float | None, ...]
"""Growth since the trail began, by ``Count``; None until two samples in a row told."""


class Count(IntEnum):
    """What grows."""

    ARRIVED = 0
    WAITING = 1
    PROMPT_TOKENS = 2
    GENERATION_TOKENS = 3
    FIRST_TOKEN_SECONDS = 4
    FIRST_TOKENS = 5
    TOKEN_GAP_SECONDS = 6
    TOKEN_GAPS = 7


def arrived(readings: Readings) -> float | None:
    """Return requests that have come since the engine started, by the formula above."""
    if readings.requests_total is not None:
        return readings.requests_total + (readings.running or 0.0) + (readings.waiting or 0.0)
    if readings.time_to_first_token_count is not None:
        # What has its first token is in the batch or has ended; only the queue is to be added.
        return readings.time_to_first_token_count + (readings.waiting or 0.0)
    return None


_READ: Final[tuple[Callable[[Readings], float | None], ...]] = (
    arrived,
    lambda readings: readings.waiting,
    lambda readings: readings.prompt_tokens_total,
    lambda readings: readings.generation_tokens_total,
    lambda readings: readings.time_to_first_token_seconds_sum,
    lambda readings: readings.time_to_first_token_count,
    lambda readings: readings.inter_token_latency_seconds_sum,
    lambda readings: readings.inter_token_latency_count,
)


def has_restarted(before: Readings, after: Readings) -> bool:
    """Tell whether the engine began anew between two readings: some counter fell."""
    pairs = (
        (before.requests_total, after.requests_total),
        (before.prompt_tokens_total, after.prompt_tokens_total),
        (before.generation_tokens_total, after.generation_tokens_total),
        (before.time_to_first_token_count, after.time_to_first_token_count),
        (before.inter_token_latency_count, after.inter_token_latency_count),
    )
    return any(earlier is not None and later is not None and later < earlier for earlier, later in pairs)


def growth(earlier: float | None, later: float | None, *, is_anew: bool) -> float | None:
    """Return how much a counter grew, from zero where the engine began anew; None where it does not tell."""
    if later is None:
        return None
    if is_anew:
        return later
    return None if earlier is None else later - earlier


@dataclass(frozen=True, slots=True)
class Trail:
    """The last sample of one replica, and its growth at moments before."""

    last: Sample
    times_seconds: tuple[float, ...]
    totals: tuple[Totals, ...]
    """One for each time."""

    @classmethod
    def begin(cls, sample: Sample) -> "Trail":
        """Return the trail of a replica that was seen for the first time: nothing has grown yet."""
        return cls(sample, (sample.at_seconds,), ((None,) * len(_READ),))

    def plus(self, sample: Sample) -> "Trail":
        """Return the trail with a later sample; points that lie too close together are thinned."""
        before, after = self.last.readings, sample.readings
        is_anew = has_restarted(before, after)
        grown = (growth(read(before), read(after), is_anew=is_anew) for read in _READ)
        total = tuple(
            old if more is None else (old or 0.0) + more for old, more in zip(self.totals[-1], grown, strict=True)
        )
        times, totals = self.times_seconds, self.totals
        spacing_seconds = KEEP_SECONDS / (MAX_POINTS - 2)
        if len(times) > 1 and sample.at_seconds - times[-2] < spacing_seconds:
            times, totals = times[:-1], totals[:-1]  # the newer point tells what the older one told
        # One point before the oldest moment stays, so that growth since that moment can be read between the two.
        first = max(0, bisect_right(times, sample.at_seconds - KEEP_SECONDS) - 1, len(times) - MAX_POINTS + 1)
        return Trail(sample, (*times[first:], sample.at_seconds), (*totals[first:], total))

    def grown(self, count: Count, since_seconds: float) -> float | None:
        """Return growth since a moment, in proportion where the moment lies between two points; None if unknown."""
        now = self.totals[-1][count]
        if now is None or since_seconds >= self.times_seconds[-1]:
            return None if now is None else 0.0
        index = bisect_right(self.times_seconds, since_seconds)
        later = self.totals[index][count] or 0.0
        if index == 0:
            return now - (self.totals[0][count] or 0.0)
        earlier, start_seconds = self.totals[index - 1][count] or 0.0, self.times_seconds[index - 1]
        part = (since_seconds - start_seconds) / (self.times_seconds[index] - start_seconds)
        return now - (earlier + part * (later - earlier))
