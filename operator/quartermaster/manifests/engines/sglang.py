"""SGLang on NVIDIA and AMD GPUs.

Source: SGLang documentation, "Server Arguments", read 2026-11-21. Without ``--enable-metrics`` it shows no metrics.
"""

from quartermaster.api.names import SERVING_PORT
from quartermaster.manifests.engines.launch import MODEL_STREAMER, Launch
from quartermaster.manifests.engines.vllm import quantizes_while_loading
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Weights


def launch(replica: Replica, weights: Weights) -> Launch:
    """Return how SGLang serves the replica."""
    shape = replica.shape
    arguments = [f"--model-path={weights.argument}"]
    if weights.revision:
        arguments.append(f"--revision={weights.revision}")
    if weights.is_object_store:
        arguments.append(f"--load-format={MODEL_STREAMER}")
    if quantizes_while_loading(replica, weights):
        arguments.append("--quantization=fp8")
    arguments.append(f"--context-length={replica.max_context_tokens}")
    arguments += replica.extra_arguments
    arguments += [
        f"--served-model-name={replica.workload.spec.model.name}",
        f"--tp-size={shape.tensor_parallelism}",
        f"--pp-size={shape.pipeline_parallelism}",
        "--enable-metrics",
        "--host=0.0.0.0",
        f"--port={SERVING_PORT}",
    ]
    return Launch(("python3", "-m", "sglang.launch_server"), tuple(arguments))
