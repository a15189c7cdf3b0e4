"""Throughput of one replica: queue, roofline, memory, profile. Orders of magnitude and directions, not decimals."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.catalog.model import Experts
from quartermaster.planner.fleet import Shape, Source
from quartermaster.planner.plan import Throughput
from quartermaster.planner.throughput.coefficients import Coefficients
from quartermaster.planner.throughput.fit import (
    Mix,
    Timing,
    latency_alone,
    profile_key,
    profiles_by_key,
    throughput,
    throughputs,
    timing,
)
from quartermaster.planner.throughput.memory import memory_fit
from quartermaster.planner.throughput.occupancy import padded
from quartermaster.planner.throughput.profiles import coefficients_of_profile, profile_fields
from quartermaster.planner.throughput.queueing import STABLE_FRACTION, Servers, best_operations, operations_at
from quartermaster.planner.throughput.roofline import roofline
from tests.planner.builders import A100, DEEPSEEK_R1, H100, H200, L4, LLAMA_8B, LLAMA_70B, model, profile

CHAT = Mix(1000.0, 200.0, None, None)


def shape(chips: int = 1, precision: Precision = Precision.BF16, stages: int = 1) -> Shape:
    """Return a shape on vLLM."""
    return Shape(EngineName.VLLM, precision, chips, stages)


def estimate(chip: object = H100, served: object = LLAMA_8B, how: Shape | None = None, mix: Mix = CHAT) -> Throughput:
    """Return the estimated throughput."""
    known = timing(served, chip, how or shape(), mix=mix, profile=None)  # type: ignore[arg-type]
    assert known is not None
    found = throughput(known, mix)
    assert found is not None
    return found


def server(prefill: Sequence[float], decode: Sequence[float], *, outputs: float, prompt: float = 0.0) -> Servers:
    """Return the service of one replica, given by its times at every batch size."""
    batch, weight = padded([len(prefill)])
    assert batch.shape[1] == len(prefill)
    return Servers(
        batch,
        weight,
        np.array([prefill]),
        np.array([decode]),
        np.array([outputs]),
        np.array([prompt]),
        np.array([0.0]),
    )


def largest_rate(served: Servers, *, ttft: float = math.inf, itl: float = math.inf) -> float:
    """Return the largest rate of one replica; NaN when there is none."""
    limits = {"ttft_limits_seconds": np.array([ttft]), "itl_limits_seconds": np.array([itl])}
    return float(best_operations(served, **limits).requests_per_second[0])


def test_a_single_server_behaves_as_the_formula_for_one_server_says() -> None:
    """A batch of one is an M/M/1 queue: the wait is ρ / (μ − λ)."""
    one = server([0.1], [0.01], outputs=10.0)
    rate = float(one.service_rate()[0, 0])
    assert rate == pytest.approx(5.0)
    found = operations_at(one, np.array([2.5]))
    # Eleven places are nearly endless at half load.
    assert found.time_to_first_token_seconds[0] == pytest.approx(0.1 + 0.5 / (rate - 2.5), rel=0.01)
    assert found.inter_token_latency_seconds[0] == pytest.approx(0.01)


def test_the_largest_rate_just_holds_the_objective() -> None:
    """A little more would miss it; a little less would waste."""
    known = timing(LLAMA_8B, H100, shape(), mix=CHAT, profile=None)
    assert known is not None
    free = throughput(known, CHAT)
    assert free is not None
    limit = free.inter_token_latency_seconds * 0.6
    bound = throughput(known, dataclasses.replace(CHAT, inter_token_latency_seconds=limit))
    assert bound is not None
    assert bound.requests_per_second < free.requests_per_second
    assert bound.inter_token_latency_seconds <= limit
    assert bound.inter_token_latency_seconds == pytest.approx(limit, rel=0.01)


def test_without_objectives_the_rate_stays_below_what_the_batch_can_bear() -> None:
    """Waiting grows without measure close to the service rate."""
    eight = server(np.linspace(0.1, 0.2, 8), np.linspace(0.01, 0.02, 8), outputs=50.0)  # type: ignore[arg-type]
    assert largest_rate(eight) == pytest.approx(STABLE_FRACTION * float(eight.service_rate()[0, -1]))


def test_an_objective_that_one_request_alone_misses_has_no_rate() -> None:
    """No rate, not one near zero."""
    two = server([0.1, 0.1], [0.01, 0.01], outputs=50.0)
    assert math.isnan(largest_rate(two, ttft=0.05))
    assert math.isnan(largest_rate(two, itl=0.005))


def test_prompts_wait_for_one_another() -> None:
    """Long prompts at a high rate raise the time to first token."""
    base = server([0.05] * 32, [0.01] * 32, outputs=20.0)
    busy = dataclasses.replace(base, prompt_seconds=np.array([0.05]))
    quick, slow = (operations_at(each, np.array([10.0])).time_to_first_token_seconds[0] for each in (base, busy))
    assert slow - quick == pytest.approx(0.5 * 0.05 / (2 * 0.5))


def direct_latencies(served: Coefficients, mix: Mix, *, size: int, rate: float) -> tuple[float, float]:
    """Return both latencies from the chain's formulas, every state summed one by one."""
    n = np.arange(1.0, size + 1.0)
    memory_tokens = mix.input_tokens + mix.output_tokens / 2
    beta, gamma = served.beta_seconds_per_token, served.gamma_seconds_per_token
    step = served.iteration_seconds(
        n,
        compute_tokens=(mix.input_tokens + mix.output_tokens) / (mix.output_tokens + 1),
        memory_tokens=memory_tokens,
    )
    prefill = step + (beta + gamma) * mix.input_tokens
    decode = step + beta + gamma * memory_tokens
    leaving = n / (prefill + mix.output_tokens * decode)
    chances = [1.0]
    for k in range(11 * size):
        chances.append(chances[-1] * rate / leaving[min(k, size - 1)])
    chance = np.array(chances) / sum(chances)
    inside = np.minimum(np.arange(chance.size), size)
    met = chance[1:] * inside[1:] / (chance * inside).sum()
    wait = (chance * (np.arange(chance.size) - inside)).sum() / (rate * (1 - chance[-1]))
    prompt = (beta + gamma) * mix.input_tokens
    busy = rate * prompt
    at = inside[1:] - 1
    first = wait + (met * prefill[at]).sum() + busy * prompt / (2 * (1 - busy)) + served.request_seconds
    return float(first), float((met * decode[at]).sum())


@pytest.mark.parametrize("size", [1, 7, 40, 100, 256])
def test_the_sums_at_some_batch_sizes_are_those_over_all(size: int) -> None:
    """Latencies within a part in five hundred of those of the whole chain, for dense models and mixtures of experts."""
    mix = Mix(1500.0, 150.0, 2.0, 0.06)
    dense = Coefficients(0.008, 2e-5, 4e-8, request_seconds=0.05)
    for coefficients in (dense, dataclasses.replace(dense, expert_seconds=0.02, active_fraction=0.05)):
        found = throughput(Timing(coefficients, size, 10**9, Source.ESTIMATED), mix)
        assert found is not None
        whole = direct_latencies(coefficients, mix, size=size, rate=found.requests_per_second)
        few = (found.time_to_first_token_seconds, found.inter_token_latency_seconds)
        assert few == pytest.approx(whole, rel=0.002)


def test_a_case_has_the_same_answer_alone_and_among_others() -> None:
    """In the order asked for, with equal cases answered alike and hopeless ones by None."""
    cases: list[tuple[Timing, Mix, float | None]] = []
    for i in range(600):
        coefficients = Coefficients(0.004 + i * 1e-5, 1e-5, 1e-8, request_seconds=0.05)
        known = Timing(coefficients, 1 + i % 256, 400_000, Source.ESTIMATED)
        cases.append((known, Mix(500.0 + i, 100.0, None if i % 3 else 0.2, 0.008 if i % 5 else None), None))
    together = throughputs(cases + cases[:5])
    assert together[600:] == together[:5]
    assert None in together
    for (known, mix, most), found in list(zip(cases, together, strict=False))[::50]:
        assert throughput(known, mix, most_tokens_per_second=most) == found


def test_more_bandwidth_and_more_memory_serve_more() -> None:
    """L4 < A100 < H100 < H200."""
    rates = [estimate(chip).requests_per_second for chip in (L4, A100, H100, H200)]
    assert rates == sorted(rates)
    assert rates[-1] > 5 * rates[0]


def test_two_chips_serve_more_than_one_but_less_than_twice() -> None:
    """Tensor parallelism pays for its all-reduces."""
    one, two = estimate(how=shape(1)), estimate(how=shape(2))
    assert one.requests_per_second < two.requests_per_second < 2 * one.requests_per_second


def test_a_pipeline_keeps_its_stages_busy_without_shortening_the_step() -> None:
    """More requests per second, no lower latency for one request alone."""
    mix = CHAT
    one = timing(LLAMA_8B, H100, shape(1), mix=mix, profile=None)
    piped = timing(LLAMA_8B, H100, shape(1, stages=2), mix=mix, profile=None)
    assert one is not None
    assert piped is not None
    assert latency_alone(piped, mix)[1] >= 0.9 * latency_alone(one, mix)[1]
    faster, slower = throughput(piped, mix), throughput(one, mix)
    assert faster is not None
    assert slower is not None
    assert faster.requests_per_second > slower.requests_per_second


def test_eight_bit_weights_halve_what_a_step_reads() -> None:
    """The fixed part shrinks with the weights."""
    wide = roofline(LLAMA_70B, H100, shape(8), input_tokens=1000.0, output_tokens=200.0)
    narrow = roofline(LLAMA_70B, H100, shape(8, Precision.FP8), input_tokens=1000.0, output_tokens=200.0)
    assert wide is not None
    assert narrow is not None
    assert narrow.alpha_seconds < wide.alpha_seconds
    assert narrow.beta_seconds_per_token < wide.beta_seconds_per_token


def test_a_mixture_of_experts_reads_more_weights_the_larger_the_batch() -> None:
    """One request reads the active experts, many read nearly all."""
    known = roofline(DEEPSEEK_R1, H200, shape(8, Precision.FP8), input_tokens=1000.0, output_tokens=200.0)
    assert known is not None
    one, many = known.iteration_seconds(np.array([1.0, 200.0]), compute_tokens=0.0, memory_tokens=0.0)
    assert many > 3 * one
    everything = DEEPSEEK_R1.weights_bytes(Precision.FP8) / (8 * 4.8e12 * 0.8)
    assert many == pytest.approx(everything, rel=0.3)


def test_a_latent_cache_is_held_whole_by_every_rank_and_a_grouped_one_is_split() -> None:
    """Twice the chips more than double the tokens of a grouped cache, but not those of a latent one."""
    grouped = [memory_fit(LLAMA_70B, H200, shape(chips)) for chips in (4, 8)]
    latent = model(mla=DEEPSEEK_R1.mla, kv_bytes_per_token=LLAMA_70B.kv_bytes_per_token, kv_heads=128)
    whole = [memory_fit(latent, H200, shape(chips)) for chips in (4, 8)]
    assert grouped[0] is not None
    assert grouped[1] is not None
    assert whole[0] is not None
    assert whole[1] is not None
    assert grouped[1].kv_capacity_tokens > 2 * grouped[0].kv_capacity_tokens
    assert whole[1].kv_capacity_tokens < 1.1 * whole[0].kv_capacity_tokens


def test_more_ranks_than_key_value_heads_do_not_split_the_cache_further() -> None:
    """Two heads are split in two, by whatever number of chips."""
    few = model(kv_heads=2)
    two, eight = memory_fit(few, H100, shape(2)), memory_fit(few, H100, shape(8))
    assert two is not None
    assert eight is not None
    assert eight.kv_capacity_tokens < 1.3 * two.kv_capacity_tokens


def test_the_batch_is_limited_by_the_cache() -> None:
    """Long requests leave room for few."""
    long = estimate(L4, mix=Mix(8000.0, 1000.0, None, None))
    assert long.max_batch_size == long.kv_capacity_tokens // 9000
    assert long.max_batch_size < estimate(L4).max_batch_size


def test_a_profile_beats_the_estimate() -> None:
    """Measured coefficients and limits are used as they are."""
    measured = profile()
    how = shape()
    found = profiles_by_key([measured])[profile_key(LLAMA_8B, H100, how)]
    known = timing(LLAMA_8B, H100, how, mix=CHAT, profile=found)
    assert known == Timing(Coefficients(0.006, 0.00004, 0.00000005), 256, 400_000, Source.MEASURED)
    assert estimate().source is Source.ESTIMATED


def test_of_two_profiles_the_smaller_batch_counts_whatever_their_order() -> None:
    """Nothing depends on the order of objects."""
    large, small = profile(), profile(maxBatchSize=64)
    for order in ([large, small], [small, large]):
        (found,) = profiles_by_key(order).values()
        assert found.max_batch_size == 64


def test_stated_tokens_per_second_lower_the_rate_and_never_raise_it() -> None:
    """A cap, with the latencies that hold at the lower rate."""
    known = timing(LLAMA_8B, H100, shape(), mix=CHAT, profile=None)
    assert known is not None
    free = throughput(known, CHAT)
    capped = throughput(known, CHAT, most_tokens_per_second=400.0)
    lofty = throughput(known, CHAT, most_tokens_per_second=1e9)
    assert free is not None
    assert capped is not None
    assert capped.requests_per_second == pytest.approx(2.0)
    assert capped.inter_token_latency_seconds < free.inter_token_latency_seconds
    assert lofty == free


def test_figures_of_a_well_known_pair_are_plausible() -> None:
    """Llama 3.1 8B in BF16 on one H100: a token alone in 4 to 12 ms, some thousands of tokens per second."""
    known = timing(LLAMA_8B, H100, shape(), mix=CHAT, profile=None)
    assert known is not None
    assert 0.004 < latency_alone(known, CHAT)[1] < 0.012
    assert 2_000 < estimate().tokens_per_second < 10_000
    assert math.isfinite(estimate().time_to_first_token_seconds)


def test_a_profile_states_every_coefficient_and_is_read_back() -> None:
    """What was corrected by live points survives being written into an object."""
    known = Coefficients(
        0.008123,
        2.5e-5,
        3.1e-8,
        expert_seconds=0.0123,
        active_fraction=8 / 256,
        request_seconds=0.04,
        sequence_seconds=6e-6,
        attention_seconds_per_token=1.5e-7,
        tokens_per_step=1.8,
        step_factor=1.7,
        weights_factor=1.1,
        prompt_factor=1.3,
        crowd_seconds=0.00015,
    )
    changes: dict[str, Any] = dict(profile_fields(known))
    spec = profile(**changes)
    catalog_model = dataclasses.replace(DEEPSEEK_R1, experts=Experts(256, 8, 2048, 58), hidden_size=7168)
    assert coefficients_of_profile(spec, catalog_model) == known
    assert profile_fields(Coefficients(0.01, 0.0, 1e-9)) == {
        "alphaSeconds": "0.01",
        "betaSecondsPerToken": "0",
        "gammaSecondsPerToken": "0.000000001",
    }


def test_the_optional_fields_of_a_profile_are_honoured() -> None:
    """Each changes what the replica sustains, or how soon its first token comes."""
    plain = timing(LLAMA_8B, H100, shape(), mix=CHAT, profile=profile())
    assert plain is not None
    first, each = latency_alone(plain, CHAT)
    for field, value in (
        ("expertSeconds", "0.01"),
        ("sequenceSeconds", "0.01"),
        ("attentionSecondsPerToken", "0.00001"),
        ("tokensPerStep", "2"),
        ("requestSeconds", "0.1"),
        ("prefillStepFactor", "3"),
        ("prefillWeightsFactor", "2"),
        ("prefillPromptFactor", "2"),
        ("prefillSecondsPerRequest", "0.01"),
    ):
        change: dict[str, Any] = {field: value}
        known = timing(LLAMA_8B, H100, shape(), mix=CHAT, profile=profile(**change))
        assert known is not None
        changed_first, changed_each = latency_alone(known, CHAT)
        if field == "tokensPerStep":
            assert changed_each == pytest.approx(each / 2)
        else:
            assert changed_first > first * 1.05, field
