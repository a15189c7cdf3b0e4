"""The work of a step: directions that must hold for chips and models that nobody measured."""

import itertools
import math

import pytest

from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.catalog.load import load_catalog
from quartermaster.planner.fleet import Shape
from quartermaster.planner.throughput.estimate import CannotEstimateError, Replica, coefficients_at, estimate, kv_tokens
from quartermaster.planner.throughput.layout import Layout, layout_of, settled
from quartermaster.planner.throughput.memory import layout_fit, memory_fit
from quartermaster.planner.throughput.parameters import bytes_per_parameter, routed_experts
from quartermaster.planner.throughput.steady import Point, steady
from quartermaster.planner.throughput.work import Mean, Work, work

CATALOG = load_catalog()
MEAN = Mean(1000.0, 500.0)
H200 = CATALOG.accelerator("nvidia-h200-sxm")
R1, OSS = CATALOG.model("deepseek-r1"), CATALOG.model("gpt-oss-120b")


def done(model: str, accelerator: str = "nvidia-h200-sxm", *, layout: Layout | None = None, mean: Mean = MEAN) -> Work:
    """Return the work of a step in FP8."""
    found = work(
        CATALOG.model(model), CATALOG.accelerator(accelerator), Precision.FP8, layout=layout or Layout(8), mean=mean
    )
    assert found is not None
    return found


def test_every_model_has_a_sane_estimate_on_every_chip_of_the_catalog() -> None:
    """Finite and positive, no token in less than the datasheet allows, and slower the more requests there are."""
    for model, accelerator in itertools.product(CATALOG.models_by_name.values(), CATALOG.accelerators_by_name.values()):
        for engine in accelerator.engines[:1]:
            replica = Replica(model, accelerator, engine, model.native_precision, Layout(8))
            try:
                coefficients, unsure = coefficients_at(replica, MEAN)
            except CannotEstimateError:
                continue
            points = [Point(batch, MEAN.input_tokens, MEAN.output_tokens) for batch in (1, 8, 64, 512)]
            found = steady([coefficients] * 4, points, [math.inf] * 4)
            times = found.inter_token_latency_seconds.tolist()
            assert times == sorted(times), (model.name, accelerator.name)
            bandwidth = accelerator.memory_bandwidth_bytes_per_second or math.inf
            active = (model.active_parameters or model.parameters) / model.parameters
            least = 0.5 * active * model.weights_bytes(model.native_precision) / (8 * bandwidth)
            assert least < times[0] < 60, (model.name, accelerator.name)
            first = found.time_to_first_token_seconds.tolist()
            assert first == sorted(first), (model.name, accelerator.name)
            assert 0.1 < unsure.inter_token_latency_fraction < 1


def test_a_batch_reads_all_experts_in_the_end_and_one_request_only_its_own() -> None:
    """Between the active parameters and all of them."""
    found = done("deepseek-r1")
    whole = R1.weights_bytes(Precision.FP8) / (8 * 4.8e12)
    assert found.weights + found.experts == pytest.approx(whole, rel=0.15)
    assert found.active_fraction == pytest.approx(8 / 256)
    assert found.weights + found.experts * found.active_fraction == pytest.approx(whole * 37 / 671, rel=0.5)


def test_a_mixture_whose_experts_nobody_states_is_judged_by_its_active_parameters() -> None:
    """Nearly all parameters are routed; a dense model has none."""
    unknown = CATALOG.model("mistral-large-3-675b")
    assert unknown.experts is None
    routed, fraction = routed_experts(unknown)
    assert routed / unknown.parameters == pytest.approx(0.95)
    assert 0.005 < fraction < 41 / 675
    assert routed_experts(CATALOG.model("qwen3-32b")) == (0.0, 1.0)


def test_data_parallel_attention_shares_a_latent_cache_and_repeats_the_attention() -> None:
    """More requests fit, each rank reads its own cache only, and all but the experts is held and read whole."""
    tensor, data = Layout(8), Layout(1, data_parallelism=8, has_expert_parallelism=True)
    tensor_fit = layout_fit(R1, H200, Precision.FP8, layout=tensor)
    data_fit = layout_fit(R1, H200, Precision.FP8, layout=data)
    assert tensor_fit is not None
    assert data_fit is not None
    whole = R1.weights_bytes(Precision.FP8) - routed_experts(R1)[0] * bytes_per_parameter(R1, Precision.FP8)[1]
    assert data_fit.weights_bytes == pytest.approx(tensor_fit.weights_bytes + 7 * whole)
    assert 5 < data_fit.kv_capacity_tokens / tensor_fit.kv_capacity_tokens < 8
    split, repeated = done("deepseek-r1", layout=tensor), done("deepseek-r1", layout=data)
    assert repeated.cache == pytest.approx(split.cache / 8)
    assert repeated.weights > 2 * split.weights
    assert repeated.exchange > 0 == split.exchange
    assert split.reduce > 0 == repeated.reduce


def test_heads_that_do_not_split_make_a_mixture_data_parallel() -> None:
    """Seventy-two ranks do not divide 128 heads."""
    assert settled(Layout(72), R1) == Layout(1, 1, 72, has_expert_parallelism=True)
    assert settled(Layout(64), R1) == Layout(64)


def test_ranks_beyond_the_key_value_heads_repeat_the_cache() -> None:
    """Qwen3 235B has four heads of keys and values."""
    four, eight = done("qwen3-235b-a22b", layout=Layout(4)), done("qwen3-235b-a22b", layout=Layout(8))
    assert eight.cache == pytest.approx(four.cache)
    assert eight.experts == pytest.approx(four.experts / 2)


def test_windows_and_sparse_attention_bound_what_a_step_reads() -> None:
    """Twice the context costs less than twice the cache."""
    short, long = Mean(4000.0, 100.0), Mean(32_000.0, 100.0)
    for model, most in (("gpt-oss-120b", 1.0), ("glm-5.1", 0.2), ("deepseek-v3.2", 0.2)):
        per_token = done(model, mean=long).cache / done(model, mean=short).cache
        assert per_token < most, model
    dense = done("qwen3-32b", mean=long).cache / done("qwen3-32b", mean=short).cache
    assert dense == pytest.approx(1.0)
    hybrid = done("qwen3.5-397b-a17b")
    assert hybrid.linear_layers == pytest.approx(45e-5)


def test_ranks_beyond_one_fabric_pay_for_the_network() -> None:
    """Sixteen chips are one fabric of GB200, and two nodes of H200."""
    near, far = done("deepseek-r1", "nvidia-gb200", layout=Layout(16)), done("deepseek-r1", layout=Layout(16))
    assert far.reduce > 5 * near.reduce


def test_stages_divide_the_work_per_request_and_not_the_weights_of_a_token() -> None:
    """A token passes through all stages."""
    one, two = done("qwen3-32b", layout=Layout(4)), done("qwen3-32b", layout=Layout(4, 2))
    assert two.weights == one.weights
    assert two.compute == pytest.approx(one.compute / 2)
    assert two.cache == pytest.approx(one.cache / 2)


@pytest.mark.parametrize(
    ("args", "layout"),
    [
        ((), Layout(8)),
        (("--kv-cache-dtype=fp8_e4m3",), Layout(8, cache_fraction=0.5)),
        (("--max-model-len", "4096"), Layout(8)),
    ],
)
def test_arguments_of_a_shape_change_its_layout(args: tuple[str, ...], layout: Layout) -> None:
    """What engines are told is what is planned for; other arguments change nothing."""
    assert layout_of(Shape(EngineName.SGLANG, Precision.FP8, 8, args=args)) == layout


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        (Shape(EngineName.VLLM, Precision.FP8, 8, expert_parallelism=8), Layout(8, has_expert_parallelism=True)),
        (Shape(EngineName.VLLM, Precision.FP8, 2, data_parallelism=4), Layout(2, data_parallelism=4)),
        (
            Shape(EngineName.VLLM, Precision.FP8, 1, 2, data_parallelism=8, expert_parallelism=8),
            Layout(1, 2, 8, has_expert_parallelism=True),
        ),
    ],
)
def test_the_parallelisms_of_a_shape_are_those_of_its_layout(shape: Shape, layout: Layout) -> None:
    """As many chips, too."""
    assert layout_of(shape) == layout
    assert layout_of(shape).chips == shape.chips


def test_a_cache_of_eight_bits_holds_twice_the_tokens() -> None:
    """And a step reads half."""
    wide = Shape(EngineName.VLLM, Precision.FP8, 8)
    narrow = Shape(EngineName.VLLM, Precision.FP8, 8, args=("--kv-cache-dtype", "fp8"))
    first, second = memory_fit(R1, H200, wide), memory_fit(R1, H200, narrow)
    assert first is not None
    assert second is not None
    assert second.kv_capacity_tokens == pytest.approx(2 * first.kv_capacity_tokens, rel=0.001)
    assert done("deepseek-r1", layout=layout_of(narrow)).cache == pytest.approx(done("deepseek-r1").cache / 2)


def test_an_estimate_counts_each_request_once() -> None:
    """By Little: requests at a time over the time of one."""
    found = estimate(Replica(OSS, H200, EngineName.VLLM, Precision.FP4, Layout(1)), MEAN, concurrency=16)
    each = found.time_to_first_token_seconds + MEAN.output_tokens * found.inter_token_latency_seconds
    assert found.requests_per_second == pytest.approx(16 / each)
    assert found.tokens_per_second == pytest.approx(found.requests_per_second * MEAN.output_tokens)


def test_a_replica_that_should_not_fit_but_was_measured_is_not_made_to_wait() -> None:
    """The size in the catalog is wrong then, not the measurement."""
    assert kv_tokens(Replica(R1, H200, EngineName.VLLM, Precision.FP8, Layout(1)), MEAN) == math.inf
