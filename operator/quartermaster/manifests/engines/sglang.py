"""SGLang on NVIDIA and AMD GPUs.

Its tensor parallelism counts every chip that shares a layer; data-parallel attention divides them into ranks.
Source: SGLang documentation, "Server Arguments" and "DP, DPA and SGLang DP Router", read 2026-11-21. Without
``--enable-metrics`` it shows no metrics.
"""

from quartermaster.api.names import SERVING_PORT
from quartermaster.manifests.engines.launch import Launch
from quartermaster.manifests.engines.vllm import load_options
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Weights
from quartermaster.planner.fleet import Shape


def launch(replica: Replica, weights: Weights) -> Launch:
    """Return how SGLang serves the replica.

    Raises:
        ManifestError: the weights are in another format than wanted, and cannot be converted.
    """
    shape = replica.shape
    args = [f"--model-path={weights.argument}", f"--context-length={replica.max_context_tokens}"]
    if weights.revision:
        args.append(f"--revision={weights.revision}")
    args += load_options(replica, weights)  # they bear the same names as vLLM's
    args += replica.extra_arguments
    args += [
        f"--served-model-name={replica.workload.spec.model.name}",
        f"--tp-size={shape.tensor_parallelism * shape.data_parallelism}",
        f"--pp-size={shape.pipeline_parallelism}",
        *_expert_options(shape),
        "--enable-metrics",
        "--host=0.0.0.0",
        f"--port={SERVING_PORT}",
    ]
    environment = (("SGLANG_CACHE_DIR", "/cache/sglang"), ("FLASHINFER_WORKSPACE_BASE", "/cache"))
    return Launch(("python3", "-m", "sglang.launch_server"), tuple(args), environment, is_root_read_only=True)


def _expert_options(shape: Shape) -> tuple[str, ...]:
    options = [f"--dp-size={shape.data_parallelism}", "--enable-dp-attention"] if shape.data_parallelism > 1 else []
    return (*options, *([f"--ep-size={shape.expert_parallelism}"] if shape.expert_parallelism > 1 else []))
