"""Engines: each is told the parallelism of its own devices, and refuses what it cannot serve in words that help."""

from dataclasses import replace
from typing import Any

import pytest

from quartermaster.api.names import SERVING_PORT
from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.api.v1alpha1.workload import EXPERT_ENGINES
from quartermaster.catalog.vocabulary import AcceleratorStatus
from quartermaster.manifests.engines import LAUNCH_BY_ENGINE, metrics_path
from quartermaster.manifests.errors import ManifestError
from tests.manifests import world

ACCELERATOR_BY_ENGINE = {
    EngineName.VLLM: "nvidia-h200-sxm",
    EngineName.SGLANG: "nvidia-h200-sxm",
    EngineName.TENSORRT_LLM: "nvidia-h200-sxm",
    EngineName.VLLM_TPU: "google-tpu-v6e",
    EngineName.VLLM_NEURON: "aws-trainium2",
    EngineName.VLLM_GAUDI: "intel-gaudi3",
    EngineName.VLLM_QUALCOMM: "qualcomm-ai100-ultra",
    EngineName.VLLM_ASCEND: "huawei-ascend-910b",
    EngineName.FURIOSA_LLM: "furiosa-rngd",
}


def arguments(accelerator: str, engine: EngineName, tensor: int, **spec: Any) -> list[str]:
    """Return the arguments of one replica."""
    rendered = world.render_one(world.deployment(**spec), world.pool(accelerator), world.shape(engine, tensor))
    args: list[str] = world.serving_container(rendered)["args"]
    return args


def test_every_engine_of_the_api_can_be_started() -> None:
    """No engine can be asked for that nobody knows how to start."""
    assert set(LAUNCH_BY_ENGINE) == set(EngineName)


@pytest.mark.parametrize("engine", sorted(ACCELERATOR_BY_ENGINE))
def test_every_engine_listens_where_the_service_sends(engine: EngineName) -> None:
    """The serving port is one of the things that scraping, probes and the Service rely on."""
    args = arguments(ACCELERATOR_BY_ENGINE[engine], engine, 4)
    assert f"--port={SERVING_PORT}" in args
    assert "--host=0.0.0.0" in args


@pytest.mark.parametrize(
    ("accelerator", "engine", "chips", "devices"),
    [
        ("nvidia-h200-sxm", EngineName.VLLM, 4, 4),
        ("google-tpu-v6e", EngineName.VLLM_TPU, 4, 4),
        ("google-tpu7x", EngineName.VLLM_TPU, 4, 8),
        ("aws-inferentia2", EngineName.VLLM_NEURON, 12, 24),
        ("aws-trainium1", EngineName.VLLM_NEURON, 16, 32),
        ("aws-trainium2", EngineName.VLLM_NEURON, 4, 16),
        ("intel-gaudi3", EngineName.VLLM_GAUDI, 8, 8),
    ],
)
def test_parallelism_counts_what_the_framework_sees(
    accelerator: str, engine: EngineName, chips: int, devices: int
) -> None:
    """A unit of the extended resource may show as several devices."""
    assert f"--tensor-parallel-size={devices}" in arguments(accelerator, engine, chips)


@pytest.mark.parametrize(
    ("engine", "tensor", "data", "told"),
    [
        (EngineName.VLLM, 8, 1, {"--tensor-parallel-size=8", "--enable-expert-parallel"}),
        (EngineName.VLLM, 2, 4, {"--tensor-parallel-size=2", "--data-parallel-size=4", "--enable-expert-parallel"}),
        (EngineName.SGLANG, 8, 1, {"--tp-size=8", "--ep-size=8"}),
        (EngineName.SGLANG, 2, 4, {"--tp-size=8", "--dp-size=4", "--enable-dp-attention", "--ep-size=8"}),
        (EngineName.TENSORRT_LLM, 8, 1, {"--tp_size=8", "--ep_size=8"}),
        (EngineName.TENSORRT_LLM, 1, 8, {"--tp_size=8", "--ep_size=8"}),
    ],
)
def test_every_engine_is_told_of_experts_and_attention_ranks_in_its_own_words(
    engine: EngineName, tensor: int, data: int, told: set[str]
) -> None:
    """Eight chips each; SGLang and TensorRT-LLM count those that share a layer, vLLM those of a rank."""
    how = replace(world.shape(engine, tensor, precision=Precision.FP8), data_parallelism=data, expert_parallelism=8)
    rendered = world.render_one(world.deployment(model={"name": "deepseek-r1"}), world.pool("nvidia-h200-sxm"), how)
    container = world.serving_container(rendered)
    assert told <= set(container["args"])
    others = {"--data-parallel-size", "--dp-size", "--enable-dp-attention"}
    assert data > 1 or not others & {arg.partition("=")[0] for arg in container["args"]}
    assert container["resources"]["limits"] == {"nvidia.com/gpu": "8"}
    if engine is EngineName.TENSORRT_LLM:
        assert ("enable_attention_dp: true" in " ".join(container["command"])) == (data > 1)


def test_attention_ranks_of_several_chips_are_refused_where_a_rank_is_one_chip() -> None:
    """The remedy is a shape of as many chips."""
    how = replace(world.shape(EngineName.TENSORRT_LLM, 2, precision=Precision.FP8), data_parallelism=4)
    with pytest.raises(ManifestError, match="set tensorParallelism to 1 and dataParallelism to 8") as refusal:
        world.render_one(world.deployment(model={"name": "deepseek-r1"}), world.pool("nvidia-h200-sxm"), how)
    assert refusal.value.reason == "ShapeNotSupported"


@pytest.mark.parametrize("engine", sorted(set(ACCELERATOR_BY_ENGINE) - set(EXPERT_ENGINES)))
def test_other_engines_refuse_experts_and_attention_ranks(engine: EngineName) -> None:
    """No engine is told less than the plan counts on."""
    how = replace(world.shape(engine, 8), expert_parallelism=8)
    with pytest.raises(ManifestError, match="leave them out, or use an engine that has them") as refusal:
        world.render_one(world.deployment(), world.pool(ACCELERATOR_BY_ENGINE[engine]), how)
    assert refusal.value.reason == "ShapeNotSupported"


@pytest.mark.parametrize("engine", [EngineName.VLLM, EngineName.SGLANG])
def test_a_16_bit_checkpoint_is_quantised_only_when_it_is_the_catalogs(engine: EngineName) -> None:
    """A source that the spec names states its own format."""
    shape = world.shape(engine, 4, precision=Precision.FP8)
    pool = world.pool("nvidia-h200-sxm")
    sourced = world.deployment(model={"name": "llama-3.3-70b-instruct", "source": "hf://example/llama-fp8"})
    args = [world.serving_container(world.render_one(w, pool, shape))["args"] for w in (world.deployment(), sourced)]
    assert ["--quantization=fp8" in given for given in args] == [True, False]


@pytest.mark.parametrize("engine", [EngineName.TENSORRT_LLM, EngineName.VLLM_NEURON, EngineName.VLLM_GAUDI])
def test_an_engine_that_cannot_stream_refuses_a_bucket(engine: EngineName) -> None:
    """The refusal says what would work."""
    model = {"name": "llama-3.3-70b-instruct", "source": "s3://weights/llama"}
    with pytest.raises(ManifestError, match=r"use hf://, oci:// or pvc://") as refusal:
        arguments(ACCELERATOR_BY_ENGINE[engine], engine, 4, model=model)
    assert refusal.value.reason == "SourceNotSupported"


@pytest.mark.parametrize(
    ("engine", "precision"),
    [
        (EngineName.VLLM, Precision.INT4),
        (EngineName.SGLANG, Precision.FP4),
        (EngineName.TENSORRT_LLM, Precision.FP8),
        (EngineName.VLLM_NEURON, Precision.FP8),
        (EngineName.VLLM_GAUDI, Precision.FP8),
    ],
)
def test_weights_in_another_format_need_a_source(engine: EngineName, precision: Precision) -> None:
    """Memory was planned for the format that was asked for; weights of another would not fit."""
    pool = world.pool(ACCELERATOR_BY_ENGINE[engine])
    shape = world.shape(engine, 4, precision=precision)
    with pytest.raises(ManifestError, match=r"set spec\.model\.source to a checkpoint") as refusal:
        world.render_one(world.deployment(), pool, shape)
    assert refusal.value.reason == "NoCheckpoint"
    sourced = world.deployment(model={"name": "llama-3.3-70b-instruct", "source": "hf://example/llama"})
    assert "--quantization=fp8" not in world.serving_container(world.render_one(sourced, pool, shape))["args"]


def test_sglang_shows_its_metrics() -> None:
    """SGLang has none unless it is asked."""
    assert "--enable-metrics" in arguments("nvidia-h200-sxm", EngineName.SGLANG, 2)


def test_the_path_of_metrics_is_that_of_the_engine() -> None:
    """TensorRT-LLM gives JSON at the usual path."""
    assert metrics_path(EngineName.TENSORRT_LLM) == "/prometheus/metrics"
    assert metrics_path(EngineName.VLLM) == "/metrics"


def test_an_engine_without_an_image_asks_for_one() -> None:
    """Where the catalog has no image for the chip, the spec must name it, and then it is used."""
    pool, shape = world.pool("amd-mi250"), world.shape(EngineName.SGLANG, 1)
    with pytest.raises(ManifestError, match=r"name one in spec\.serving\.engines") as refusal:
        world.render_one(world.deployment(), pool, shape)
    assert refusal.value.reason == "NoImage"
    engines = [{"name": "SGLang", "image": "registry.example.com/sglang:mi250"}]
    rendered = world.render_one(world.deployment(serving={"engines": engines}), pool, shape)
    assert world.serving_container(rendered)["image"] == "registry.example.com/sglang:mi250"


def test_every_schedulable_accelerator_can_be_rendered() -> None:
    """Each engine that the catalog lists for a chip that pods can ask for starts from the catalog's facts alone."""
    for accelerator in world.CATALOG.accelerators_by_name.values():
        if not accelerator.is_schedulable or accelerator.status is not AcceleratorStatus.GA:
            continue
        for engine in accelerator.engines:
            if world.CATALOG.engines_by_name[engine].image_for(accelerator) is None:
                continue
            rendered = world.render_one(world.deployment(), world.pool(accelerator.name), world.shape(engine, 1))
            limits = world.serving_container(rendered)["resources"]["limits"]
            assert limits == {accelerator.resource_name: "1"}, accelerator.name
