"""The metrics of each engine: exact names, types and labels, as the Prometheus parser reads them."""

from __future__ import annotations

import pytest

from tests.lab.modelserver.batchqueue import BatchQueue
from tests.lab.modelserver.engine import FACE_BY_ENGINE, Engine, engine_named
from tests.lab.modelserver.exposition.reading import read
from tests.lab.modelserver.exposition.trtllm import iteration_stats
from tests.lab.modelserver.physics import ReplicaPhysics
from tests.lab.modelserver.recorder import Recorder
from tests.modelserver.exposed import Exposed, parse

GAUGE, COUNTER, HISTOGRAM = "gauge", "counter", "histogram"

VLLM_OF_BOTH = {
    "vllm:num_requests_running": GAUGE,
    "vllm:num_requests_waiting": GAUGE,
    "vllm:cache_config_info": GAUGE,
    "vllm:prompt_tokens": COUNTER,
    "vllm:generation_tokens": COUNTER,
    "vllm:request_success": COUNTER,
    "vllm:num_preemptions": COUNTER,
    "vllm:time_to_first_token_seconds": HISTOGRAM,
    "vllm:e2e_request_latency_seconds": HISTOGRAM,
    "vllm:request_queue_time_seconds": HISTOGRAM,
    "vllm:request_inference_time_seconds": HISTOGRAM,
    "vllm:request_prefill_time_seconds": HISTOGRAM,
    "vllm:request_decode_time_seconds": HISTOGRAM,
    "vllm:request_prompt_tokens": HISTOGRAM,
    "vllm:request_generation_tokens": HISTOGRAM,
    "vllm:iteration_tokens_total": HISTOGRAM,
}

TYPES_BY_ENGINE = {
    Engine.VLLM: VLLM_OF_BOTH
    | {
        "vllm:num_requests_waiting_by_reason": GAUGE,
        "vllm:kv_cache_usage_perc": GAUGE,
        "vllm:engine_sleep_state": GAUGE,
        "vllm:prompt_tokens_cached": COUNTER,
        "vllm:prompt_tokens_by_source": COUNTER,
        "vllm:prefix_cache_queries": COUNTER,
        "vllm:prefix_cache_hits": COUNTER,
        "vllm:external_prefix_cache_queries": COUNTER,
        "vllm:external_prefix_cache_hits": COUNTER,
        "vllm:inter_token_latency_seconds": HISTOGRAM,
        "vllm:request_time_per_output_token_seconds": HISTOGRAM,
    },
    Engine.VLLM_OLD: VLLM_OF_BOTH
    | {
        "vllm:gpu_cache_usage_perc": GAUGE,
        "vllm:gpu_prefix_cache_queries": COUNTER,
        "vllm:gpu_prefix_cache_hits": COUNTER,
        "vllm:time_per_output_token_seconds": HISTOGRAM,
    },
    Engine.SGLANG: {
        "sglang:num_running_reqs": GAUGE,
        "sglang:num_queue_reqs": GAUGE,
        "sglang:token_usage": GAUGE,
        "sglang:num_used_tokens": GAUGE,
        "sglang:max_total_num_tokens": GAUGE,
        "sglang:gen_throughput": GAUGE,
        "sglang:cache_hit_rate": GAUGE,
        "sglang:cache_config_info": GAUGE,
        "sglang:utilization": GAUGE,
        "sglang:num_prefill_prealloc_queue_reqs": GAUGE,
        "sglang:num_prefill_inflight_queue_reqs": GAUGE,
        "sglang:num_decode_prealloc_queue_reqs": GAUGE,
        "sglang:num_decode_transfer_queue_reqs": GAUGE,
        "sglang:prompt_tokens": COUNTER,
        "sglang:generation_tokens": COUNTER,
        "sglang:cached_tokens": COUNTER,
        "sglang:num_requests": COUNTER,
        "sglang:num_aborted_requests": COUNTER,
        "sglang:time_to_first_token_seconds": HISTOGRAM,
        "sglang:inter_token_latency_seconds": HISTOGRAM,
        "sglang:e2e_request_latency_seconds": HISTOGRAM,
        "sglang:queue_time_seconds": HISTOGRAM,
    },
    Engine.TRTLLM: {
        "trtllm_num_requests_waiting": GAUGE,
        "trtllm_num_requests_running": GAUGE,
        "trtllm_max_num_active_requests": GAUGE,
        "trtllm_kv_cache_utilization": GAUGE,
        "trtllm_kv_cache_tokens_per_block": GAUGE,
        "trtllm_kv_cache_max_blocks": GAUGE,
        "trtllm_kv_cache_used_blocks": GAUGE,
        "trtllm_kv_cache_hit_rate": GAUGE,
        "trtllm_prompt_tokens": COUNTER,
        "trtllm_generation_tokens": COUNTER,
        "trtllm_num_requests_completed": COUNTER,
        "trtllm_request_success": COUNTER,
        "trtllm_time_to_first_token_seconds": HISTOGRAM,
        "trtllm_time_per_output_token_seconds": HISTOGRAM,
        "trtllm_e2e_request_latency_seconds": HISTOGRAM,
        "trtllm_request_queue_time_seconds": HISTOGRAM,
        "trtllm_request_prefill_time_seconds": HISTOGRAM,
        "trtllm_request_decode_time_seconds": HISTOGRAM,
        "trtllm_request_inference_time_seconds": HISTOGRAM,
    },
    Engine.TRTLLM_OLD: {
        "time_to_first_token_seconds": HISTOGRAM,
        "time_per_output_token_seconds": HISTOGRAM,
        "e2e_request_latency_seconds": HISTOGRAM,
        "request_queue_time_seconds": HISTOGRAM,
        "request_success": COUNTER,
    },
    Engine.PLAIN: {"process_resident_memory_bytes": GAUGE, "python_info": GAUGE},
}

PHYSICS = ReplicaPhysics(max_batch=4, kv_capacity_tokens=8192, prefix_hit_fraction=0.25)


def busy(engine: Engine) -> tuple[Exposed, BatchQueue]:
    """Return what an engine shows with four requests running, six waiting and one finished, and its queue."""
    queue = BatchQueue(PHYSICS, Recorder.with_bounds(FACE_BY_ENGINE[engine].bounds))
    queue.submit(100, 20, at=0.0)
    queue.advance(10.0)
    for _ in range(10):
        queue.submit(256, 400, at=10.0)
    queue.advance(11.0)
    reading = read(queue, model='a "quoted" \\ model', created_at_unix_seconds=1e9)
    return parse(FACE_BY_ENGINE[engine].text(reading)), queue


@pytest.mark.parametrize("engine", Engine)
def test_names_and_types_are_exactly_those_of_the_engine(engine: Engine) -> None:
    """No family is missing, none is invented, and each has its type; `_created` gauges are vLLM's only extra."""
    exposed, _ = busy(engine)
    created = {name for name in exposed.type_by_family if name.endswith("_created")}
    shown = {name: kind for name, kind in exposed.type_by_family.items() if name not in created}
    assert shown == TYPES_BY_ENGINE[engine]
    expected = {f"{name}_created" for name, kind in shown.items() if kind != GAUGE}
    assert created == (expected if engine in {Engine.VLLM, Engine.VLLM_OLD} else set())


@pytest.mark.parametrize("engine", Engine)
def test_counters_end_in_total_and_histograms_add_up(engine: Engine) -> None:
    """Counters are exposed with `_total`; the bucket without bound equals the count."""
    exposed, queue = busy(engine)
    face = FACE_BY_ENGINE[engine]
    for name, kind in TYPES_BY_ENGINE[engine].items():
        if kind == COUNTER:
            assert f"{name}_total" in exposed.value_by_sample
        if kind == HISTOGRAM:
            assert {f"{name}_bucket", f"{name}_count", f"{name}_sum"} <= set(exposed.value_by_sample)
    for measure, histogram in queue.recorder.histograms.items():
        *_, (_, all_of_them) = histogram.cumulative()
        assert all_of_them == histogram.count
        assert tuple(face.bounds[measure]) == tuple(sorted(set(face.bounds[measure])))


@pytest.mark.parametrize(
    ("engine", "running", "waiting", "kv", "prompt", "generation"),
    [
        (
            Engine.VLLM,
            "vllm:num_requests_running",
            "vllm:num_requests_waiting",
            "vllm:kv_cache_usage_perc",
            "vllm:prompt_tokens_total",
            "vllm:generation_tokens_total",
        ),
        (
            Engine.VLLM_OLD,
            "vllm:num_requests_running",
            "vllm:num_requests_waiting",
            "vllm:gpu_cache_usage_perc",
            "vllm:prompt_tokens_total",
            "vllm:generation_tokens_total",
        ),
        (
            Engine.SGLANG,
            "sglang:num_running_reqs",
            "sglang:num_queue_reqs",
            "sglang:token_usage",
            "sglang:prompt_tokens_total",
            "sglang:generation_tokens_total",
        ),
        (
            Engine.TRTLLM,
            "trtllm_num_requests_running",
            "trtllm_num_requests_waiting",
            "trtllm_kv_cache_utilization",
            "trtllm_prompt_tokens_total",
            "trtllm_generation_tokens_total",
        ),
    ],
)
def test_the_numbers_are_those_of_the_queue(
    engine: Engine, running: str, waiting: str, kv: str, prompt: str, generation: str
) -> None:
    """Gauges and counters carry what the queue holds."""
    exposed, queue = busy(engine)
    values = exposed.value_by_sample
    assert (values[running], values[waiting]) == (4, 6)
    assert 0 < values[kv] == queue.kv_used_fraction < 1
    assert values[prompt] == 100 + 4 * 256
    assert values[generation] == queue.recorder.generation_tokens > 20


def test_labels_are_those_of_the_engines() -> None:
    """VLLM adds the engine since its new generation, except in the cache's facts, which lack the model."""
    new, old, sglang = (busy(engine)[0].labels_by_sample for engine in (Engine.VLLM, Engine.VLLM_OLD, Engine.SGLANG))
    assert new["vllm:num_requests_running"] == {"model_name", "engine"}
    assert old["vllm:num_requests_running"] == {"model_name"}
    assert "model_name" not in new["vllm:cache_config_info"]
    assert {"engine", "num_gpu_blocks", "block_size"} <= new["vllm:cache_config_info"]
    assert new["vllm:request_success_total"] == {"model_name", "engine", "finished_reason"}
    assert sglang["sglang:generation_tokens_total"] == {"model_name"}
    assert {"model_name", "tp_rank"} < sglang["sglang:num_running_reqs"]


def test_prompt_tokens_divide_into_sources() -> None:
    """What was found in the cache and what was computed are all prompt tokens."""
    values = busy(Engine.VLLM)[0].value_by_sample
    assert values["vllm:prompt_tokens_by_source_total"] == values["vllm:prompt_tokens_total"]
    assert 0 < values["vllm:prompt_tokens_cached_total"] == values["vllm:prefix_cache_hits_total"]


def test_iteration_statistics_of_tensorrt_llm_carry_the_queue() -> None:
    """What `/metrics` of trtllm-serve answers is JSON about the last iteration."""
    queue = busy(Engine.TRTLLM)[1]
    (stats,) = iteration_stats(read(queue, model="m", created_at_unix_seconds=0))
    assert (stats["numActiveRequests"], stats["numQueuedRequests"]) == (4, 6)
    assert stats["kvCacheStats"]["usedNumBlocks"] * PHYSICS.block_tokens == queue.kv_used_tokens


def test_engines_are_found_by_the_names_of_the_api() -> None:
    """VLLM on any accelerator shows vLLM's series; an unknown name is answered with the known ones."""
    assert engine_named("VLLMTPU") is engine_named("VLLMNeuron") is engine_named("vllm") is Engine.VLLM
    assert engine_named("vllm-old") is Engine.VLLM_OLD
    assert engine_named("SGLang") is Engine.SGLANG
    assert engine_named("TensorRTLLM") is Engine.TRTLLM
    assert engine_named("FuriosaLLM") is Engine.PLAIN
    with pytest.raises(ValueError, match="found 'Ollama'"):
        engine_named("Ollama")
