"""TensorRT-LLM on NVIDIA GPUs, through ``trtllm-serve`` with its PyTorch back end.

Source: TensorRT-LLM documentation, "trtllm-serve", read 2026-11-21.
"""

from quartermaster.api.names import SERVING_PORT
from quartermaster.manifests.engines.launch import Launch
from quartermaster.manifests.errors import ManifestError
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Weights


def launch(replica: Replica, weights: Weights) -> Launch:
    """Return how TensorRT-LLM serves the replica.

    Raises:
        ManifestError: the weights lie in a bucket, from which it does not load.
    """
    if weights.is_object_store:
        raise ManifestError(
            "SourceNotSupported",
            f"wanted weights that TensorRTLLM can load, found {weights.argument}: use hf://, oci:// or pvc://, or"
            " another engine",
        )
    shape = replica.shape
    arguments = [weights.argument, "--backend=pytorch"]
    if weights.revision:
        arguments.append(f"--revision={weights.revision}")
    arguments.append(f"--max_seq_len={replica.max_context_tokens}")
    arguments += replica.extra_arguments
    arguments += [
        f"--served_model_name={replica.workload.spec.model.name}",
        f"--tp_size={shape.tensor_parallelism}",
        f"--pp_size={shape.pipeline_parallelism}",
        "--host=0.0.0.0",
        f"--port={SERVING_PORT}",
    ]
    return Launch(("trtllm-serve",), tuple(arguments), is_root_read_only=False, compile_seconds=600)
