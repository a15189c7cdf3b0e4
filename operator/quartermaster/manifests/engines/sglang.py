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
    args = [f"--model-path={weights.argument}", f"--context-length={replica.max_context_tokens}"]
    if weights.revision:
        args.append(f"--revision={weights.revision}")
    if weights.is_object_store:
        args.append(f"--load-format={MODEL_STREAMER}")
    if quantizes_while_loading(replica, weights):
        args.append("--quantization=fp8")
    args += replica.extra_arguments
    args += [
        f"--served-model-name={replica.workload.spec.model.name}",
        f"--tp-size={shape.tensor_parallelism}",
        f"--pp-size={shape.pipeline_parallelism}",
        "--enable-metrics",
        "--host=0.0.0.0",
        f"--port={SERVING_PORT}",
    ]
    environment = (("SGLANG_CACHE_DIR", "/cache/sglang"), ("FLASHINFER_WORKSPACE_BASE", "/cache"))
    return Launch(("python3", "-m", "sglang.launch_server"), tuple(args), environment, is_root_read_only=True)
