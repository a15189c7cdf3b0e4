"""The engines that a double can play, and what each serves under which path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tests.lab.modelserver.exposition import sglang, trtllm, vllm
from tests.lab.modelserver.exposition.reading import Reading
from tests.lab.modelserver.recorder import Bounds
from tests.lab.modelserver.spoiled import FOREIGN_METRICS


class Engine(StrEnum):
    """An engine in one generation of its metrics."""

    VLLM = "vllm"
    VLLM_OLD = "vllm-old"
    """vLLM 0.8: `gpu_cache_usage_perc`, `time_per_output_token_seconds`."""
    SGLANG = "sglang"
    TRTLLM = "trtllm"
    TRTLLM_OLD = "trtllm-old"
    """TensorRT-LLM 1.1: five bare names and no gauges."""
    PLAIN = "plain"
    """An engine that speaks the OpenAI interface and shows no series that anybody knows."""


@dataclass(frozen=True, slots=True)
class EngineFace:
    """What tells one engine from another for a client."""

    owner: str
    """What `/v1/models` says in `owned_by`."""
    metrics_path: str
    text: Callable[[Reading], str]
    bounds: Bounds
    refuses_other_models: bool = False
    """Whether a request for a model of another name is answered with 404, as only vLLM does."""


FACE_BY_ENGINE = {
    Engine.VLLM: EngineFace("vllm", "/metrics", vllm.text, vllm.BOUNDS, refuses_other_models=True),
    Engine.VLLM_OLD: EngineFace("vllm", "/metrics", vllm.old_text, vllm.BOUNDS, refuses_other_models=True),
    Engine.SGLANG: EngineFace("sglang", "/metrics", sglang.text, sglang.BOUNDS),
    Engine.TRTLLM: EngineFace("tensorrt_llm", "/prometheus/metrics", trtllm.text, trtllm.BOUNDS),
    Engine.TRTLLM_OLD: EngineFace("tensorrt_llm", "/prometheus/metrics", trtllm.old_text, trtllm.BOUNDS),
    Engine.PLAIN: EngineFace("unknown", "/metrics", lambda _: FOREIGN_METRICS, {}),
}

_ENGINE_BY_API_NAME = {"tensorrtllm": Engine.TRTLLM, "furiosallm": Engine.PLAIN}


def engine_named(name: str) -> Engine:
    """Return the engine of a value of `Engine` or of the API (`VLLM`, `VLLMTPU`, `SGLang`, `TensorRTLLM`, …).

    vLLM on another accelerator (`VLLMTPU`, `VLLMNeuron`, …) shows the series of vLLM's front end.
    """
    lowered = name.lower()
    if lowered in set(Engine):
        return Engine(lowered)
    if lowered in _ENGINE_BY_API_NAME:
        return _ENGINE_BY_API_NAME[lowered]
    if lowered.startswith("vllm"):
        return Engine.VLLM
    known = ", ".join([*Engine, *_ENGINE_BY_API_NAME])
    raise ValueError(f"the engine must be vllm… or one of {known}; found {name!r}: use one of these names")
