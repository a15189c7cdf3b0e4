"""What one replica would do with so many requests at a time: latencies, throughput, and what limits it.

Joins work, factors, memory and the closed loop into one answer for people. No reading, no printing, no choice.
"""

from dataclasses import dataclass
from enum import StrEnum

from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.model import Model
from quartermaster.planner.fleet import Source
from quartermaster.planner.throughput.coefficients import Coefficients
from quartermaster.planner.throughput.efficiency import Efficiency, Uncertainty, efficiency
from quartermaster.planner.throughput.fit import MAX_BATCH_SIZE
from quartermaster.planner.throughput.layout import Layout, settled
from quartermaster.planner.throughput.memory import layout_fit
from quartermaster.planner.throughput.roofline import coefficients_of
from quartermaster.planner.throughput.steady import Point, running_of, steady
from quartermaster.planner.throughput.work import TERMS, Mean, Work, work


class Limit(StrEnum):
    """What takes most of a step, or keeps requests waiting."""

    MEMORY_BANDWIDTH = "MemoryBandwidth"
    """Reading weights, experts and cache."""
    COMPUTE = "Compute"
    NETWORK = "Network"
    """Exchange between the ranks."""
    LAUNCHES = "Launches"
    """Starting kernels, and what engines do once per step or request."""
    CACHE = "KVCache"
    """Requests wait for room in the cache."""


_KINDS = {
    "weights": Limit.MEMORY_BANDWIDTH,
    "experts": Limit.MEMORY_BANDWIDTH,
    "cache": Limit.MEMORY_BANDWIDTH,
    "compute": Limit.COMPUTE,
    "attention": Limit.COMPUTE,
    "reduce": Limit.NETWORK,
    "exchange": Limit.NETWORK,
}
"""What is not named here is launches."""


@dataclass(frozen=True, slots=True)
class Replica:
    """What is asked about."""

    model: Model
    accelerator: Accelerator
    engine: EngineName
    precision: Precision
    layout: Layout


@dataclass(frozen=True, slots=True)
class Estimate:
    """How one replica runs. All times are means."""

    time_to_first_token_seconds: float
    inter_token_latency_seconds: float
    concurrency: float
    """Requests in the replica at any time."""
    running: float
    """Requests that hold cache; the others wait."""
    tokens_per_second: float
    """Generated tokens of the replica."""
    requests_per_second: float
    kv_capacity_tokens: int
    weights_bytes: int
    limit: Limit
    step_fractions: dict[Limit, float]
    """Parts of a step by what takes the time."""
    uncertainty: Uncertainty
    source: Source = Source.ESTIMATED


class CannotEstimateError(Exception):
    """No figure can be given; the text says what was wanted, what was found and what would help."""


def figures(replica: Replica, mean: Mean) -> tuple[Work, Efficiency]:
    """Return the work of a step and the factors upon it.

    Raises:
        CannotEstimateError: the datasheet or the model lacks a figure.
    """
    done = work(replica.model, replica.accelerator, replica.precision, layout=replica.layout, mean=mean)
    if done is None:
        raise CannotEstimateError(
            f"wanted the speed of {replica.model.name} on {replica.accelerator.name}; the catalog lacks the bandwidth "
            "or arithmetic of the chip, or the layers or cache of the model: measure it and apply a ModelProfile"
        )
    return done, efficiency(replica.accelerator, replica.engine)


def coefficients_at(replica: Replica, mean: Mean) -> tuple[Coefficients, Uncertainty]:
    """Return the coefficients of the physics at a mix, with their uncertainty.

    Raises:
        CannotEstimateError: the datasheet or the model lacks a figure.
    """
    done, known = figures(replica, mean)
    return coefficients_of(done, known, stages=replica.layout.pipeline_parallelism), known.uncertainty


def kv_tokens(replica: Replica, mean: Mean) -> float:
    """Return the tokens that the cache of a replica that is known to run holds; endless where it should not fit."""
    fit = layout_fit(replica.model, replica.accelerator, replica.precision, layout=replica.layout)
    longest = mean.input_tokens + mean.output_tokens
    return float("inf") if fit is None or fit.kv_capacity_tokens < longest else float(fit.kv_capacity_tokens)


def estimate(replica: Replica, mean: Mean, *, concurrency: float | None = None) -> Estimate:
    """Return how a replica runs with so many requests at a time; None takes as many as fit, at most 256 a rank.

    Raises:
        CannotEstimateError: the model does not fit, or a figure is missing.
    """
    done, known = figures(replica, mean)
    fit = layout_fit(replica.model, replica.accelerator, replica.precision, layout=replica.layout)
    longest = mean.input_tokens + mean.output_tokens
    if fit is None or fit.kv_capacity_tokens < longest:
        raise CannotEstimateError(_too_small(replica, longest))
    asked = concurrency or max(
        1.0, float(min(MAX_BATCH_SIZE * replica.layout.data_parallelism, int(fit.kv_capacity_tokens / longest)))
    )
    point = Point(asked, mean.input_tokens, mean.output_tokens)
    coefficients = coefficients_of(done, known, stages=replica.layout.pipeline_parallelism)
    found = steady([coefficients], [point], [fit.kv_capacity_tokens])
    ttft, itl = float(found.time_to_first_token_seconds[0]), float(found.inter_token_latency_seconds[0])
    requests = asked / (ttft + mean.output_tokens * itl)
    running = running_of(point, fit.kv_capacity_tokens)
    fractions = _fractions(done, known, running, mean)
    limit = Limit.CACHE if running < asked else max(fractions, key=lambda kind: fractions[kind])
    return Estimate(
        time_to_first_token_seconds=ttft,
        inter_token_latency_seconds=itl,
        concurrency=asked,
        running=running,
        tokens_per_second=requests * mean.output_tokens,
        requests_per_second=requests,
        kv_capacity_tokens=fit.kv_capacity_tokens,
        weights_bytes=fit.weights_bytes,
        limit=limit,
        step_fractions=fractions,
        uncertainty=known.uncertainty,
    )


def _fractions(done: Work, known: Efficiency, running: float, mean: Mean) -> dict[Limit, float]:
    seconds = dict.fromkeys((Limit.MEMORY_BANDWIDTH, Limit.COMPUTE, Limit.NETWORK, Limit.LAUNCHES), 0.0)
    for name, time, factor in zip(TERMS, done.seconds(running, mean), known.step_factors, strict=True):
        seconds[_KINDS.get(name, Limit.LAUNCHES)] += time * factor
    total = sum(seconds.values())
    return {kind: time / total for kind, time in seconds.items()}


def _too_small(replica: Replica, longest: float) -> str:
    layout = settled(replica.layout, replica.model)
    chips = f"{layout.chips} × {replica.accelerator.name}"
    wanted = (
        f"wanted room for {replica.model.name} in {replica.precision.value} and one request of {longest:.0f} tokens"
    )
    for more in (2, 4, 8, 16, 32, 64):
        if more <= layout.chips:
            continue
        fit = layout_fit(replica.model, replica.accelerator, replica.precision, layout=Layout(more))
        if fit is not None and fit.kv_capacity_tokens >= longest:
            return f"{wanted}; {chips} are too small: raise --tp to {more}"
    return f"{wanted}; {chips} are too small: use a narrower precision or a chip with more memory"
