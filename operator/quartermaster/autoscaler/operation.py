"""How one replica ran over a stretch of time: its batch, the tokens of its mean request, its mean latencies.

Formulas, over a stretch of length t (Δ is growth of a counter, W the mean of requests that waited):
    input = Δ prompt tokens / Δ first tokens          output = Δ generated tokens / Δ first tokens
    batch = (Δ token gap seconds + Δ first token seconds) / t − W        (Little: time spent, over time)
    time per token = Δ token gap seconds / Δ token gaps
With a long queue the batch is the mean of the gauge. It is, too, where an engine observes a gap once for each request,
as its mean: then their sum is no time spent. Others give several tokens per gap: then the time per token counts tokens.
What contradicts itself, or is out of all proportion, is no operation. Values and formulas only; what is followed over
time is ``course``.
"""

from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Final

MOST_TOKENS_PER_GAP: Final = 8.0
"""Of speculative decoding; more is a miscount."""
MOST_WAITING: Final = 0.2
"""Requests that wait, over those that run, from which on the queue is long."""
_ALIKE: Final = 0.3
_GAPS_PER_REQUEST: Final = 1.5
"""Up to this many gaps per request they are means of requests: an ordinary answer has many tokens."""
_LEAST_BATCH, _MOST_BATCH = 0.05, 10_000.0
_MOST_TOKENS = 1e6
_GAP_SECONDS = (20e-6, 10.0)
_FIRST_SECONDS = (100e-6, 600.0)


@dataclass(frozen=True, slots=True)
class Operation:
    """A point of operation. All times are means."""

    batch: float
    """Requests in the batch, as a mean over time."""
    input_tokens: float
    output_tokens: float
    requests_per_second: float
    waiting: float
    """Requests that waited, as a mean over time."""
    time_per_token_seconds: float
    time_to_first_token_seconds: float | None
    """With the wait in the queue; None where it is out of all proportion."""
    full_batch: int | None
    """Requests at which the batch was full, while the cache was not; None where it never was."""
    kv_capacity_tokens: float | None


@dataclass(frozen=True, slots=True)
class Growth:
    """What grew in a stretch, and the means of its gauges."""

    seconds: float
    first_tokens: float
    first_token_seconds: float
    prompt_tokens: float
    generation_tokens: float
    gaps: float
    gap_seconds: float
    running: float
    waiting: float
    samples: int


def operation(grown: Growth, *, full_batch: int | None, kv_capacity_tokens: float | None) -> Operation | None:
    """Return the point of operation; None where the signals contradict one another or are out of all proportion."""
    tokens = (grown.prompt_tokens, grown.generation_tokens, grown.gaps, grown.first_tokens)
    if grown.seconds <= 0 or min(tokens) <= 0:
        return None
    batch, per_token = _batch(grown), _time_per_token(grown)
    inputs, outputs = grown.prompt_tokens / grown.first_tokens, grown.generation_tokens / grown.first_tokens
    first = grown.first_token_seconds / grown.first_tokens
    if batch is None or per_token is None or not all(map(isfinite, (batch, inputs, outputs, per_token, first))):
        return None
    is_sound = (
        _LEAST_BATCH <= batch <= _MOST_BATCH
        and 1 <= inputs <= _MOST_TOKENS
        and 1 <= outputs <= _MOST_TOKENS
        and _GAP_SECONDS[0] <= per_token <= _GAP_SECONDS[1]
    )
    if not is_sound:
        return None
    return Operation(
        batch=batch,
        input_tokens=inputs,
        output_tokens=outputs,
        requests_per_second=grown.first_tokens / grown.seconds,
        waiting=grown.waiting,
        time_per_token_seconds=per_token,
        time_to_first_token_seconds=first if _FIRST_SECONDS[0] <= first <= _FIRST_SECONDS[1] else None,
        full_batch=full_batch,
        kv_capacity_tokens=kv_capacity_tokens,
    )


def _is_by_request(grown: Growth) -> bool:
    """Whether gaps are observed once for each request."""
    return grown.gaps <= _GAPS_PER_REQUEST * grown.first_tokens < grown.generation_tokens


def _batch(grown: Growth) -> float | None:
    """Return the mean batch: by time spent where that is known, which the gauge must not contradict."""
    if _is_by_request(grown):
        return grown.running
    # The gauges are looked at a few times only.
    chance = 2 * sqrt(max(grown.running, 0.0) / grown.samples) + 0.5
    is_queued = grown.waiting > MOST_WAITING * grown.running
    if is_queued:
        # The waits that ended are not those that went on, so a long queue hides what the prompts took.
        spent = grown.gap_seconds / grown.seconds
    else:
        spent = (grown.gap_seconds + grown.first_token_seconds) / grown.seconds - grown.waiting
        chance += 2 * sqrt(max(grown.waiting, 0.0) / grown.samples)
    if abs(spent - grown.running) > _ALIKE * grown.running + chance:
        return None
    return grown.running if is_queued else spent


def _time_per_token(grown: Growth) -> float | None:
    if _is_by_request(grown):
        return grown.gap_seconds / grown.gaps
    per_gap = (grown.generation_tokens - grown.first_tokens) / grown.gaps
    if not 1 - _ALIKE <= per_gap <= MOST_TOKENS_PER_GAP:
        return None
    return grown.gap_seconds / grown.gaps / (per_gap if per_gap > 1 + _ALIKE else 1.0)
