"""One file per engine: command, arguments, environment. Images are the catalog's; objects are built a floor above."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from quartermaster.api.v1alpha1.enums import EngineName
from quartermaster.api.v1alpha1.workload import EXPERT_ENGINES
from quartermaster.manifests.engines import (
    furiosa_llm,
    sglang,
    tensorrt_llm,
    vllm,
    vllm_ascend,
    vllm_gaudi,
    vllm_neuron,
    vllm_qualcomm,
    vllm_tenstorrent,
    vllm_tpu,
)
from quartermaster.manifests.engines.launch import Launch as Launch
from quartermaster.manifests.engines.require import refuse_expert_parallelism
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Weights

LAUNCH_BY_ENGINE: Final[Mapping[EngineName, Callable[[Replica, Weights], Launch]]] = MappingProxyType(
    {
        EngineName.VLLM: vllm.launch,
        EngineName.SGLANG: sglang.launch,
        EngineName.TENSORRT_LLM: tensorrt_llm.launch,
        EngineName.VLLM_TPU: vllm_tpu.launch,
        EngineName.VLLM_NEURON: vllm_neuron.launch,
        EngineName.VLLM_GAUDI: vllm_gaudi.launch,
        EngineName.VLLM_QUALCOMM: vllm_qualcomm.launch,
        EngineName.VLLM_ASCEND: vllm_ascend.launch,
        EngineName.VLLM_TENSTORRENT: vllm_tenstorrent.launch,
        EngineName.FURIOSA_LLM: furiosa_llm.launch,
    }
)

_METRICS_PATH_BY_ENGINE: Final[Mapping[EngineName, str]] = MappingProxyType(
    {EngineName.TENSORRT_LLM: tensorrt_llm.METRICS_PATH}
)


def metrics_path(engine: EngineName) -> str:
    """Return the path at which an engine that we started serves metrics in the text format of Prometheus."""
    return _METRICS_PATH_BY_ENGINE.get(engine, "/metrics")


def launch(replica: Replica, weights: Weights) -> Launch:
    """Return how the replica's engine is started.

    Raises:
        ManifestError: the engine cannot serve it so; the message says what to do.
    """
    if replica.shape.engine not in EXPERT_ENGINES:
        refuse_expert_parallelism(replica)
    return LAUNCH_BY_ENGINE[replica.shape.engine](replica, weights)
