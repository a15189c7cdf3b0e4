"""vLLM's `/metrics`, of today (0.21) and of the generation before it (0.8).

Labels are `model_name, engine` today and `model_name` alone before; `vllm:cache_config_info` has no `model_name`.
Names checked against vLLM's `v1/metrics/loggers.py` in 2026-11.
"""

from __future__ import annotations

from tests.lab.modelserver.exposition.reading import Reading
from tests.lab.modelserver.exposition.text import Exposition
from tests.lab.modelserver.recorder import Bounds, Measure

_LATENCY = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680)
_FIRST_TOKEN = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75),
    *(1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560),
)
_PER_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)
_LENGTHS = (*(step * 10**power for power in range(5) for step in (1, 2, 5)), 100_000)

BOUNDS: Bounds = {
    Measure.TIME_TO_FIRST_TOKEN: _FIRST_TOKEN,
    Measure.INTER_TOKEN: _PER_TOKEN,
    Measure.TIME_PER_OUTPUT_TOKEN: _PER_TOKEN,
    Measure.END_TO_END: _LATENCY,
    Measure.QUEUE: _LATENCY,
    Measure.INFERENCE: _LATENCY,
    Measure.PREFILL: _LATENCY,
    Measure.DECODE: _LATENCY,
    Measure.PROMPT_TOKENS: _LENGTHS,
    Measure.GENERATION_TOKENS: _LENGTHS,
    Measure.ITERATION_TOKENS: (1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384),
}

_HISTOGRAMS_OF_BOTH = {
    "vllm:time_to_first_token_seconds": Measure.TIME_TO_FIRST_TOKEN,
    "vllm:e2e_request_latency_seconds": Measure.END_TO_END,
    "vllm:request_queue_time_seconds": Measure.QUEUE,
    "vllm:request_inference_time_seconds": Measure.INFERENCE,
    "vllm:request_prefill_time_seconds": Measure.PREFILL,
    "vllm:request_decode_time_seconds": Measure.DECODE,
    "vllm:request_prompt_tokens": Measure.PROMPT_TOKENS,
    "vllm:request_generation_tokens": Measure.GENERATION_TOKENS,
    "vllm:iteration_tokens_total": Measure.ITERATION_TOKENS,  # a histogram despite its name
}


def text(reading: Reading) -> str:
    """Return what vLLM 0.21 shows."""
    recorder = reading.recorder
    out = Exposition(
        {"model_name": reading.model, "engine": "0"}, created_at_unix_seconds=reading.created_at_unix_seconds
    )
    _both(out, reading)
    out.gauges(
        "vllm:num_requests_waiting_by_reason",
        [({"reason": "capacity"}, reading.waiting), ({"reason": "deferred"}, 0)],
    )
    out.gauges(
        "vllm:engine_sleep_state",
        [({"sleep_state": "awake"}, 1), ({"sleep_state": "weights_offloaded"}, 0), ({"sleep_state": "discard_all"}, 0)],
    )
    out.gauge("vllm:kv_cache_usage_perc", reading.kv_used_fraction)
    out.counter("vllm:prefix_cache_queries_total", recorder.prompt_tokens)
    out.counter("vllm:prefix_cache_hits_total", recorder.cached_prompt_tokens)
    out.counter("vllm:external_prefix_cache_queries_total", 0)
    out.counter("vllm:external_prefix_cache_hits_total", 0)
    out.counter("vllm:prompt_tokens_cached_total", recorder.cached_prompt_tokens)
    out.counters(
        "vllm:prompt_tokens_by_source_total",
        [
            ({"source": "local_compute"}, recorder.prompt_tokens - recorder.cached_prompt_tokens),
            ({"source": "local_cache_hit"}, recorder.cached_prompt_tokens),
            ({"source": "external_kv_transfer"}, 0),
        ],
    )
    out.histogram("vllm:inter_token_latency_seconds", recorder.histograms[Measure.INTER_TOKEN])
    out.histogram("vllm:request_time_per_output_token_seconds", recorder.histograms[Measure.TIME_PER_OUTPUT_TOKEN])
    return out.text()


def old_text(reading: Reading) -> str:
    """Return what vLLM 0.8 shows: other names for the cache and the time between tokens, and no `engine` label."""
    recorder = reading.recorder
    out = Exposition({"model_name": reading.model}, created_at_unix_seconds=reading.created_at_unix_seconds)
    _both(out, reading)
    out.gauge("vllm:gpu_cache_usage_perc", reading.kv_used_fraction)
    out.counter("vllm:gpu_prefix_cache_queries_total", recorder.prompt_tokens)
    out.counter("vllm:gpu_prefix_cache_hits_total", recorder.cached_prompt_tokens)
    out.histogram("vllm:time_per_output_token_seconds", recorder.histograms[Measure.INTER_TOKEN])
    return out.text()


def _both(out: Exposition, reading: Reading) -> None:
    """Add what both generations call the same."""
    recorder, physics = reading.recorder, reading.physics
    out.gauge("vllm:num_requests_running", reading.running)
    out.gauge("vllm:num_requests_waiting", reading.waiting)
    config = {
        "block_size": str(physics.block_tokens),
        "cache_dtype": "auto",
        "enable_prefix_caching": str(physics.prefix_hit_fraction > 0),
        "engine": "0",
        "gpu_memory_utilization": "0.9",
        "num_gpu_blocks": str(physics.kv_blocks),
    }
    out.bare_gauge("vllm:cache_config_info", config, 1)
    out.counter("vllm:prompt_tokens_total", recorder.prompt_tokens)
    out.counter("vllm:generation_tokens_total", recorder.generation_tokens)
    out.counter("vllm:num_preemptions_total", recorder.preemptions)
    out.counters(
        "vllm:request_success_total",
        [({"finished_reason": reason}, count) for reason, count in recorder.finished_by_reason.items()],
    )
    for name, measure in _HISTOGRAMS_OF_BOTH.items():
        out.histogram(name, recorder.histograms[measure])
