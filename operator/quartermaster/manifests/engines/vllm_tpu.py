"""vLLM on Google TPUs (tpu-inference).

Parallelism counts JAX devices: one per chip, but two on TPU7x, whose chip shows its two cores apart.
Source: vLLM TPU documentation, and the TPU7x page of the Cloud TPU documentation, read 2026-11-21.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from quartermaster.manifests.engines.launch import Launch
from quartermaster.manifests.engines.vllm import COMMAND, ENVIRONMENT, load_options, serve_options
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Weights

_DEVICES_BY_ARCHITECTURE: Final[Mapping[str | None, int]] = MappingProxyType({"tpu7x": 2})


def launch(replica: Replica, weights: Weights) -> Launch:
    """Return how vLLM serves the replica on TPUs.

    Raises:
        ManifestError: the weights are in another format than wanted, and cannot be converted.
    """
    devices = _DEVICES_BY_ARCHITECTURE.get(replica.accelerator.architecture, 1)
    args = (
        weights.argument,
        *serve_options(replica, weights, devices_per_chip=devices, own=load_options(replica, weights)),
    )
    environment = (*ENVIRONMENT, ("VLLM_XLA_CACHE_PATH", "/cache/xla"))
    return Launch(COMMAND, args, environment, is_root_read_only=True, compile_seconds=1800)
