"""Latencies of a replica that always has the same number of requests: the closed loop in which engines are measured.

Formulas, for n requests of which m = min(n, N) fit into the cache and run (with the symbols of ``coefficients``):
    inter-token latency = decode(m)
    time to first token = r + prefill(m) + wave · m · prompt / 2 + queue · prompt · m / (1 + m / 32)
                          + wait · max(0, n / N − 1) · O · decode(m)
A closed loop starts all its requests at once: some of that wave stays, and a prompt meets some others in its
iterations, up to a number. Requests beyond the cache wait until others have ended. Formulas only. An open stream of
requests is ``queueing``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quartermaster.planner.throughput.coefficients import Coefficients, columns

PROMPTS_TOGETHER = 32.0
"""Prompts that share iterations, at the most; the best of 4 to 64 on the public table."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """One measured operation of a replica; a time that was not measured is None."""

    batch: float
    """Requests in the replica at any time."""
    input_tokens: float
    output_tokens: float
    time_to_first_token_seconds: float | None = None
    time_per_output_token_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Steady:
    """Latencies, one per case."""

    time_to_first_token_seconds: Floats
    inter_token_latency_seconds: Floats
    running: Floats
    """Requests that hold cache; the others wait."""


def running_of(point: Point, kv_tokens: float) -> float:
    """Return the requests of a point that hold cache at a time."""
    return min(point.batch, max(1.0, kv_tokens / (point.input_tokens + point.output_tokens / 2)))


def steady(coefficients: Sequence[Coefficients], points: Sequence[Point], kv_tokens: Sequence[float]) -> Steady:
    """Return the latencies of replicas at points, for caches of ``kv_tokens``; what the points measured is not read."""
    parts = first_token_parts(coefficients, points, kv_tokens)
    return Steady(parts.seconds.sum(axis=1), parts.decode, parts.running)


@dataclass(frozen=True, slots=True)
class FirstTokenParts:
    """What the time to first token is made of: cases × the seven parts of ``FIRST_PARTS``."""

    seconds: Floats
    decode: Floats
    running: Floats


FIRST_PARTS = ("request", "step", "weights", "prompt", "crowd", "wave", "queue", "cache_wait")


def first_token_parts(
    coefficients: Sequence[Coefficients], points: Sequence[Point], kv_tokens: Sequence[float]
) -> FirstTokenParts:
    """Return the parts of the time to first token, in the order of ``FIRST_PARTS``, and the time per token."""
    table = columns(coefficients)
    asked = np.array([(p.batch, p.input_tokens, p.output_tokens) for p in points], dtype=np.float64)
    batch, inputs, outputs = asked[:, :1], asked[:, 1:2], asked[:, 2:]
    held = inputs + outputs / 2
    room = np.maximum(np.array(kv_tokens, dtype=np.float64)[:, None] / held, 1.0)
    running = np.minimum(batch, room)
    step = table.iteration_seconds(running, (inputs + outputs) / (outputs + 1), held, inputs / (outputs + 1))
    decode = table.decode_seconds(step, held)
    prompt = table.prompt_seconds(inputs)
    parts = (
        table.request_seconds,
        table.step_factor * step,
        table.weights_factor * (table.alpha_seconds + table.expert_seconds),
        table.prompt_factor * (prompt + table.gamma_seconds_per_token * inputs),
        table.crowd_seconds * running,
        table.wave_factor * running * prompt / 2,
        table.queue_factor * prompt * running / (1 + running / PROMPTS_TOGETHER),
        table.cache_wait_factor * np.maximum(batch / room - 1, 0.0) * outputs * decode,
    )
    return FirstTokenParts(np.concatenate(parts, axis=1), decode[:, 0], running[:, 0])
