"""How counters grew between two samples of one replica, and over a span of time. Pure arithmetic on readings.

Arrivals follow from conservation: a request that came is waiting, running, or has ended, so

    arrivals = Δ ended + Δ running + Δ waiting

which counts what piles up as well as what gets done. Where a counter fell, the engine has started anew: everything it
counts now has happened since, and the span is counted from zero.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from quartermaster.autoscaler.sample import Readings, Sample

Measure = Callable[[Readings], float | None]
"""A quantity that grows; None where the engine does not show it."""

_NOTHING = Readings(
    waiting=0,
    running=0,
    requests_total=0,
    prompt_tokens_total=0,
    generation_tokens_total=0,
    request_prompt_tokens_sum=0,
    request_generation_tokens_sum=0,
    time_to_first_token_seconds_sum=0,
    time_to_first_token_count=0,
    inter_token_latency_seconds_sum=0,
    inter_token_latency_count=0,
)
_COUNTERS: tuple[Measure, ...] = (
    lambda readings: readings.requests_total,
    lambda readings: readings.prompt_tokens_total,
    lambda readings: readings.generation_tokens_total,
    lambda readings: readings.time_to_first_token_count,
    lambda readings: readings.inter_token_latency_count,
)


def arrived(readings: Readings) -> float | None:
    """Return requests that have come since the engine started, by the formula above."""
    if readings.requests_total is not None:
        return readings.requests_total + (readings.running or 0.0) + (readings.waiting or 0.0)
    if readings.time_to_first_token_count is not None:
        # What has its first token is in the batch or has ended; only the queue is to be added.
        return readings.time_to_first_token_count + (readings.waiting or 0.0)
    return None


def has_restarted(before: Readings, after: Readings) -> bool:
    """Tell whether the engine began anew between two readings: some counter fell."""
    for counter in _COUNTERS:
        earlier, later = counter(before), counter(after)
        if earlier is not None and later is not None and later < earlier:
            return True
    return False


def growth(before: Readings, after: Readings, measure: Measure) -> float | None:
    """Return how much a quantity grew between two readings; None where either lacks it."""
    earlier = measure(_NOTHING if has_restarted(before, after) else before)
    later = measure(after)
    return None if earlier is None or later is None else later - earlier


def grown_since(samples: Sequence[Sample], measure: Measure, since_seconds: float) -> float | None:
    """Return how much a quantity of one replica grew after a moment; None where nothing tells.

    ``samples`` are of one replica in order of time. A span that began before the moment counts for its later part.
    """
    total: float | None = None
    for before, after in pairwise(samples):
        if after.at_seconds <= since_seconds:
            continue
        grew = growth(before.readings, after.readings, measure)
        if grew is None:
            continue
        part = (after.at_seconds - max(before.at_seconds, since_seconds)) / (after.at_seconds - before.at_seconds)
        total = (total or 0.0) + grew * part
    return total


def grown_in_all(replicas: Iterable[Sequence[Sample]], measure: Measure, since_seconds: float) -> float | None:
    """Return how much a quantity of all replicas grew after a moment; None where none tells. Never below 0."""
    known = [grew for samples in replicas if (grew := grown_since(samples, measure, since_seconds)) is not None]
    return max(0.0, sum(known)) if known else None
