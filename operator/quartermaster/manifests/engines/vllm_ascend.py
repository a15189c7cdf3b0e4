"""vLLM on Huawei Ascend (vllm-ascend): the ordinary server with a plug-in.

Source: vLLM Ascend documentation, read 2026-11-21.
"""

from quartermaster.manifests.engines.launch import Launch
from quartermaster.manifests.engines.require import refuse_conversion, refuse_object_store
from quartermaster.manifests.engines.vllm import COMMAND, ENVIRONMENT, serve_options
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Weights


def launch(replica: Replica, weights: Weights) -> Launch:
    """Return how vLLM serves the replica on Ascend.

    Raises:
        ManifestError: the weights lie in a bucket, or are in another format than wanted.
    """
    refuse_object_store(replica, weights)
    refuse_conversion(replica, weights)
    environment = (*ENVIRONMENT, ("ASCEND_PROCESS_LOG_PATH", "/cache/ascend"))
    return Launch(COMMAND, (weights.argument, *serve_options(replica, weights)), environment, compile_seconds=600)
