"""Every dialect reads its engine's numbers, of today and of the generation before."""

import math

import pytest

from quartermaster.api.v1alpha1.enums import EngineName
from quartermaster.autoscaler.sample import Readings
from quartermaster.catalog.load import load_catalog
from quartermaster.catalog.vocabulary import MetricDialect
from quartermaster.telemetry.dialects import DIALECTS, readings
from quartermaster.telemetry.exposition import parse
from tests.lab.modelserver.engine import Engine
from tests.lab.modelserver.exposition.reading import Reading
from tests.lab.modelserver.recorder import Measure
from tests.telemetry.pages import DIALECT_BY_FACE, page_of, reading_of


def read(name: MetricDialect, page: bytes) -> Readings:
    """Return what a dialect reads on a page."""
    dialect = DIALECTS[name]
    return readings(dialect, parse(page, dialect.wanted))


def expected(engine: Engine, reading: Reading) -> Readings:
    """Return what the replica knows of itself, as far as its engine shows it."""
    recorder, physics = reading.recorder, reading.physics
    first = recorder.histograms[Measure.TIME_TO_FIRST_TOKEN]
    by_request = engine in {Engine.TRTLLM, Engine.TRTLLM_OLD}
    gap = recorder.histograms[Measure.TIME_PER_OUTPUT_TOKEN if by_request else Measure.INTER_TOKEN]
    of_times = {
        "requests_total": recorder.finished_requests,
        "time_to_first_token_seconds_sum": first.sum,
        "time_to_first_token_count": first.count,
        "inter_token_latency_seconds_sum": gap.sum,
        "inter_token_latency_count": gap.count,
    }
    if engine is Engine.TRTLLM_OLD:
        return Readings(**of_times)
    by_length = {}
    if engine in {Engine.VLLM, Engine.VLLM_OLD}:
        by_length = {
            "request_prompt_tokens_sum": recorder.histograms[Measure.PROMPT_TOKENS].sum,
            "request_generation_tokens_sum": recorder.histograms[Measure.GENERATION_TOKENS].sum,
        }
    return Readings(
        waiting=reading.waiting,
        running=reading.running,
        prompt_tokens_total=recorder.prompt_tokens,
        generation_tokens_total=recorder.generation_tokens,
        kv_used_fraction=reading.kv_used_fraction,
        kv_capacity_tokens=physics.kv_blocks * physics.block_tokens,
        **of_times,
        **by_length,
    )


@pytest.mark.parametrize("engine", list(DIALECT_BY_FACE))
def test_an_engines_numbers_are_read_under_its_names(engine: Engine) -> None:
    """Requests that ended, run and wait; tokens, cache, latencies."""
    reading = reading_of(engine)
    assert reading.waiting > 0
    assert reading.running > 0
    assert reading.recorder.finished_requests > 0
    assert read(DIALECT_BY_FACE[engine], page_of(engine, reading)) == expected(engine, reading)


def test_the_old_tensorrt_llm_is_known_not_to_tell_its_load() -> None:
    """It shows neither queue nor batch, which is not a queue of zero."""
    found = read(MetricDialect.TRTLLM, page_of(Engine.TRTLLM_OLD, reading_of(Engine.TRTLLM_OLD)))
    assert not found.is_telling
    assert {"waiting", "running", "kv_used_fraction"} <= set(found.missing)


def test_a_page_of_something_else_says_nothing() -> None:
    """Absent is None, never zero."""
    for name in DIALECTS:
        assert read(name, b"process_cpu_seconds_total 12\n").is_empty


def test_data_parallel_ranks_add_up_and_fractions_are_averaged() -> None:
    """Two engines behind one port."""
    page = b"""\
vllm:num_requests_waiting{engine="0"} 3
vllm:num_requests_waiting{engine="1"} 4
vllm:kv_cache_usage_perc{engine="0"} 0.2
vllm:kv_cache_usage_perc{engine="1"} 0.6
vllm:cache_config_info{engine="0",num_gpu_blocks="100",block_size="16"} 1
vllm:cache_config_info{engine="1",num_gpu_blocks="50",block_size="16"} 1
"""
    found = read(MetricDialect.VLLM, page)
    assert (found.waiting, found.kv_capacity_tokens) == (7.0, 2400.0)
    assert found.kv_used_fraction == pytest.approx(0.4)


def test_ranks_that_share_the_work_count_once() -> None:
    """Four tensor-parallel ranks say the same; two data-parallel ranks do not."""
    lines = [f'sglang:num_running_reqs{{dp_rank="{dp}",tp_rank="{tp}"}} {5 + dp}' for dp in range(2) for tp in range(4)]
    assert read(MetricDialect.SGLANG, "\n".join(lines).encode()).running == 11.0


def test_requests_that_were_broken_off_have_ended_too() -> None:
    """SGLang counts them apart."""
    page = b"sglang:num_requests_total 40\nsglang:num_aborted_requests_total 2\n"
    assert read(MetricDialect.SGLANG, page).requests_total == 42.0
    assert read(MetricDialect.SGLANG, b"sglang:num_aborted_requests_total 2\n").requests_total is None


def test_values_that_cannot_be_are_no_values() -> None:
    """Not a number, infinite or negative; and a cache whose size the engine does not know yet."""
    page = b"""\
vllm:num_requests_waiting NaN
vllm:num_requests_running -1
vllm:prompt_tokens_total +Inf
vllm:kv_cache_usage_perc 1.0001
vllm:cache_config_info{num_gpu_blocks="None",block_size="16"} 1
"""
    found = read(MetricDialect.VLLM, page)
    assert (found.waiting, found.running, found.prompt_tokens_total, found.kv_capacity_tokens) == (None,) * 4
    assert found.kv_used_fraction == 1.0


def test_no_reading_is_ever_infinite_or_negative() -> None:
    """For every name of every dialect at once."""
    for name, dialect in DIALECTS.items():
        for bad in ("NaN", "-3", "+Inf", "1e999"):
            page = "\n".join(f"{series} {bad}" for series in sorted(dialect.wanted)).encode()
            found = read(name, page)
            assert all(math.isfinite(getattr(found, field) or 0.0) for field in Readings.__slots__)
            assert found.is_empty


def test_every_engine_of_the_catalog_that_shows_metrics_has_its_dialect() -> None:
    """And those without one are named as such."""
    catalog = load_catalog()
    for name in EngineName:
        dialect = catalog.engine(name).metric_dialect
        assert dialect is MetricDialect.NONE or dialect in DIALECTS
