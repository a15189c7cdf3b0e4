"""The load of one deployment at one moment, read from its window. Rates and means live here; no capacity, no decision.

A rate is what came in a span of time, over all replicas that answered in it, divided by the span: a replica that
appeared or vanished within it counts for what it saw. The mean of a minute is steady, but slow; what n requests in a
short span h allow, chance included (three standard deviations of a Poisson process), is quick, but wide:

    least(h) = (n - 3 √n) / h          most(h) = (√(n + 1) + 3/2)² / h

From the shortest span to the longest, each narrows what the shorter ones leave open and never contradicts them. What is
left is from ``burst`` to ``lull``, and the peak is the steady rate, brought between the two: so a jump of the load, or
its end, is seen within seconds and chance is not. What was is kept by the delay, not by the rate.
"""

from collections.abc import Collection
from dataclasses import dataclass
from math import inf, sqrt
from typing import Final

from quartermaster.autoscaler.sample import Sample
from quartermaster.autoscaler.trail import Count
from quartermaster.autoscaler.window import HORIZON_SECONDS, Freshness, Mix, Window

SPANS_SECONDS: Final = (4.0, 8.0, 16.0, 32.0)
SHORTEST_LULL_SECONDS: Final = 8.0
"""Not shorter, so that one late scrape does not make a lull."""
BURST_DEVIATIONS: Final = 3.0
BACKLOG_SECONDS: Final = 8.0
ENOUGH_SECONDS: Final = 20.0
"""From how long a span on the observed rate may stand for the load."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the replicas of one deployment bear. None means that nothing tells, which is not zero."""

    at_seconds: float
    freshness: Freshness
    covered_seconds: float
    """How far back the samples reach, at most ``HORIZON_SECONDS``."""
    has_seen_load: bool
    mix: Mix
    waiting: float | None
    """Requests that wait, over fresh replicas."""
    running: float | None
    arrivals_per_second: float | None
    """Requests that came, what piled up included, as a mean over the horizon."""
    burst_per_second: float
    """The least that short spans allow; 0 where they show nothing."""
    lull_per_second: float
    """The most that short spans allow; infinite where they were not observed in full."""
    backlog_per_second: float
    """How fast the queue grew over the last ``BACKLOG_SECONDS``; below 0 while it drains."""
    prompt_tokens_per_second: float | None
    generation_tokens_per_second: float | None
    kv_used_fraction: float | None
    """Mean over fresh replicas."""
    time_to_first_token_seconds: float | None
    """Mean over the requests of the horizon."""
    inter_token_latency_seconds: float | None

    @property
    def fresh(self) -> tuple[Sample, ...]:
        """The last sample of each ready replica that answered of late."""
        return self.freshness.fresh

    @property
    def is_enough(self) -> bool:
        """Whether the rate stands for the load: there is one, over a long enough span."""
        return self.arrivals_per_second is not None and self.covered_seconds >= ENOUGH_SECONDS

    @property
    def peak_per_second(self) -> float:
        """The steady rate, but at least the burst and at most the lull, in requests per second."""
        return min(max(self.arrivals_per_second or 0.0, self.burst_per_second), self.lull_per_second)


def load_of(window: Window, ready_pods: Collection[str], *, now_seconds: float) -> Load:
    """Return the load at a moment.

    Args:
        window: samples of one deployment.
        ready_pods: uids of the pods that should answer.
        now_seconds: the present, on the clock of the samples.
    """
    freshness = window.freshness(ready_pods, now_seconds=now_seconds)
    end_seconds, first_seconds = window.last_seconds, window.first_seconds
    span_seconds = 0.0
    if end_seconds is not None and first_seconds is not None:
        span_seconds = min(HORIZON_SECONDS, end_seconds - first_seconds)
    burst, lull = _burst_and_lull(window, span_seconds, is_complete=freshness.is_complete)
    return Load(
        at_seconds=now_seconds,
        freshness=freshness,
        covered_seconds=span_seconds,
        has_seen_load=window.has_seen_load,
        mix=window.mix,
        waiting=_sum([sample.readings.waiting for sample in freshness.fresh]),
        running=_sum([sample.readings.running for sample in freshness.fresh]),
        arrivals_per_second=_rate(window, Count.ARRIVED, span_seconds),
        burst_per_second=burst,
        lull_per_second=lull,
        backlog_per_second=(_grown(window, Count.WAITING, BACKLOG_SECONDS) or 0.0) / BACKLOG_SECONDS,
        prompt_tokens_per_second=_rate(window, Count.PROMPT_TOKENS, span_seconds),
        generation_tokens_per_second=_rate(window, Count.GENERATION_TOKENS, span_seconds),
        kv_used_fraction=_mean([sample.readings.kv_used_fraction for sample in freshness.fresh]),
        time_to_first_token_seconds=_ratio(window, Count.FIRST_TOKEN_SECONDS, Count.FIRST_TOKENS, span_seconds),
        inter_token_latency_seconds=_ratio(window, Count.TOKEN_GAP_SECONDS, Count.TOKEN_GAPS, span_seconds),
    )


def _grown(window: Window, count: Count, span_seconds: float) -> float | None:
    """Return growth over all replicas in the last part of the window; None where none tells."""
    end_seconds = window.last_seconds
    if end_seconds is None or span_seconds <= 0:
        return None
    since_seconds = end_seconds - span_seconds
    return _sum([trail.grown(count, since_seconds) for trail in window.trail_by_pod.values()])


def _rate(window: Window, count: Count, span_seconds: float) -> float | None:
    grown = _grown(window, count, span_seconds)
    # Requests that were broken off leave without having ended, so the balance may fall below zero.
    return None if grown is None else max(0.0, grown) / span_seconds


def _burst_and_lull(window: Window, span_seconds: float, *, is_complete: bool) -> tuple[float, float]:
    """Return the least and the most requests per second that the short spans leave open, by the formulas above."""
    least, most = 0.0, inf
    for seconds in SPANS_SECONDS:
        if seconds > span_seconds:
            break
        count = max(0.0, _grown(window, Count.ARRIVED, seconds) or 0.0)
        least = max(least, min(most, (count - BURST_DEVIATIONS * sqrt(count)) / seconds))
        if is_complete and seconds >= SHORTEST_LULL_SECONDS:
            most = min(most, max(least, (sqrt(count + 1.0) + BURST_DEVIATIONS / 2) ** 2 / seconds))
    return least, most


def _ratio(window: Window, above: Count, below: Count, span_seconds: float) -> float | None:
    total, count = _grown(window, above, span_seconds), _grown(window, below, span_seconds)
    return total / count if total is not None and count else None


def _sum(values: Collection[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _mean(values: Collection[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
