"""vLLM on NVIDIA and AMD GPUs, and the options that every engine built on vLLM shares.

Source: vLLM documentation, "Engine Arguments", "Loading models with Run:ai Model Streamer", "Data Parallel Deployment"
and "Expert Parallel Deployment", read 2026-11-21.
"""

from typing import Final

from quartermaster.api.names import SERVING_PORT
from quartermaster.api.v1alpha1.enums import Precision
from quartermaster.manifests.engines.launch import MODEL_STREAMER, Launch
from quartermaster.manifests.engines.require import converts_weights
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Weights
from quartermaster.planner.fleet import Shape

COMMAND: Final = ("vllm", "serve")
ENVIRONMENT: Final = (("VLLM_CACHE_ROOT", "/cache/vllm"), ("VLLM_NO_USAGE_STATS", "1"))


def launch(replica: Replica, weights: Weights) -> Launch:
    """Return how vLLM serves the replica on GPUs."""
    args = (weights.argument, *serve_options(replica, weights, own=load_options(replica, weights)))
    return Launch(COMMAND, args, ENVIRONMENT, is_root_read_only=True)


def load_options(replica: Replica, weights: Weights) -> tuple[str, ...]:
    """Return the options that stream weights from a bucket, and that make FP8 of 16-bit ones.

    Raises:
        ManifestError: the weights are in another format than wanted, and cannot be converted.
    """
    options = [f"--load-format={MODEL_STREAMER}"] if weights.is_object_store else []
    if converts_weights(replica, weights, into=frozenset({Precision.FP8})):
        options.append("--quantization=fp8")
    return tuple(options)


def serve_options(
    replica: Replica, weights: Weights, *, devices_per_chip: int = 1, own: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Return the options of ``vllm serve``, ``own`` being those of one engine alone.

    ``devices_per_chip`` is how many devices the framework sees in one unit of the extended resource. Arguments of the
    spec stand after those that they may override and before those that the plan relies on, since the last one wins.
    """
    shape = replica.shape
    options = ["--dtype=auto", f"--max-model-len={replica.max_context_tokens}", *own]
    if weights.revision:
        options.append(f"--revision={weights.revision}")
    options += replica.extra_arguments
    options += [
        f"--served-model-name={replica.workload.spec.model.name}",
        f"--tensor-parallel-size={shape.tensor_parallelism * devices_per_chip}",
        f"--pipeline-parallel-size={shape.pipeline_parallelism}",
        *_expert_options(shape),
        "--host=0.0.0.0",
        f"--port={SERVING_PORT}",
    ]
    return tuple(options)


def _expert_options(shape: Shape) -> tuple[str, ...]:
    """Return the options for experts, which all tensor- and data-parallel ranks share."""
    options = [f"--data-parallel-size={shape.data_parallelism}"] if shape.data_parallelism > 1 else []
    return (*options, *(["--enable-expert-parallel"] if shape.expert_parallelism > 1 else []))
