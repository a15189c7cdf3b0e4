"""Points of operation → the ModelProfile that they tell of, with the physics as the prior. Pure; decides on no write.

A profile is made of at least ``LEAST_BATCHES`` batches that differ, and only where the corrected times then fit the
points. Points that are far from the physics were not this kind of work and are left out; what remains moves no
throughput further than by ``FURTHEST`` from the physics. The time to first token is free of the wait in the queue and
of the wait for others' prompts, ρ S / 2 (1 − ρ), which the planner adds itself (see ``planner.throughput.queueing``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, exp, inf, isfinite, log
from statistics import fmean, median
from typing import Final

from quartermaster.api.v1alpha1 import ModelProfileSpec
from quartermaster.api.v1alpha1.enums import ProfileOrigin
from quartermaster.autoscaler.operation import MOST_WAITING, Operation
from quartermaster.catalog.model import Model
from quartermaster.planner.fleet import Source
from quartermaster.planner.throughput.calibration import Correction, Point, correction
from quartermaster.planner.throughput.coefficients import Coefficients
from quartermaster.planner.throughput.efficiency import efficiency
from quartermaster.planner.throughput.fit import MAX_BATCH_SIZE, Mix, Timing, throughput
from quartermaster.planner.throughput.memory import memory_fit
from quartermaster.planner.throughput.profiles import coefficients_of_profile, profile_fields
from quartermaster.planner.throughput.roofline import roofline
from quartermaster.planner.throughput.steady import steady
from quartermaster.reconcile.record import Seen, Subject

LEAST_BATCHES: Final = 3
LEAST_SPREAD: Final = 2.0
"""Largest over smallest batch, each with one request more, that tells what a request costs from what a step costs."""
FURTHEST: Final = 4.0
"""Factor from the physics beyond which no throughput is moved."""
_FURTHEST_TOKEN: Final = 5.0
_FURTHEST_FIRST: Final = 10.0
"""Factors beyond which a point was not this kind of work."""
_WEIGHT: Final = 4
"""A time per token stands for so many of a published table: it is of thousands of tokens, and its mix was measured."""
WORST_FIT: Final = 0.15
"""Median error of the time per token after the correction; beyond it the points contradict one another."""
_MOST_PROMPTING: Final = 0.3
_LEAST_FIRST: Final = 0.3
_MOST_BATCH: Final = 65_536
"""What the API holds."""
_ROUNDS: Final = 12
_NAMED: Final = 4
_PLACES: Final = 2
"""Significant digits of the cache's tokens: replicas differ a little."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the points tell."""

    spec: ModelProfileSpec
    batches: tuple[float, ...]
    """Of the points."""
    input_tokens: float
    output_tokens: float


def measured(subject: Subject, seen: Sequence[Seen]) -> Measured | None:
    """Return what the points tell; None where they are too few, too alike, or at odds with one another."""
    rows = [row for each in seen if (row := _row(subject, each)) is not None]
    operations = [row[0].operation for row in rows]
    batches = [one.batch for one in operations]
    if len({row[0].bucket for row in rows}) < LEAST_BATCHES or (max(batches) + 1) / (min(batches) + 1) < LEAST_SPREAD:
        return None
    priors, points = [row[1] for row in rows], [row[2] for row in rows]
    known = efficiency(subject.accelerator, subject.shape.engine)
    tokens = [replace(point, time_to_first_token_seconds=None) for point in points] * (_WEIGHT - 1)
    found = correction(priors * _WEIGHT, points + tokens, uncertainty=known.uncertainty)
    mix = Mix(fmean(one.input_tokens for one in operations), fmean(one.output_tokens for one in operations), None, None)
    prior = _prior(subject, mix.input_tokens, mix.output_tokens)
    fit = memory_fit(subject.model, subject.accelerator, subject.shape)
    if prior is None or fit is None or fit.kv_capacity_tokens < 1:
        return None
    cache = _cache(operations, fit.kv_capacity_tokens)
    most = MAX_BATCH_SIZE * subject.shape.data_parallelism
    physics = Timing(prior, most, fit.kv_capacity_tokens, Source.ESTIMATED)
    corrected = _bounded(physics, Timing(prior, _batch_limit(operations, most), cache, Source.MEASURED), found, mix=mix)
    after = _errors([corrected.coefficients] * len(points), points)
    if after[0] > WORST_FIT:
        return None
    spec = ModelProfileSpec.model_validate(
        {
            "model": subject.model.name,
            "accelerator": subject.accelerator.name,
            "engine": subject.shape.engine.value,
            "precision": subject.shape.precision.value,
            "tensorParallelism": subject.shape.tensor_parallelism,
            "pipelineParallelism": subject.shape.pipeline_parallelism,
            "dataParallelism": subject.shape.data_parallelism,
            "expertParallelism": subject.shape.expert_parallelism,
            **profile_fields(corrected.coefficients),
            "maxBatchSize": min(corrected.max_batch_size, cache),
            "kvCapacityTokens": cache,
            "origin": ProfileOrigin.OBSERVED.value,
            "evidence": _evidence([row[0] for row in rows], _errors(priors, points), after),
        }
    )
    return Measured(spec, tuple(batches), mix.input_tokens, mix.output_tokens)


def moved(subject: Subject, before: ModelProfileSpec, after: Measured) -> float:
    """Return by what fraction the estimate moves: of the time per token where points are, or half of that of others.

    The time to first token holds more chance, and the throughput, of a full batch, lies mostly beyond the points.
    """
    old, new = _timing_of(before, subject.model), _timing_of(after.spec, subject.model)
    points = [Point(batch, after.input_tokens, after.output_tokens) for batch in after.batches]
    mix = Mix(after.input_tokens, after.output_tokens, None, None)
    token, first = (
        max(abs(log(later / earlier)) for later, earlier in zip(times, known, strict=True))
        for times, known in zip(_times(new.coefficients, points), _times(old.coefficients, points), strict=True)
    )
    return exp(max(token, first / 2, abs(log(_rate(new, mix) / _rate(old, mix))) / 2)) - 1


def _timing_of(spec: ModelProfileSpec, model: Model) -> Timing:
    return Timing(coefficients_of_profile(spec, model), spec.max_batch_size, spec.kv_capacity_tokens, Source.MEASURED)


def _times(coefficients: Coefficients, points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """Return the times per token and the times to first token, where all requests fit."""
    found = steady([coefficients] * len(points), points, [inf] * len(points))
    return found.inter_token_latency_seconds.tolist(), found.time_to_first_token_seconds.tolist()


def _rate(known: Timing, mix: Mix) -> float:
    """Return requests per second without objectives; above 0."""
    found = throughput(known, mix)
    return 1e-9 if found is None else max(1e-9, found.requests_per_second)


def _prior(subject: Subject, input_tokens: float, output_tokens: float) -> Coefficients | None:
    """Return the physics at a mix, without what only a closed loop knows, for the planner does not count it."""
    found = roofline(
        subject.model, subject.accelerator, subject.shape, input_tokens=input_tokens, output_tokens=output_tokens
    )
    return None if found is None else replace(found, wave_factor=0.0, queue_factor=0.0, cache_wait_factor=0.0)


def _row(subject: Subject, seen: Seen) -> tuple[Seen, Coefficients, Point] | None:
    """Return a point with the physics at its mix; None where it was not this kind of work."""
    one = seen.operation
    prior = _prior(subject, one.input_tokens, one.output_tokens)
    if prior is None:
        return None
    point = Point(one.batch, one.input_tokens, one.output_tokens, None, one.time_per_token_seconds)
    expected = steady([prior], [point], [inf])
    if not _is_near(one.time_per_token_seconds, float(expected.inter_token_latency_seconds[0]), _FURTHEST_TOKEN):
        return None
    first = _first_token_seconds(one, prior)
    if first is not None and _is_near(first, float(expected.time_to_first_token_seconds[0]), _FURTHEST_FIRST):
        point = replace(point, time_to_first_token_seconds=first)
    return seen, prior, point


def _first_token_seconds(one: Operation, prior: Coefficients) -> float | None:
    """Return the time to first token of the replica itself; None where others' requests made most of it."""
    found = one.time_to_first_token_seconds
    prompt = (prior.beta_seconds_per_token + prior.attention_seconds_per_token) * one.input_tokens
    busy = one.requests_per_second * prompt
    if found is None or busy > _MOST_PROMPTING or one.waiting > MOST_WAITING * one.batch:
        return None
    return max(_LEAST_FIRST * found, found - busy * prompt / (2 * (1 - busy)))


def _is_near(found: float, expected: float, factor: float) -> bool:
    return isfinite(expected) and expected > 0 and expected / factor <= found <= expected * factor


def _errors(coefficients: Sequence[Coefficients], points: Sequence[Point]) -> tuple[float, float | None]:
    """Return the median errors of time per token and time to first token; None where no point tells the latter."""
    found = steady(coefficients, points, [inf] * len(points))
    pairs = [
        (found.inter_token_latency_seconds, [point.time_per_output_token_seconds for point in points]),
        (found.time_to_first_token_seconds, [point.time_to_first_token_seconds for point in points]),
    ]
    token, first = (
        [abs(predicted / told - 1) for predicted, told in zip(times.tolist(), known, strict=True) if told is not None]
        for times, known in pairs
    )
    return median(token), median(first) if first else None


def _cache(operations: Sequence[Operation], expected: int) -> int:
    """Return the tokens that the cache holds: the least that was told, unless that is out of all proportion."""
    told = [one.kv_capacity_tokens for one in operations if one.kv_capacity_tokens is not None]
    near = [tokens for tokens in told if _is_near(tokens, expected, FURTHEST)]
    return max(1, int(float(f"{min(near):.{_PLACES}g}"))) if near else expected


def _batch_limit(operations: Sequence[Operation], usual: int) -> int:
    """Return the requests that run at once: those of a full batch where one was seen, else what engines do."""
    largest = ceil(max(one.batch for one in operations))
    full = [one.full_batch for one in operations if one.full_batch is not None]
    return min(_MOST_BATCH, max(largest, *full) if full else max(largest, usual))


def _bounded(physics: Timing, prior: Timing, found: Correction, *, mix: Mix) -> Timing:
    """Return the corrected replica, held back so far that its throughput is within ``FURTHEST`` of the physics.

    First come the times, then the batch as far as there is room left.

    Args:
        physics: what was believed before.
        prior: the physics with the batch and the cache that were observed.
        found: what the points say.
        mix: the mean request.
    """
    expected = _rate(physics, mix)

    def is_near(known: Timing) -> bool:
        return _is_near(_rate(known, mix), expected, FURTHEST)

    roomy = replace(prior, max_batch_size=max(prior.max_batch_size, physics.max_batch_size))
    part = 1.0
    if not is_near(_corrected(roomy, found, 1.0)):
        low, high = 0.0, 1.0
        for _ in range(_ROUNDS):
            part = (low + high) / 2
            low, high = (part, high) if is_near(_corrected(roomy, found, part)) else (low, part)
        part = low
    batch = prior.max_batch_size
    while batch < roomy.max_batch_size and not is_near(_corrected(replace(prior, max_batch_size=batch), found, part)):
        batch = min(2 * batch, roomy.max_batch_size)
    return _corrected(replace(prior, max_batch_size=batch), found, part)


def _corrected(known: Timing, found: Correction, part: float) -> Timing:
    """Return the replica with a part of the correction: each factor to that power."""
    some = replace(found, factors=tuple((name, factor**part) for name, factor in found.factors))
    return replace(known, coefficients=some.of(known.coefficients))


def _evidence(seen: Sequence[Seen], before: tuple[float, float | None], after: tuple[float, float | None]) -> str:
    """Return how many points there are, whose, of when, and the errors before and after."""
    deployments = sorted({str(each.deployment) for each in seen})
    more = f" and {len(deployments) - _NAMED} more" if len(deployments) > _NAMED else ""
    times = [each.at for each in seen]
    batches = [each.operation.batch for each in seen]
    said = (
        f"{len(seen)} points of {', '.join(deployments[:_NAMED])}{more}, {min(times):%Y-%m-%dT%H:%MZ} to "
        f"{max(times):%Y-%m-%dT%H:%MZ}, mean batches of {min(batches):.1f} to {max(batches):.1f}; "
        f"median error of the time per token {before[0]:.0%} before and {after[0]:.0%} after"
    )
    if before[1] is not None and after[1] is not None:
        said += f", of the time to first token {before[1]:.0%} and {after[1]:.0%}"
    return said
