"""Throughput of one replica: measured profile or roofline, then the queue model. Pure, and remembered by its inputs.

The first source that exists decides: a ModelProfile of the same model, accelerator, engine, precision and parallelism
(``Measured``), otherwise the roofline of the datasheet (``Estimated``). No headroom is taken here: the demand that is
planned for holds it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from quartermaster.api.v1alpha1 import ModelProfileSpec
from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.model import Model
from quartermaster.planner.fleet import Shape, Source, Workload
from quartermaster.planner.memory import memory_fit
from quartermaster.planner.plan import Throughput
from quartermaster.planner.queueing import Operation, Server, best_operation, operation_at
from quartermaster.planner.roofline import Coefficients, roofline

MAX_BATCH_SIZE = 256
"""Requests that run at once: vLLM's default ``--max-num-seqs`` of its API server (documentation read 2026-11-21)."""
_MIX_DIGITS = 3
"""Token means are rounded, so that a load that trembles does not make a new plan."""

ProfileKey = tuple[str, str, EngineName, Precision, int, int]


@dataclass(frozen=True, slots=True)
class Mix:
    """Tokens of the mean request, and the latencies to hold."""

    input_tokens: float
    output_tokens: float
    time_to_first_token_seconds: float | None
    inter_token_latency_seconds: float | None


@dataclass(frozen=True, slots=True)
class Timing:
    """A replica's coefficients and limits, with their source."""

    coefficients: Coefficients
    max_batch_size: int
    kv_capacity_tokens: int
    source: Source


def mix_of(workload: Workload) -> Mix:
    """Return the mix that a workload is planned for, its token means rounded to three digits."""
    objectives = workload.spec.objectives
    ttft = objectives.time_to_first_token_milliseconds
    itl = objectives.inter_token_latency_milliseconds
    return Mix(
        input_tokens=_rounded(workload.demand.input_tokens),
        output_tokens=_rounded(workload.demand.output_tokens),
        time_to_first_token_seconds=None if ttft is None else ttft / 1000,
        inter_token_latency_seconds=None if itl is None else itl / 1000,
    )


def _rounded(tokens: float) -> float:
    return max(1.0, float(f"{tokens:.{_MIX_DIGITS}g}"))


def profiles_by_key(profiles: Iterable[ModelProfileSpec]) -> dict[ProfileKey, ModelProfileSpec]:
    """Return profiles by what they measured; of several, the one that was most conservative about the batch."""
    found: dict[ProfileKey, ModelProfileSpec] = {}
    for profile in sorted(profiles, key=lambda p: (-p.max_batch_size, p.alpha_seconds, p.evidence)):
        key = (
            profile.model,
            profile.accelerator,
            profile.engine,
            profile.precision,
            profile.tensor_parallelism,
            profile.pipeline_parallelism,
        )
        found[key] = profile
    return found


def profile_key(model: Model, accelerator: Accelerator, shape: Shape) -> ProfileKey:
    """Return the key under which a profile of this replica stands."""
    return (
        model.name,
        accelerator.name,
        shape.engine,
        shape.precision,
        shape.tensor_parallelism,
        shape.pipeline_parallelism,
    )


def timing(
    model: Model, accelerator: Accelerator, shape: Shape, *, mix: Mix, profile: ModelProfileSpec | None
) -> Timing | None:
    """Return how a replica runs; None when neither a profile nor the datasheet says enough."""
    if profile is not None:
        measured = Coefficients(
            float(profile.alpha_seconds), float(profile.beta_seconds_per_token), float(profile.gamma_seconds_per_token)
        )
        return Timing(measured, profile.max_batch_size, profile.kv_capacity_tokens, Source.MEASURED)
    coefficients = roofline(model, accelerator, shape, input_tokens=mix.input_tokens)
    fit = memory_fit(model, accelerator, shape)
    if coefficients is None or fit is None:
        return None
    return Timing(coefficients, MAX_BATCH_SIZE, fit.kv_capacity_tokens, Source.ESTIMATED)


@lru_cache(maxsize=65_536)
def throughput(known: Timing, mix: Mix, *, most_tokens_per_second: float | None = None) -> Throughput | None:
    """Return what one replica sustains; None when no rate holds the objectives.

    Args:
        known: coefficients and limits of the replica.
        mix: tokens of the mean request, and the latencies to hold as means.
        most_tokens_per_second: the most generated tokens per second that may be counted on.
    """
    server = server_of(known, mix)
    operation = best_operation(
        server,
        time_to_first_token_seconds=mix.time_to_first_token_seconds,
        inter_token_latency_seconds=mix.inter_token_latency_seconds,
    )
    if operation is None:
        return None
    if (
        most_tokens_per_second is not None
        and operation.requests_per_second * mix.output_tokens > most_tokens_per_second
    ):
        operation = operation_at(server, most_tokens_per_second / mix.output_tokens)
    return _as_throughput(operation, known, mix)


def _as_throughput(operation: Operation, known: Timing, mix: Mix) -> Throughput:
    return Throughput(
        requests_per_second=operation.requests_per_second,
        tokens_per_second=operation.requests_per_second * mix.output_tokens,
        time_to_first_token_seconds=operation.time_to_first_token_seconds,
        inter_token_latency_seconds=operation.inter_token_latency_seconds,
        max_batch_size=batch_size(known, mix),
        kv_capacity_tokens=known.kv_capacity_tokens,
        source=known.source,
    )


def batch_size(known: Timing, mix: Mix) -> int:
    """Return the requests that run at once: each may grow to its whole length, so none has to be preempted."""
    return max(1, min(known.max_batch_size, int(known.kv_capacity_tokens / (mix.input_tokens + mix.output_tokens))))


def server_of(known: Timing, mix: Mix) -> Server:
    """Return the service of one replica at the mix, for every batch up to the largest."""
    coefficients = known.coefficients
    batch = np.arange(1, batch_size(known, mix) + 1, dtype=np.float64)
    compute_tokens = (mix.input_tokens + mix.output_tokens) / (mix.output_tokens + 1)
    memory_tokens = mix.input_tokens + mix.output_tokens / 2
    beta, gamma = coefficients.beta_seconds_per_token, coefficients.gamma_seconds_per_token
    iteration = coefficients.iteration_seconds(batch, compute_tokens=compute_tokens, memory_tokens=memory_tokens)
    return Server(
        prefill_seconds=coefficients.prefill_seconds(iteration, batch, input_tokens=mix.input_tokens),
        decode_seconds=iteration + beta + gamma * memory_tokens,
        output_tokens=mix.output_tokens,
        prompt_seconds=(beta + gamma) * mix.input_tokens,
        request_seconds=coefficients.request_seconds,
    )


def latency_alone(known: Timing, mix: Mix) -> Operation:
    """Return the latencies of a single request on an idle replica: the least that the shape can promise."""
    server = server_of(known, mix)
    return Operation(0.0, float(server.prefill_seconds[0]) + server.request_seconds, float(server.decode_seconds[0]))
