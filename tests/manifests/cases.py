"""The placements whose objects are kept as golden files: every engine and vendor, and what deployments ask for."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from quartermaster.api.v1alpha1.enums import CapacityType, EngineName, Precision
from tests.manifests import world
from tests.manifests.world import JsonObject

Objects = tuple[JsonObject, ...]

NVIDIA_LABELS = {"nvidia.com/gpu.product": "NVIDIA-H200"}
WISHES: JsonObject = {
    "model": {"name": "llama-3.3-70b-instruct", "source": "pvc://weights/llama/3.3"},
    "serving": {
        "engines": [{"name": "VLLM", "image": "registry.example.com/vllm:1", "args": ["--enable-prefix-caching"]}],
        "maxContextTokens": 8192,
        "overlay": {
            "labels": {"example.com/team": "search"},
            "annotations": {"example.com/contact": "search@example.com"},
            "serviceAccountName": "reader",
            "priorityClassName": "interactive",
            "imagePullSecrets": ["registry"],
            "environment": [
                {"name": "LOG_STYLE", "value": "plain"},
                {"name": "HF_TOKEN", "secretName": "hugging-face", "secretKey": "token"},
            ],
        },
    },
    "placement": {"minZones": 2},
}


def _one(accelerator: str, engine: EngineName, tensor: int, precision: Precision = Precision.BF16) -> Objects:
    wanted = world.deployment()
    shape = world.shape(engine, tensor, precision=precision)
    return (world.render_one(wanted, world.pool(accelerator), shape),)


def _vllm_on_nvidia() -> Objects:
    wanted = world.deployment()
    where = world.pool("nvidia-h200-sxm", labels=NVIDIA_LABELS)
    shape = world.shape(EngineName.VLLM, 4, precision=Precision.FP8)
    return world.render(wanted, (where, world.placement(wanted, where, shape)))


def _vllm_on_tpu_v6e() -> Objects:
    where = world.tpu_pool("google-tpu-v6e", "tpu-v6e-slice", "2x4")
    return (world.render_one(world.deployment(), where, world.shape(EngineName.VLLM_TPU, 8)),)


def _vllm_on_tpu7x() -> Objects:
    where = world.tpu_pool("google-tpu7x", "tpu7x", "2x2x1")
    return (world.render_one(world.deployment(), where, world.shape(EngineName.VLLM_TPU, 4)),)


def _two_pipeline_stages_on_spot() -> Objects:
    where = world.pool("nvidia-a100-sxm-80", capacity_type=CapacityType.SPOT)
    return (world.render_one(world.deployment(), where, world.shape(EngineName.VLLM, 2, pipeline=2)),)


def _every_wish() -> Objects:
    wanted = world.deployment(**WISHES)
    where = world.pool("nvidia-h200-sxm", labels=NVIDIA_LABELS)
    placed = world.placement(wanted, where, world.shape(EngineName.VLLM, 4), replicas=5)
    return (world.render(wanted, (where, replace(placed, zone="eu-west-1a")))[-1],)


def _spread_over_zones() -> Objects:
    wanted = world.deployment(placement={"minZones": 2})
    where = world.pool("nvidia-h200-sxm", labels=NVIDIA_LABELS)
    return world.render(wanted, *world.zoned(wanted, where, {"eu-west-1a": 3, "eu-west-1b": 2}))[2:]


def _experts(engine: EngineName, tensor: int, data: int) -> Objects:
    """DeepSeek R1 on eight chips, its experts over all of them."""
    wanted = world.deployment(model={"name": "deepseek-r1"})
    shape = replace(world.shape(engine, tensor, precision=Precision.FP8), data_parallelism=data, expert_parallelism=8)
    return (world.render_one(wanted, world.pool("nvidia-h200-sxm"), shape),)


def _external(endpoint: str) -> Objects:
    wanted = world.deployment()
    where = world.external_pool(endpoint)
    return world.render(wanted, (where, world.placement(wanted, where, world.shape(EngineName.VLLM, 1))))[2:]


CASES: Mapping[str, Callable[[], Objects]] = MappingProxyType(
    {
        "vllm-nvidia-h200": _vllm_on_nvidia,
        "vllm-nvidia-gb200-arm64": lambda: _one("nvidia-gb200", EngineName.VLLM, 4),
        "vllm-nvidia-a100-spot-pipeline": _two_pipeline_stages_on_spot,
        "vllm-experts": lambda: _experts(EngineName.VLLM, 2, 4),
        "sglang-experts": lambda: _experts(EngineName.SGLANG, 2, 4),
        "tensorrt-llm-experts": lambda: _experts(EngineName.TENSORRT_LLM, 1, 8),
        "vllm-amd-mi300x": lambda: _one("amd-mi300x", EngineName.VLLM, 1, Precision.FP8),
        "sglang-nvidia-b200": lambda: _one("nvidia-b200", EngineName.SGLANG, 2, Precision.FP8),
        "sglang-amd-mi355x": lambda: _one("amd-mi355x", EngineName.SGLANG, 1),
        "tensorrt-llm-nvidia-h100": lambda: _one("nvidia-h100-sxm", EngineName.TENSORRT_LLM, 4),
        "vllm-tpu-v6e": _vllm_on_tpu_v6e,
        "vllm-tpu7x": _vllm_on_tpu7x,
        "vllm-neuron-inferentia2": lambda: _one("aws-inferentia2", EngineName.VLLM_NEURON, 12),
        "vllm-neuron-trainium2": lambda: _one("aws-trainium2", EngineName.VLLM_NEURON, 4),
        "vllm-gaudi3": lambda: _one("intel-gaudi3", EngineName.VLLM_GAUDI, 2),
        "vllm-qualcomm": lambda: _one("qualcomm-ai100-ultra", EngineName.VLLM_QUALCOMM, 4, Precision.FP8),
        "vllm-ascend": lambda: _one("huawei-ascend-910b", EngineName.VLLM_ASCEND, 4),
        "furiosa-llm": lambda: _one("furiosa-rngd", EngineName.FURIOSA_LLM, 4),
        "every-wish": _every_wish,
        "spread-over-zones": _spread_over_zones,
        "external-host-name": lambda: _external("https://api.groq.com/openai/v1"),
        "external-address": lambda: _external("http://10.20.30.40:8080/v1"),
    }
)
