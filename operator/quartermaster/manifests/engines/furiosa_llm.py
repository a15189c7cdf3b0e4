"""Furiosa-LLM on RNGD cards.

It serves models that Furiosa has compiled, whose artifact says over how many processing elements it is split; it takes
every card that it sees. Source: Furiosa-LLM documentation, "OpenAI-Compatible Server", read 2026-11-21.
"""

from quartermaster.api.names import SERVING_PORT
from quartermaster.manifests.engines.launch import Launch
from quartermaster.manifests.engines.require import refuse_conversion, refuse_object_store
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Weights


def launch(replica: Replica, weights: Weights) -> Launch:
    """Return how Furiosa-LLM serves the replica.

    Raises:
        ManifestError: the weights lie in a bucket, or are in another format than wanted.
    """
    refuse_object_store(replica, weights)
    refuse_conversion(replica, weights)
    args = ["serve", weights.argument]
    if weights.revision:
        args.append(f"--revision={weights.revision}")
    args += replica.extra_arguments
    args += [
        f"--served-model-name={replica.workload.spec.model.name}",
        "--host=0.0.0.0",
        f"--port={SERVING_PORT}",
    ]
    return Launch((), tuple(args), compile_seconds=600)
