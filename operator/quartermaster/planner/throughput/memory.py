"""Whether a model fits on the chips of a replica, and how many tokens its KV cache then holds. No speed, no rules.

Formulas, per chip:
    usable = 0.9 · memory − overhead
    cache  = usable − weights of the chip
    weights of the chip = all weights / chips; with data-parallel attention, routed experts / chips and the rest
             / (tensor · pipeline parallelism), since every rank holds the rest whole (engines that split some of it
             further have more room than is counted on)
    bytes of cache per token = kv bytes per token / (pipeline parallelism · shards)
    shards = min(tensor parallelism, kv heads) with grouped-query attention; 1 with latent attention, whose cache every
             tensor-parallel rank holds whole
Data-parallel attention gives each rank requests of its own, so that the ranks' caches add up.
The 0.9 is vLLM's default ``--gpu-memory-utilization`` (documentation read 2026-11-21). The overhead, 3.5 GB on a large
chip, is that of published capacity models (same date): activations, graphs, communication buffers.
"""

from dataclasses import dataclass

from quartermaster.api.v1alpha1.enums import Precision
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.model import Model
from quartermaster.planner.fleet import Shape, Workload
from quartermaster.planner.throughput.layout import Layout, layout_of, settled
from quartermaster.planner.throughput.parameters import bytes_per_parameter, routed_experts

USABLE_FRACTION = 0.9
OVERHEAD_BYTES = 3.5e9
OVERHEAD_MAX_FRACTION = 0.06
"""Small chips run smaller batches and need smaller buffers."""
DEFAULT_CONTEXT_TOKENS = 32_768
"""Longest sequence served when the deployment states none."""


@dataclass(frozen=True, slots=True)
class MemoryFit:
    """What a replica's memory holds."""

    weights_bytes: int
    """Over all chips: what each attention rank holds of its own counts as often."""
    usable_bytes: float
    """Over all chips of the replica, after overhead."""
    kv_capacity_tokens: int
    """0 when not even the weights fit."""


def served_context_tokens(workload: Workload) -> int:
    """Return the longest sequence that replicas accept."""
    stated = workload.spec.serving.max_context_tokens
    return min(workload.model.context_tokens, DEFAULT_CONTEXT_TOKENS if stated is None else stated)


def cache_bytes_per_token_per_rank(model: Model, ranks: Layout, *, held_tokens: float | None = None) -> float | None:
    """Return the bytes of cache of one token on a chip that holds its request; None when the model's facts are missing.

    ``held_tokens`` asks for what a step reads instead, per token held: layers with a window add what they hold, and
    sparse attention reads no more than it selects.
    """
    if model.kv_bytes_per_token is None:
        return None
    stated = model.kv_bytes_per_token * ranks.cache_fraction
    if held_tokens is not None and model.sparse_tokens is not None:
        stated *= min(1.0, model.sparse_tokens / held_tokens)
    if held_tokens is not None and model.window_tokens is not None and model.kv_heads and model.head_dimension:
        per_layer = 4 * model.kv_heads * model.head_dimension
        windowed = max(0.0, (model.layers or 0) - model.kv_bytes_per_token / per_layer)
        stated += windowed * per_layer * ranks.cache_fraction * min(1.0, model.window_tokens / held_tokens)
    shards = 1 if model.mla is not None else min(ranks.tensor_parallelism, model.kv_heads or 1)
    return stated / (ranks.pipeline_parallelism * shards)


def usable_bytes_per_chip(accelerator: Accelerator) -> float:
    """Return what an engine may use of one chip's memory for weights and cache."""
    overhead = min(OVERHEAD_BYTES, OVERHEAD_MAX_FRACTION * accelerator.memory_bytes)
    return USABLE_FRACTION * accelerator.memory_bytes - overhead


def memory_fit(model: Model, accelerator: Accelerator, shape: Shape) -> MemoryFit | None:
    """Return what fits; None when the model's cache per token is unknown."""
    return layout_fit(model, accelerator, shape.precision, layout=layout_of(shape))


def layout_fit(model: Model, accelerator: Accelerator, precision: Precision, *, layout: Layout) -> MemoryFit | None:
    """Return what fits on the ranks of a layout; None when the model's cache per token is unknown."""
    ranks = settled(layout, model)
    per_token = cache_bytes_per_token_per_rank(model, ranks)
    if per_token is None:
        return None
    weights = held_weights_bytes(model, precision, ranks)
    usable = usable_bytes_per_chip(accelerator)
    free = usable - weights / ranks.chips
    capacity = max(0, int(free * ranks.data_parallelism / per_token)) if free > 0 else 0
    return MemoryFit(weights, usable * ranks.chips, capacity)


def held_weights_bytes(model: Model, precision: Precision, ranks: Layout) -> int:
    """Return the bytes of weights over all chips: every attention rank holds all but the routed experts."""
    weights = model.weights_bytes(precision)
    if ranks.data_parallelism == 1:
        return weights
    experts = routed_experts(model)[0] * bytes_per_parameter(model, precision)[1]
    return round(weights + (ranks.data_parallelism - 1) * max(0.0, weights - experts))


def smallest_parallelism(model: Model, accelerator: Accelerator, shape: Shape, *, tokens: int) -> int | None:
    """Return the smallest power of two of tensor parallelism, at most 64, at which weights and ``tokens`` fit.

    Stages are put together; ranks of data-parallel attention stay as many.
    """
    for chips in (1, 2, 4, 8, 16, 32, 64):
        wider = Shape(shape.engine, shape.precision, chips, data_parallelism=shape.data_parallelism)
        fit = memory_fit(model, accelerator, wider)
        if fit is not None and fit.kv_capacity_tokens >= tokens:
            return chips
    return None


def narrower_precisions(precision: Precision) -> tuple[Precision, ...]:
    """Return the number formats with smaller weights, the widest first."""
    order = (Precision.BF16, Precision.FP8, Precision.INT8, Precision.FP4, Precision.INT4)
    narrow = order[order.index(precision) + 1 :]
    return tuple(p for p in narrow if not (precision is Precision.FP8 and p is Precision.INT8))
