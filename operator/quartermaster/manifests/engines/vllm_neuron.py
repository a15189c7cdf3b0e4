"""vLLM on AWS Inferentia and Trainium (vllm-neuron).

Parallelism counts logical NeuronCores: two per chip of the second generation; four since the third, whose eight
physical cores work in pairs by default. Graphs are compiled at the first start.
Source: AWS Neuron documentation, "Logical NeuronCore configuration" and "vLLM Neuron plugin", read 2026-11-21.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from quartermaster.manifests.engines.launch import Launch
from quartermaster.manifests.engines.require import refuse_conversion, refuse_object_store
from quartermaster.manifests.engines.vllm import COMMAND, ENVIRONMENT, serve_options
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Weights

_LOGICAL_CORES_BY_ARCHITECTURE: Final[Mapping[str | None, int]] = MappingProxyType(
    {"neuroncore-v2": 2, "neuroncore-v3": 4, "neuroncore-v4": 4}
)


def launch(replica: Replica, weights: Weights) -> Launch:
    """Return how vLLM serves the replica on Neuron devices.

    Raises:
        ManifestError: the weights lie in a bucket, or are in another format than wanted.
    """
    refuse_object_store(replica, weights)
    refuse_conversion(replica, weights)
    cores = _LOGICAL_CORES_BY_ARCHITECTURE.get(replica.accelerator.architecture, 1)
    args = (weights.argument, *serve_options(replica, weights, devices_per_chip=cores))
    environment = (*ENVIRONMENT, ("NEURON_COMPILE_CACHE_URL", "/cache/neuron"))
    return Launch(COMMAND, args, environment, compile_seconds=3600)
