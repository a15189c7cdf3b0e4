"""vLLM on Qualcomm Cloud AI 100.

The image's entry point takes the server's options; reduced weights are MXFP6, the cache is MXINT8, and batch and
prompt chunk are compiled in, so both are stated. Source: Qualcomm Cloud AI documentation, "Run vLLM", read 2026-11-21.
"""

from typing import Final

from quartermaster.api.v1alpha1.enums import Precision
from quartermaster.manifests.engines.launch import Launch
from quartermaster.manifests.engines.require import converts_weights, refuse_object_store
from quartermaster.manifests.engines.vllm import ENVIRONMENT, serve_options
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Weights

_MAX_SEQUENCES: Final = 16
_PROMPT_CHUNK_TOKENS: Final = 128
_MADE_BY_MXFP6: Final = frozenset({Precision.FP8, Precision.INT8})
"""Formats of the API that MXFP6 stands in for: it takes no more memory than they do."""


def launch(replica: Replica, weights: Weights) -> Launch:
    """Return how vLLM serves the replica on Cloud AI devices.

    Raises:
        ManifestError: the weights lie in a bucket, or are in another format than wanted.
    """
    refuse_object_store(replica, weights)
    own = [
        f"--device-group={','.join(str(device) for device in range(replica.chips))}",
        f"--max-num-seqs={_MAX_SEQUENCES}",
        f"--max-seq-len-to-capture={_PROMPT_CHUNK_TOKENS}",
        "--kv-cache-dtype=mxint8",
    ]
    if converts_weights(replica, weights, into=_MADE_BY_MXFP6):
        own.append("--quantization=mxfp6")
    args = (f"--model={weights.argument}", *serve_options(replica, weights, own=tuple(own)))
    environment = (*ENVIRONMENT, ("QEFF_HOME", "/cache/qeff"))
    return Launch((), args, environment, compile_seconds=3600)
