"""What each engine calls what we want to know: exact names, the newer generation before the older.

Sources: vLLM 0.21.0 (``v1/metrics/loggers.py``), SGLang 0.5.10.post1 (``srt/metrics/collector.py``) and TensorRT-LLM's
trtllm-serve (``tensorrt_llm/metrics/collector.py``), read 2026-11-21. Their generations differ in this:

- vLLM's KV gauge was ``gpu_cache_usage_perc`` until 0.9; it and SGLang called the time between tokens
  ``time_per_output_token_seconds``.
- SGLang counts requests that were broken off apart from the others, and tokens when a request ends.
- TensorRT-LLM's names have the prefix ``trtllm_`` today and were bare before. The old ones are five, and show neither
  queue nor batch: load on such a replica is known by half, and nothing is scaled down.

An engine shows a series once for each data-parallel rank, which add up (fractions are averaged), and may show the same
number once for each tensor- or pipeline-parallel rank, which count once.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from quartermaster.autoscaler.sample import Readings
from quartermaster.catalog.vocabulary import MetricDialect
from quartermaster.telemetry.exposition import SeriesByName

REPEATED_BY: Final = frozenset({"tp_rank", "pp_rank", "moe_ep_rank"})
"""Labels of ranks that work on the same requests."""

Names = tuple[str, ...]
"""One name for each generation of the engine, the newest first."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The names of one engine, by the field of ``Readings`` that they fill."""

    names_by_field: Mapping[str, Names]
    added_by_field: Mapping[str, Names] = field(default_factory=dict)
    """Series that are a further part of a field, where the engine counts its parts apart."""
    block_labels: tuple[str, str, str] | None = None
    """A series of constant 1 whose labels give the KV cache: its name, blocks, and tokens per block."""
    block_series: tuple[str, str] | None = None
    """Two gauges that give the KV cache: blocks, and tokens per block."""
    wanted: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Collect every name, so that a page is scanned once."""
        groups = (*self.names_by_field.values(), *self.added_by_field.values(), self.block_series or ())
        names = {name for group in groups for name in group}
        names |= {self.block_labels[0]} if self.block_labels else set()
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
        **_histogram(
            "inter_token_latency", "sglang:inter_token_latency_seconds", "sglang:time_per_output_token_seconds"
        ),
    },
    added_by_field={"requests_total": ("sglang:num_aborted_requests_total",)},
)

_TRTLLM: Final = Dialect(
    {
        "waiting": ("trtllm_num_requests_waiting",),
        "running": ("trtllm_num_requests_running",),
        "requests_total": (
            "trtllm_num_requests_completed_total",
            "trtllm_request_success_total",
            "request_success_total",
        ),
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


def readings(dialect: Dialect, series_by_name: SeriesByName) -> Readings:
    """Return what the series say; what is missing, or is no finite number of at least 0, stays None."""
    found: dict[str, float] = {}
    for field_name, names in dialect.names_by_field.items():
        values = next((values for name in names if (values := _values(series_by_name, name))), [])
        if field_name in _AVERAGED and values:
            found[field_name] = min(1.0, sum(values) / len(values))
        elif values:
            added = (_values(series_by_name, name) for name in dialect.added_by_field.get(field_name, ()))
            found[field_name] = sum(values) + sum(map(sum, added))
    capacity = _kv_capacity_tokens(dialect, series_by_name)
    if capacity is not None:
        found["kv_capacity_tokens"] = capacity
    return Readings(**found)


def _values(series_by_name: SeriesByName, name: str) -> list[float]:
    """Return one value for each rank that has requests of its own."""
    value_by_labels: dict[frozenset[tuple[str, str]], float] = {}
    for one in series_by_name.get(name, ()):
        if math.isfinite(one.value) and one.value >= 0:
            labels = frozenset(pair for pair in one.labels.items() if pair[0] not in REPEATED_BY)
            value_by_labels[labels] = max(one.value, value_by_labels.get(labels, 0.0))
    return list(value_by_labels.values())


def _kv_capacity_tokens(dialect: Dialect, series_by_name: SeriesByName) -> float | None:
    if dialect.block_labels is not None:
        name, blocks, size = dialect.block_labels
        rows = [(one.labels.get(blocks, ""), one.labels.get(size, "")) for one in series_by_name.get(name, ())]
        products = [float(count) * float(tokens) for count, tokens in rows if count.isdecimal() and tokens.isdecimal()]
        return sum(products) if products else None
    if dialect.block_series is not None:
        factors = [_values(series_by_name, name) for name in dialect.block_series]
        return math.prod(factor[0] for factor in factors) if all(factors) else None
    return None
