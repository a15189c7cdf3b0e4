"""vLLM on NVIDIA and AMD GPUs, and the arguments that every engine built on vLLM shares.

Source: vLLM documentation, "Engine Arguments" and "Loading models with Run:ai Model Streamer", read 2026-11-21.
"""

from typing import Final

from quartermaster.api.names import SERVING_PORT
from quartermaster.api.v1alpha1.enums import Precision
from quartermaster.manifests.engines.launch import MODEL_STREAMER, Launch
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Weights

COMMAND: Final = ("vllm", "serve")


def launch(replica: Replica, weights: Weights) -> Launch:
    """Return how vLLM serves the replica on GPUs."""
    return Launch(
        COMMAND,
        serve_arguments(replica, weights),
        environment=(("VLLM_CACHE_ROOT", "/cache/vllm"), ("VLLM_NO_USAGE_STATS", "1")),
    )


def serve_arguments(replica: Replica, weights: Weights, *, devices_per_chip: int = 1) -> tuple[str, ...]:
    """Return the arguments of ``vllm serve``.

    ``devices_per_chip`` is how many devices the framework sees in one unit of the extended resource. Arguments of the
    spec stand between ours: those that the plan relies on come last, and the last one wins.
    """
    shape = replica.shape
    arguments = [weights.argument]
    if weights.revision:
        arguments.append(f"--revision={weights.revision}")
    if weights.is_object_store:
        arguments.append(f"--load-format={MODEL_STREAMER}")
    arguments.append("--dtype=auto")
    if quantizes_while_loading(replica, weights):
        arguments.append("--quantization=fp8")
    arguments.append(f"--max-model-len={replica.max_context_tokens}")
    arguments += replica.extra_arguments
    arguments += [
        f"--served-model-name={replica.workload.spec.model.name}",
        f"--tensor-parallel-size={shape.tensor_parallelism * devices_per_chip}",
        f"--pipeline-parallel-size={shape.pipeline_parallelism}",
        "--host=0.0.0.0",
        f"--port={SERVING_PORT}",
    ]
    return tuple(arguments)


def quantizes_while_loading(replica: Replica, weights: Weights) -> bool:
    """Tell whether the engine must turn a 16-bit checkpoint into FP8.

    Weights of a source that the spec names are taken as they are: their own configuration states the format.
    """
    is_16_bit = replica.workload.model.native_precision is Precision.BF16
    return weights.is_default and is_16_bit and replica.shape.precision is Precision.FP8
