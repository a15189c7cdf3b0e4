"""Whether a model fits on the chips of a replica, and how many tokens its KV cache then holds. No speed, no rules.

Formulas, per chip:
    usable = 0.9 · memory − overhead
    cache  = usable − weights / (tensor · pipeline parallelism)
    bytes of cache per token = kv bytes per token / (pipeline parallelism · shards)
    shards = min(tensor parallelism, kv heads) with grouped-query attention; 1 with latent attention, whose cache every
             tensor-parallel rank holds whole
The 0.9 is vLLM's default ``--gpu-memory-utilization`` (documentation read 2026-11-21). The overhead, 3.5 GB on a large
chip, is that of published capacity models (same date): activations, graphs, communication buffers.
"""

from dataclasses import dataclass

from quartermaster.api.v1alpha1.enums import Precision
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.model import Model
from quartermaster.planner.fleet import Shape, Workload

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
    usable_bytes: float
    """Over all chips of the replica, after overhead."""
    kv_capacity_tokens: int
    """0 when not even the weights fit."""


def served_context_tokens(workload: Workload) -> int:
    """Return the longest sequence that replicas accept."""
    stated = workload.spec.serving.max_context_tokens
    return min(workload.model.context_tokens, DEFAULT_CONTEXT_TOKENS if stated is None else stated)


def kv_bytes_per_token_per_chip(model: Model, shape: Shape) -> float | None:
    """Return the bytes of cache that one token takes on each chip; None when the model's facts are missing."""
    if model.kv_bytes_per_token is None:
        return None
    shards = 1 if model.mla is not None else min(shape.tensor_parallelism, model.kv_heads or 1)
    return model.kv_bytes_per_token / (shape.pipeline_parallelism * shards)


def usable_bytes_per_chip(accelerator: Accelerator) -> float:
    """Return what an engine may use of one chip's memory for weights and cache."""
    overhead = min(OVERHEAD_BYTES, OVERHEAD_MAX_FRACTION * accelerator.memory_bytes)
    return USABLE_FRACTION * accelerator.memory_bytes - overhead


def memory_fit(model: Model, accelerator: Accelerator, shape: Shape) -> MemoryFit | None:
    """Return what fits; None when the model's cache per token is unknown."""
    per_token = kv_bytes_per_token_per_chip(model, shape)
    if per_token is None:
        return None
    weights = model.weights_bytes(shape.precision)
    usable = usable_bytes_per_chip(accelerator)
    free = usable - weights / shape.chips
    return MemoryFit(weights, usable * shape.chips, max(0, int(free / per_token)) if free > 0 else 0)


def smallest_parallelism(model: Model, accelerator: Accelerator, shape: Shape, *, tokens: int) -> int | None:
    """Return the smallest power of two of chips, at most 64, on which weights and a cache of ``tokens`` fit."""
    for chips in (1, 2, 4, 8, 16, 32, 64):
        fit = memory_fit(model, accelerator, Shape(shape.engine, shape.precision, chips))
        if fit is not None and fit.kv_capacity_tokens >= tokens:
            return chips
    return None


def narrower_precisions(precision: Precision) -> tuple[Precision, ...]:
    """Return the number formats with smaller weights, the widest first."""
    order = (Precision.BF16, Precision.FP8, Precision.INT8, Precision.FP4, Precision.INT4)
    narrow = order[order.index(precision) + 1 :]
    return tuple(p for p in narrow if not (precision is Precision.FP8 and p is Precision.INT8))
