"""Builders of fleets, pools and workloads for tests. Small facts of their own, which catalog data cannot break."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from quartermaster.api.v1alpha1 import InferenceDeploymentSpec, ModelProfileSpec
from quartermaster.api.v1alpha1.enums import AcceleratorClass, CapacityType, EngineName, Precision, Support
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.model import LatentAttention, Model
from quartermaster.catalog.vocabulary import AcceleratorStatus
from quartermaster.planner.fleet import Demand, External, Facts, Fleet, Host, Key, Pool, Running, Source, Workload

GIBIBYTE = 2**30
TODAY = date(2026, 11, 21)
JURISDICTIONS = {
    "europe-west4": frozenset({"NL", "EU", "EEA"}),
    "europe-west3": frozenset({"DE", "EU", "EEA"}),
    "us-central1": frozenset({"US"}),
    "us-east1": frozenset({"US"}),
    "asia-east1": frozenset({"TW"}),
}


def accelerator(name: str = "nvidia-h100-sxm", **changes: Any) -> Accelerator:
    """Return a chip; ``changes`` override its facts."""
    facts: dict[str, Any] = {
        "name": name,
        "vendor": "NVIDIA",
        "display_name": name,
        "accelerator_class": AcceleratorClass.GPU,
        "status": AcceleratorStatus.GA,
        "architecture": "hopper",
        "memory_bytes": 80 * GIBIBYTE,
        "is_memory_reported": True,
        "memory_bandwidth_bytes_per_second": 3.35e12,
        "flops_per_second_by_format": {Precision.BF16: 989e12, Precision.FP8: 1978e12},
        "power_watts": 700.0,
        "scale_up_chips": 8,
        "scale_up_bandwidth_bytes_per_second": 900e9,
        "chips_per_node": 8,
        "resource_name": "nvidia.com/gpu",
        "is_identified_by_resource": False,
        "dra_driver": None,
        "node_architecture": "amd64",
        "is_edge": False,
        "engines": (EngineName.VLLM, EngineName.SGLANG, EngineName.TENSORRT_LLM),
        "confidential_computing": Support.SUPPORTED,
        "developer_jurisdiction": "US",
    }
    return Accelerator(**(facts | changes))


H100 = accelerator()
H200 = accelerator("nvidia-h200-sxm", memory_bytes=141 * GIBIBYTE, memory_bandwidth_bytes_per_second=4.8e12)
A100 = accelerator(
    "nvidia-a100-sxm-80",
    architecture="ampere",
    memory_bandwidth_bytes_per_second=2.039e12,
    flops_per_second_by_format={Precision.BF16: 312e12, Precision.INT8: 624e12},
    scale_up_bandwidth_bytes_per_second=600e9,
    confidential_computing=Support.UNSUPPORTED,
)
L4 = accelerator(
    "nvidia-l4",
    architecture="ada",
    memory_bytes=24 * GIBIBYTE,
    memory_bandwidth_bytes_per_second=300e9,
    flops_per_second_by_format={Precision.BF16: 121e12, Precision.FP8: 242e12},
    scale_up_chips=1,
    scale_up_bandwidth_bytes_per_second=None,
    confidential_computing=Support.UNSUPPORTED,
)
MI300X = accelerator(
    "amd-mi300x",
    vendor="AMD",
    architecture="cdna3",
    memory_bytes=192 * GIBIBYTE,
    memory_bandwidth_bytes_per_second=5.3e12,
    flops_per_second_by_format={Precision.BF16: 1307e12, Precision.FP8: 2615e12},
    resource_name="amd.com/gpu",
    engines=(EngineName.VLLM, EngineName.SGLANG),
    confidential_computing=Support.UNKNOWN,
)
TPU_V6E = accelerator(
    "google-tpu-v6e",
    vendor="Google",
    accelerator_class=AcceleratorClass.TPU,
    architecture=None,
    memory_bytes=32 * GIBIBYTE,
    memory_bandwidth_bytes_per_second=1.638e12,
    flops_per_second_by_format={Precision.BF16: 918e12, Precision.FP8: 918e12},
    scale_up_chips=256,
    scale_up_bandwidth_bytes_per_second=800e9,
    resource_name="google.com/tpu",
    engines=(EngineName.VLLM_TPU,),
    confidential_computing=Support.UNKNOWN,
)
TRAINIUM2 = accelerator(
    "aws-trainium2",
    vendor="AWS",
    accelerator_class=AcceleratorClass.INFERENCE_CHIP,
    architecture=None,
    memory_bytes=96 * GIBIBYTE,
    memory_bandwidth_bytes_per_second=2.9e12,
    flops_per_second_by_format={Precision.BF16: 667e12, Precision.FP8: 1299e12},
    scale_up_chips=64,
    scale_up_bandwidth_bytes_per_second=1280e9,
    resource_name="aws.amazon.com/neuron",
    engines=(EngineName.VLLM_NEURON,),
    confidential_computing=Support.UNKNOWN,
)


def model(name: str = "llama-3.1-8b-instruct", **changes: Any) -> Model:
    """Return a model; ``changes`` override its facts."""
    facts: dict[str, Any] = {
        "name": name,
        "repository": f"example/{name}",
        "developer": "Example",
        "developer_country": "US",
        "parameters": 8_030_000_000,
        "active_parameters": 8_030_000_000,
        "layers": 32,
        "hidden_size": 4096,
        "query_heads": 32,
        "kv_heads": 8,
        "head_dimension": 128,
        "attention": "gqa",
        "mla": None,
        "kv_bytes_per_token": 131_072,
        "context_tokens": 131_072,
        "native_precision": Precision.BF16,
        "published_precisions": (Precision.BF16, Precision.FP8),
        "weights_bytes_by_precision": {},
        "minimum_memory_bytes_by_precision": {},
        "licence": "example",
        "is_gated": False,
    }
    return Model(**(facts | changes))


LLAMA_8B = model()
LLAMA_70B = model(
    "llama-3.3-70b-instruct",
    parameters=70_600_000_000,
    active_parameters=70_600_000_000,
    layers=80,
    hidden_size=8192,
    query_heads=64,
    kv_bytes_per_token=327_680,
)
DEEPSEEK_R1 = model(
    "deepseek-r1",
    parameters=671_000_000_000,
    active_parameters=37_000_000_000,
    layers=61,
    hidden_size=7168,
    query_heads=128,
    kv_heads=128,
    attention="mla",
    mla=LatentAttention(512, 64),
    kv_bytes_per_token=70_272,
    context_tokens=163_840,
    native_precision=Precision.FP8,
    published_precisions=(Precision.FP8, Precision.FP4),
)


def host(name: str, chips: int = 8, **changes: Any) -> Host:
    """Return a host, all of it free unless ``free_chips`` or ``available_chips`` say otherwise."""
    facts: dict[str, Any] = {"zone": "a", "available_chips": chips}
    facts |= changes
    facts.setdefault("free_chips", facts["available_chips"])
    return Host(name=name, chips=chips, **facts)


def hosts(count: int, chips: int = 8, **changes: Any) -> tuple[Host, ...]:
    """Return hosts alike."""
    return tuple(host(f"node-{i}", chips, **changes) for i in range(count))


def pool(
    name: str = "pool",
    chip: Accelerator | None = H100,
    *,
    nodes: Sequence[Host] | int = 1,
    region: str = "europe-west4",
    price: float | None = 5.0,
    **changes: Any,
) -> Pool:
    """Return a pool; ``nodes`` is a number of whole free hosts, or the hosts."""
    facts: dict[str, Any] = {
        "cluster": "local",
        "provider": "gcp",
        "capacity_type": CapacityType.ON_DEMAND,
        "resource_name": (chip.resource_name or "") if chip else "",
        "price_source": Source.DECLARED,
        "facts": Facts(jurisdictions=JURISDICTIONS.get(region), jurisdictions_source="the catalog's region"),
    }
    return Pool(
        name=name,
        region=region,
        accelerator=chip,
        hosts=hosts(nodes, (chip.chips_per_node if chip else None) or 8) if isinstance(nodes, int) else tuple(nodes),
        dollars_per_chip_hour=price,
        **(facts | changes),
    )


def external_pool(
    name: str = "hosted",
    *,
    models: Iterable[str] = ("llama-3.1-8b-instruct", "llama-3.3-70b-instruct"),
    tokens_per_second: float = 10_000.0,
    prices: tuple[float, float] = (0.1, 0.4),
    latencies: tuple[float | None, float | None] = (0.3, 0.01),
    **changes: Any,
) -> Pool:
    """Return a hosted service; ``prices`` are dollars per million input and output tokens, ``latencies`` seconds."""
    service = External("https://llm.example.com", frozenset(models), tokens_per_second, *prices, *latencies)
    facts: dict[str, Any] = {"nodes": 0, "price": None, "external": service}
    return pool(name, None, **(facts | changes))


def spec(**parts: Any) -> InferenceDeploymentSpec:
    """Return a spec; ``parts`` are its fields as they stand in a manifest."""
    return InferenceDeploymentSpec.model_validate({"model": {"name": "llama-3.1-8b-instruct"}} | parts)


def workload(
    name: str = "chat",
    served: Model = LLAMA_8B,
    *,
    rate: float = 1.0,
    tokens: tuple[float, float] = (1000.0, 200.0),
    replicas: int | None = None,
    running: Iterable[Running] = (),
    **parts: Any,
) -> Workload:
    """Return a workload; ``rate`` is requests per second, ``tokens`` the mean input and output of one."""
    stated = {"model": {"name": served.name}} | parts
    return Workload(
        key=Key("default", name),
        spec=spec(**stated),
        model=served,
        demand=Demand(rate, *tokens, replicas=replicas),
        running=tuple(running),
    )


def fleet(*pools: Pool, profiles: Iterable[ModelProfileSpec] = ()) -> Fleet:
    """Return a fleet of the pools."""
    return Fleet(pools=pools, today=TODAY, profiles=tuple(profiles))


def profile(served: Model = LLAMA_8B, chip: Accelerator = H100, **changes: Any) -> ModelProfileSpec:
    """Return a measured profile of one replica."""
    facts: Mapping[str, Any] = {
        "model": served.name,
        "accelerator": chip.name,
        "engine": "VLLM",
        "precision": "BF16",
        "alphaSeconds": "0.006",
        "betaSecondsPerToken": "0.00004",
        "gammaSecondsPerToken": "0.00000005",
        "maxBatchSize": 256,
        "kvCapacityTokens": 400_000,
        "evidence": "measured for the test",
    }
    return ModelProfileSpec.model_validate({**facts, **changes})
