"""Throughput of one replica: measured profile or roofline, then the queue model. Pure, and remembered by its inputs.

The first source that exists decides: a ModelProfile of the same model, accelerator, engine, precision and parallelism
(``Measured``), otherwise the roofline of the datasheet (``Estimated``). No headroom is taken here: the demand that is
planned for holds it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf, isnan

import numpy as np

from quartermaster.api.v1alpha1 import ModelProfileSpec
from quartermaster.api.v1alpha1.enums import EngineName, Precision, ProfileOrigin
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.model import Model
from quartermaster.planner.candidate import Throughput
from quartermaster.planner.fleet import Shape, Source, Workload
from quartermaster.planner.throughput.coefficients import Coefficients, columns
from quartermaster.planner.throughput.memory import memory_fit
from quartermaster.planner.throughput.occupancy import nodes, padded
from quartermaster.planner.throughput.profiles import coefficients_of_profile
from quartermaster.planner.throughput.queueing import Servers, alone, best_operations, operations_at
from quartermaster.planner.throughput.roofline import roofline

MAX_BATCH_SIZE = 256
"""Requests that run at once on a rank that holds the attention: vLLM's default ``--max-num-seqs`` of its API server
(documentation read 2026-11-21)."""
_MIX_DIGITS = 3
"""Token means are rounded, so that a load that trembles does not make a new plan."""

_CASES_AT_ONCE = 256

ProfileKey = tuple[str, str, EngineName, Precision, int, int, int, int]
"""Model, accelerator, engine, precision; tensor, pipeline, data and expert parallelism."""


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
    """Return profiles by what they measured.

    Of several, one that a person stated goes before one that was observed, then the one that was most conservative
    about the batch.
    """
    found: dict[ProfileKey, ModelProfileSpec] = {}
    for profile in sorted(profiles, key=lambda p: (is_stated(p), -p.max_batch_size, p.alpha_seconds, p.evidence)):
        found[key_of_profile(profile)] = profile
    return found


def is_stated(profile: ModelProfileSpec) -> bool:
    """Whether a person vouches for the profile."""
    return profile.origin is ProfileOrigin.STATED


def key_of_profile(profile: ModelProfileSpec) -> ProfileKey:
    """Return what a profile measured."""
    return (
        profile.model,
        profile.accelerator,
        profile.engine,
        profile.precision,
        profile.tensor_parallelism,
        profile.pipeline_parallelism,
        profile.data_parallelism,
        profile.expert_parallelism,
    )


def profile_key(model: Model, accelerator: Accelerator, shape: Shape) -> ProfileKey:
    """Return the key under which a profile of this replica stands."""
    return (
        model.name,
        accelerator.name,
        shape.engine,
        shape.precision,
        shape.tensor_parallelism,
        shape.pipeline_parallelism,
        shape.data_parallelism,
        shape.expert_parallelism,
    )


def timing(
    model: Model, accelerator: Accelerator, shape: Shape, *, mix: Mix, profile: ModelProfileSpec | None
) -> Timing | None:
    """Return how a replica runs; None when neither a profile nor the datasheet says enough."""
    if profile is not None:
        measured = coefficients_of_profile(profile, model)
        return Timing(measured, profile.max_batch_size, profile.kv_capacity_tokens, Source.MEASURED)
    coefficients = roofline(model, accelerator, shape, input_tokens=mix.input_tokens, output_tokens=mix.output_tokens)
    fit = memory_fit(model, accelerator, shape)
    if coefficients is None or fit is None:
        return None
    return Timing(coefficients, MAX_BATCH_SIZE * shape.data_parallelism, fit.kv_capacity_tokens, Source.ESTIMATED)


Case = tuple[Timing, Mix, float | None]
"""A replica, the mean request, and the most generated tokens per second that may be counted on."""


@lru_cache(maxsize=65_536)
def throughput(known: Timing, mix: Mix, *, most_tokens_per_second: float | None = None) -> Throughput | None:
    """Return what one replica sustains; None when no rate holds the objectives.

    Args:
        known: coefficients and limits of the replica.
        mix: tokens of the mean request, and the latencies to hold as means.
        most_tokens_per_second: the most generated tokens per second that may be counted on.
    """
    return throughputs([(known, mix, most_tokens_per_second)])[0]


def throughputs(cases: Sequence[Case]) -> list[Throughput | None]:
    """Return what ``throughput`` returns for every case, in the order of the cases; equal cases are worked out once."""
    places: dict[Case, int] = {}
    which = [places.setdefault(case, len(places)) for case in cases]
    distinct = list(places)
    # Tables of equal width, so that no answer depends on other cases; few at a time, so that they stay in the cache.
    alike: dict[int, list[int]] = {}
    for i, (known, mix, _) in enumerate(distinct):
        alike.setdefault(nodes(batch_size(known, mix))[0].size, []).append(i)
    found: list[Throughput | None] = [None] * len(distinct)
    for places_alike in alike.values():
        for start in range(0, len(places_alike), _CASES_AT_ONCE):
            some = places_alike[start : start + _CASES_AT_ONCE]
            for i, result in zip(some, _solved([distinct[i] for i in some]), strict=True):
                found[i] = result
    return [found[i] for i in which]


def _solved(cases: Sequence[Case]) -> list[Throughput | None]:
    servers = servers_of([(known, mix) for known, mix, _ in cases])
    limits = np.array([_limits(case) for case in cases])
    best = best_operations(servers, ttft_limits_seconds=limits[:, 0], itl_limits_seconds=limits[:, 1])
    most = limits[:, 2]
    over = best.requests_per_second > most
    columns_of = [best.requests_per_second, best.time_to_first_token_seconds, best.inter_token_latency_seconds]
    if over.any():
        lower = operations_at(servers.of(over), most[over])
        new = (lower.requests_per_second, lower.time_to_first_token_seconds, lower.inter_token_latency_seconds)
        for values, lowered in zip(columns_of, new, strict=True):
            values[over] = lowered
    rates, ttfts, itls = (values.tolist() for values in columns_of)
    return [
        None
        if isnan(rate)
        else Throughput(
            rate, rate * mix.output_tokens, ttft, itl, batch_size(known, mix), known.kv_capacity_tokens, known.source
        )
        for (known, mix, _), rate, ttft, itl in zip(cases, rates, ttfts, itls, strict=True)
    ]


def _limits(case: Case) -> tuple[float, float, float]:
    """Return the longest time to first token, the longest inter-token latency, and the most requests per second."""
    _, mix, most = case
    ttft, itl = mix.time_to_first_token_seconds, mix.inter_token_latency_seconds
    return (
        inf if ttft is None else ttft,
        inf if itl is None else itl,
        inf if most is None else most / mix.output_tokens,
    )


def batch_size(known: Timing, mix: Mix) -> int:
    """Return the requests that run at once: each may grow to its whole length, so none has to be preempted."""
    return max(1, min(known.max_batch_size, int(known.kv_capacity_tokens / (mix.input_tokens + mix.output_tokens))))


def servers_of(cases: Sequence[tuple[Timing, Mix]]) -> Servers:
    """Return the service of replicas at their mixes."""
    batch, weight = padded([batch_size(known, mix) for known, mix in cases])
    table = columns([known.coefficients for known, _ in cases])
    tokens = np.array([(mix.input_tokens, mix.output_tokens) for _, mix in cases])
    inputs, outputs = tokens[:, :1], tokens[:, 1:]
    memory_tokens = inputs + outputs / 2
    prompts = inputs / (outputs + 1)
    iteration = table.iteration_seconds(batch, (inputs + outputs) / (outputs + 1), memory_tokens, prompts)
    return Servers(
        batch=batch,
        weight=weight,
        prefill_seconds=table.prefill_seconds(iteration, batch, inputs),
        decode_seconds=table.decode_seconds(iteration, memory_tokens),
        output_tokens=tokens[:, 1],
        prompt_seconds=table.prompt_seconds(inputs)[:, 0],
        request_seconds=table.request_seconds[:, 0],
    )


def latency_alone(known: Timing, mix: Mix) -> tuple[float, float]:
    """Return time to first token and inter-token latency of a single request: the least that a shape can promise."""
    idle = alone(servers_of([(known, mix)]))
    return float(idle.time_to_first_token_seconds[0]), float(idle.inter_token_latency_seconds[0])
