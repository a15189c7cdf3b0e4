"""vLLM on Intel Gaudi (vllm-gaudi)."""

from quartermaster.manifests.engines.launch import Launch
from quartermaster.manifests.engines.vllm import COMMAND, serve_arguments
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Weights


def launch(replica: Replica, weights: Weights) -> Launch:
    """Return how the engine serves the replica."""
    return Launch(COMMAND, serve_arguments(replica, weights), compile_seconds=1800)
