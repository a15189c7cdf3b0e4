"""TensorRT-LLM's `trtllm-serve`, of today (names begin with `trtllm_`) and before (five bare names).

Its Prometheus text is served at `/prometheus/metrics`; `/metrics` answers with the statistics of the last iterations as
JSON. Names checked against `tensorrt_llm/metrics/collector.py` and `examples/prometheus_metrics` in 2026-11.
"""

from __future__ import annotations

from typing import Any

from tests.lab.modelserver.exposition.reading import Reading
from tests.lab.modelserver.exposition.text import Exposition
from tests.lab.modelserver.recorder import Bounds, Measure

_LATENCY = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680)

BOUNDS: Bounds = {
    Measure.TIME_TO_FIRST_TOKEN: (
        *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75),
        *(1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560),
    ),
    Measure.TIME_PER_OUTPUT_TOKEN: (
        *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80),
    ),
    Measure.END_TO_END: _LATENCY,
    Measure.QUEUE: _LATENCY,
    Measure.INFERENCE: _LATENCY,
    Measure.PREFILL: (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 640, 2560),
    Measure.DECODE: _LATENCY,
}

_HISTOGRAMS_OF_BOTH = {
    "time_to_first_token_seconds": Measure.TIME_TO_FIRST_TOKEN,
    "time_per_output_token_seconds": Measure.TIME_PER_OUTPUT_TOKEN,
    "e2e_request_latency_seconds": Measure.END_TO_END,
    "request_queue_time_seconds": Measure.QUEUE,
}


def text(reading: Reading) -> str:
    """Return what `/prometheus/metrics` shows today."""
    recorder, physics = reading.recorder, reading.physics
    out = _exposition(reading)
    _both(out, reading, prefix="trtllm_")
    out.gauge("trtllm_num_requests_waiting", reading.waiting)
    out.gauge("trtllm_num_requests_running", reading.running)
    out.gauge("trtllm_max_num_active_requests", physics.max_batch)
    out.gauge("trtllm_kv_cache_utilization", reading.kv_used_fraction)
    out.gauge("trtllm_kv_cache_tokens_per_block", physics.block_tokens)
    out.gauge("trtllm_kv_cache_max_blocks", physics.kv_blocks)
    out.gauge("trtllm_kv_cache_used_blocks", reading.kv_used_tokens // physics.block_tokens)
    out.gauge("trtllm_kv_cache_hit_rate", recorder.cached_prompt_tokens / max(recorder.prompt_tokens, 1))
    out.counter("trtllm_prompt_tokens_total", recorder.prompt_tokens)
    out.counter("trtllm_generation_tokens_total", recorder.generation_tokens)
    out.counter("trtllm_num_requests_completed_total", recorder.finished_requests)
    out.histogram("trtllm_request_prefill_time_seconds", recorder.histograms[Measure.PREFILL])
    out.histogram("trtllm_request_decode_time_seconds", recorder.histograms[Measure.DECODE])
    out.histogram("trtllm_request_inference_time_seconds", recorder.histograms[Measure.INFERENCE])
    return out.text()


def old_text(reading: Reading) -> str:
    """Return what `/prometheus/metrics` showed in 1.1: five bare names, no gauges and no token counters."""
    out = _exposition(reading)
    _both(out, reading, prefix="")
    return out.text()


def iteration_stats(reading: Reading) -> list[dict[str, Any]]:
    """Return what `/metrics` answers: the statistics of the last iteration, as a list for JSON."""
    physics, used_blocks = reading.physics, reading.kv_used_tokens // reading.physics.block_tokens
    return [
        {
            "iter": reading.recorder.iterations,
            "maxNumActiveRequests": physics.max_batch,
            "numActiveRequests": reading.running,
            "numQueuedRequests": reading.waiting,
            "kvCacheStats": {
                "freeNumBlocks": physics.kv_blocks - used_blocks,
                "maxNumBlocks": physics.kv_blocks,
                "tokensPerBlock": physics.block_tokens,
                "usedNumBlocks": used_blocks,
            },
        }
    ]


def _exposition(reading: Reading) -> Exposition:
    return Exposition({"model_name": reading.model, "engine_type": "trtllm"}, created_at_unix_seconds=None)


def _both(out: Exposition, reading: Reading, *, prefix: str) -> None:
    """Add what both generations show, under the names of one."""
    finished = reading.recorder.finished_by_reason
    out.counters(
        f"{prefix}request_success_total",
        [({"finished_reason": reason}, finished[reason]) for reason in ("stop", "length")],
    )
    for name, measure in _HISTOGRAMS_OF_BOTH.items():
        out.histogram(prefix + name, reading.recorder.histograms[measure])
