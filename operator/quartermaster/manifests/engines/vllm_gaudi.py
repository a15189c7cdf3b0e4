"""vLLM on Intel Gaudi (vllm-gaudi).

Source: vLLM Gaudi documentation and the Intel Gaudi installation guide, read 2026-11-21. Logs go to a volume because
the default folder belongs to root.
"""

from quartermaster.manifests.engines.launch import Launch
from quartermaster.manifests.engines.require import refuse_conversion, refuse_object_store
from quartermaster.manifests.engines.vllm import COMMAND, ENVIRONMENT, serve_options
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Weights


def launch(replica: Replica, weights: Weights) -> Launch:
    """Return how vLLM serves the replica on Gaudi.

    Raises:
        ManifestError: the weights lie in a bucket, or are in another format than wanted.
    """
    refuse_object_store(replica, weights)
    refuse_conversion(replica, weights)
    environment = (
        *ENVIRONMENT,
        ("HABANA_LOGS", "/cache/habana"),
        ("OMPI_MCA_btl_vader_single_copy_mechanism", "none"),
        ("PT_HPU_ENABLE_LAZY_COLLECTIVES", "true"),
    )
    return Launch(COMMAND, (weights.argument, *serve_options(replica, weights)), environment, compile_seconds=1800)
