"""TensorRT-LLM on NVIDIA GPUs, through ``trtllm-serve`` with its PyTorch back end.

Its metrics are off unless a file says otherwise, so the container writes that file before it starts the server; they
are then served at ``METRICS_PATH``, while ``/metrics`` gives JSON. It names itself after the repository or folder: no
option of the released command gives it another name. Its data-parallel attention, which that file turns on too, takes
every chip as a rank of its own, and counts them as tensor parallelism.

Source: TensorRT-LLM documentation, "trtllm-serve" and "Parallelism in TensorRT LLM", and its command's options, read
2026-11-21.
"""

from typing import Final

from quartermaster.api.names import SERVING_PORT
from quartermaster.manifests.engines.launch import Launch
from quartermaster.manifests.engines.require import refuse_conversion, refuse_object_store
from quartermaster.manifests.errors import ManifestError
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Weights
from quartermaster.planner.fleet import Shape

METRICS_PATH: Final = "/prometheus/metrics"

_OPTIONS_FILE: Final = "/cache/options.yaml"
_METRICS: Final = ("return_perf_metrics: true", "enable_iter_perf_stats: true")
_DATA_PARALLEL: Final = "enable_attention_dp: true"


def launch(replica: Replica, weights: Weights) -> Launch:
    """Return how TensorRT-LLM serves the replica.

    Raises:
        ManifestError: the weights lie in a bucket, or are in another format than wanted, or a rank of data-parallel
            attention is to have several chips.
    """
    refuse_object_store(replica, weights)
    refuse_conversion(replica, weights)
    shape = replica.shape
    _insist_on_ranks_of_one_chip(shape)
    args = [weights.argument, "--backend=pytorch", f"--max_seq_len={replica.max_context_tokens}"]
    if weights.revision:
        args.append(f"--revision={weights.revision}")
    args += replica.extra_arguments
    args += [
        f"--tp_size={shape.tensor_parallelism * shape.data_parallelism}",
        f"--pp_size={shape.pipeline_parallelism}",
        *([f"--ep_size={shape.expert_parallelism}"] if shape.expert_parallelism > 1 else []),
        "--host=0.0.0.0",
        f"--port={SERVING_PORT}",
    ]
    return Launch(("/bin/sh", "-c", _start(shape), "trtllm-serve"), tuple(args), compile_seconds=600)


def _start(shape: Shape) -> str:
    lines = (*_METRICS, *([_DATA_PARALLEL] if shape.data_parallelism > 1 else []))
    text = "".join(f"{line}\\n" for line in lines)
    return f"printf '{text}' > {_OPTIONS_FILE} && exec trtllm-serve \"$@\" --extra_llm_api_options={_OPTIONS_FILE}"


def _insist_on_ranks_of_one_chip(shape: Shape) -> None:
    if shape.data_parallelism > 1 and shape.tensor_parallelism > 1:
        raise ManifestError(
            "ShapeNotSupported",
            f"wanted data-parallel attention with ranks of one chip for {shape.engine.value}, found tensorParallelism"
            f" {shape.tensor_parallelism} and dataParallelism {shape.data_parallelism}: set tensorParallelism to 1 and"
            f" dataParallelism to {shape.tensor_parallelism * shape.data_parallelism}, or use VLLM or SGLang",
        )
