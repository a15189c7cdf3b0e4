"""TensorRT-LLM on NVIDIA GPUs, through ``trtllm-serve`` with its PyTorch back end.

Its metrics are off unless a file says otherwise, so the container writes that file before it starts the server; they
are then served at ``METRICS_PATH``, while ``/metrics`` gives JSON. It names itself after the repository or folder: no
option of the released command gives it another name.

Source: TensorRT-LLM documentation, "trtllm-serve", and its command's options, read 2026-11-21.
"""

from typing import Final

from quartermaster.api.names import SERVING_PORT
from quartermaster.manifests.engines.launch import Launch
from quartermaster.manifests.engines.require import refuse_conversion, refuse_object_store
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Weights

METRICS_PATH: Final = "/prometheus/metrics"

_OPTIONS_FILE: Final = "/cache/options.yaml"
_START: Final = (
    f"printf 'return_perf_metrics: true\\nenable_iter_perf_stats: true\\n' > {_OPTIONS_FILE}"
    f' && exec trtllm-serve "$@" --extra_llm_api_options={_OPTIONS_FILE}'
)


def launch(replica: Replica, weights: Weights) -> Launch:
    """Return how TensorRT-LLM serves the replica.

    Raises:
        ManifestError: the weights lie in a bucket, or are in another format than wanted.
    """
    refuse_object_store(replica, weights)
    refuse_conversion(replica, weights)
    shape = replica.shape
    args = [weights.argument, "--backend=pytorch", f"--max_seq_len={replica.max_context_tokens}"]
    if weights.revision:
        args.append(f"--revision={weights.revision}")
    args += replica.extra_arguments
    args += [
        f"--tp_size={shape.tensor_parallelism}",
        f"--pp_size={shape.pipeline_parallelism}",
        "--host=0.0.0.0",
        f"--port={SERVING_PORT}",
    ]
    return Launch(("/bin/sh", "-c", _START, "trtllm-serve"), tuple(args), compile_seconds=600)
