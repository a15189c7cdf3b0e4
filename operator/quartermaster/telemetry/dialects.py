"""What each engine calls what we want to know: exact names, the newer generation before the older.

Sources: vLLM 0.21.0, SGLang 0.5.10.post1 and TensorRT-LLM's trtllm-serve, read 2026-11-21. An engine with several
data-parallel ranks shows every series once for each: counts are added up, fractions are averaged.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from quartermaster.autoscaler.sample import Readings
from quartermaster.catalog.vocabulary import MetricDialect
from quartermaster.telemetry.exposition import Series

Names = tuple[str, ...]
"""One name for each generation of the engine, the newest first."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The names of one engine, by the field of ``Readings`` that they fill."""

    names_by_field: Mapping[str, Names]
    block_labels: tuple[str, str, str] | None = None
    """A series of constant 1 whose labels give the KV cache: its name, blocks, and tokens per block."""
    block_series: tuple[str, str] | None = None
    """Two gauges that give the KV cache: blocks, and tokens per block."""
    wanted: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Collect every name, so that a page is scanned once."""
        names = {name for names in self.names_by_field.values() for name in names}
        names |= {self.block_labels[0]} if self.block_labels else set()
        names |= set(self.block_series or ())
        object.__setattr__(self, "wanted", frozenset(names))


def _histogram(field_name: str, *names: str) -> dict[str, Names]:
    """Return the sum and the count of a histogram of times."""
    return {
        f"{field_name}_seconds_sum": tuple(f"{name}_sum" for name in names),
        f"{field_name}_count": tuple(f"{name}_count" for name in names),
    }


_VLLM: Final = Dialect(
    {
        "waiting": ("vllm:num_requests_waiting",),
        "running": ("vllm:num_requests_running",),
        "requests_total": ("vllm:request_success_total",),
        "prompt_tokens_total": ("vllm:prompt_tokens_total",),
        "generation_tokens_total": ("vllm:generation_tokens_total",),
        "request_prompt_tokens_sum": ("vllm:request_prompt_tokens_sum",),
        "request_generation_tokens_sum": ("vllm:request_generation_tokens_sum",),
        "kv_used_fraction": ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
        **_histogram("time_to_first_token", "vllm:time_to_first_token_seconds"),
        **_histogram("inter_token_latency", "vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"),
    },
    block_labels=("vllm:cache_config_info", "num_gpu_blocks", "block_size"),
)

_SGLANG: Final = Dialect(
    {
        "waiting": ("sglang:num_queue_reqs",),
        "running": ("sglang:num_running_reqs",),
        "requests_total": ("sglang:num_requests_total",),
        "prompt_tokens_total": ("sglang:prompt_tokens_total",),
        "generation_tokens_total": ("sglang:generation_tokens_total",),
        "kv_used_fraction": ("sglang:token_usage",),
        "kv_capacity_tokens": ("sglang:max_total_num_tokens",),
        **_histogram("time_to_first_token", "sglang:time_to_first_token_seconds"),
        **_histogram("inter_token_latency", "sglang:inter_token_latency_seconds"),
    }
)

_TRTLLM: Final = Dialect(
    {
        "waiting": ("trtllm_num_requests_waiting",),
        "running": ("trtllm_num_requests_running",),
        "requests_total": ("trtllm_request_success_total", "request_success_total"),
        "prompt_tokens_total": ("trtllm_prompt_tokens_total",),
        "generation_tokens_total": ("trtllm_generation_tokens_total",),
        "kv_used_fraction": ("trtllm_kv_cache_utilization",),
        **_histogram("time_to_first_token", "trtllm_time_to_first_token_seconds", "time_to_first_token_seconds"),
        **_histogram("inter_token_latency", "trtllm_time_per_output_token_seconds", "time_per_output_token_seconds"),
    },
    block_series=("trtllm_kv_cache_max_blocks", "trtllm_kv_cache_tokens_per_block"),
)

DIALECTS: Final[Mapping[MetricDialect, Dialect]] = {
    MetricDialect.VLLM: _VLLM,
    MetricDialect.SGLANG: _SGLANG,
    MetricDialect.TRTLLM: _TRTLLM,
}

_AVERAGED: Final = frozenset({"kv_used_fraction"})


def readings(dialect: Dialect, series: Sequence[Series]) -> Readings:
    """Return what the series say; what is missing, or is no finite number of at least 0, stays None."""
    values_by_name: dict[str, list[float]] = {}
    for one in series:
        if math.isfinite(one.value) and one.value >= 0:
            values_by_name.setdefault(one.name, []).append(one.value)
    found: dict[str, float] = {}
    for field_name, names in dialect.names_by_field.items():
        values = next((values_by_name[name] for name in names if name in values_by_name), None)
        if values:
            found[field_name] = sum(values) / len(values) if field_name in _AVERAGED else sum(values)
    capacity = _kv_capacity_tokens(dialect, series)
    if capacity is not None:
        found["kv_capacity_tokens"] = capacity
    return Readings(**found)


def _kv_capacity_tokens(dialect: Dialect, series: Sequence[Series]) -> float | None:
    if dialect.block_labels is not None:
        name, blocks, size = dialect.block_labels
        products = [_product(one.labels.get(blocks), one.labels.get(size)) for one in series if one.name == name]
        known = [product for product in products if product is not None]
        return sum(known) if known else None
    if dialect.block_series is not None:
        values = {one.name: one.value for one in series if one.name in dialect.block_series}
        if len(values) == len(dialect.block_series):
            return math.prod(values.values())
    return None


def _product(first: str | None, second: str | None) -> float | None:
    try:
        return float(first or "") * float(second or "")
    except ValueError:
        return None
