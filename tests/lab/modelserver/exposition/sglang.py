"""SGLang's `/metrics` (0.5.10, started with `--enable-metrics`).

The scheduler's series carry the ranks, the tokenizer's only the model. SGLang counts tokens when a request ends; here
they are counted as they are produced, since a rate is what is read from them. Names checked against SGLang's
`srt/metrics/collector.py` in 2026-11.
"""

from __future__ import annotations

from tests.lab.modelserver.exposition.reading import Reading
from tests.lab.modelserver.exposition.text import Exposition
from tests.lab.modelserver.recorder import Bounds, Measure

_FIRST_TOKEN = (0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 20, 40, 60, 80, 100, 200, 400)

BOUNDS: Bounds = {
    Measure.TIME_TO_FIRST_TOKEN: _FIRST_TOKEN,
    Measure.INTER_TOKEN: (
        *(0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04),
        *(0.06, 0.08, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8),
    ),
    Measure.END_TO_END: (*_FIRST_TOKEN, 600, 1200, 1800, 2400),
    Measure.QUEUE: (
        *(0, 0.1, 0.2, 0.5, 1, 2, 3, 4, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 100, 200, 300, 400, 500, 600),
        *(700, 800, 900, 1000, 1200, 1400, 1600, 1800, 2000, 2500, 3000),
    ),
}


def text(reading: Reading) -> str:
    """Return what SGLang shows."""
    recorder, physics = reading.recorder, reading.physics
    ranks = {"model_name": reading.model, "engine_type": "unified", "tp_rank": "0", "pp_rank": "0", "moe_ep_rank": "0"}
    scheduler = Exposition(ranks, created_at_unix_seconds=None)
    scheduler.gauge("sglang:num_running_reqs", reading.running)
    scheduler.gauge("sglang:num_queue_reqs", reading.waiting)
    scheduler.gauge("sglang:token_usage", reading.kv_used_fraction)
    scheduler.gauge("sglang:num_used_tokens", reading.kv_used_tokens)
    scheduler.gauge("sglang:max_total_num_tokens", physics.kv_blocks * physics.block_tokens)
    scheduler.gauge("sglang:gen_throughput", reading.generation_tokens_per_second)
    scheduler.gauge("sglang:cache_hit_rate", recorder.cached_prompt_tokens / max(recorder.prompt_tokens, 1))
    scheduler.gauge(
        "sglang:cache_config_info", 1, page_size=str(physics.block_tokens), num_pages=str(physics.kv_blocks)
    )
    scheduler.gauge("sglang:utilization", reading.running / physics.max_batch)
    for queue in ("prefill_prealloc", "prefill_inflight", "decode_prealloc", "decode_transfer"):
        scheduler.gauge(f"sglang:num_{queue}_queue_reqs", 0)
    scheduler.histogram("sglang:queue_time_seconds", recorder.histograms[Measure.QUEUE])

    tokenizer = Exposition({"model_name": reading.model}, created_at_unix_seconds=None)
    tokenizer.counter("sglang:prompt_tokens_total", recorder.prompt_tokens)
    tokenizer.counter("sglang:generation_tokens_total", recorder.generation_tokens)
    tokenizer.counter("sglang:cached_tokens_total", recorder.cached_prompt_tokens)
    tokenizer.counter("sglang:num_requests_total", recorder.finished_requests)
    tokenizer.counter("sglang:num_aborted_requests_total", recorder.finished_by_reason["abort"])
    tokenizer.histogram("sglang:time_to_first_token_seconds", recorder.histograms[Measure.TIME_TO_FIRST_TOKEN])
    tokenizer.histogram("sglang:inter_token_latency_seconds", recorder.histograms[Measure.INTER_TOKEN])
    tokenizer.histogram("sglang:e2e_request_latency_seconds", recorder.histograms[Measure.END_TO_END])
    return scheduler.text() + tokenizer.text()
