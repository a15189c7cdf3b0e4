"""How much of a chip's datasheet an engine turns into work. Constants with source and date; no formulas.

Compute efficiency is the fraction of the dense peak that a prefill reaches, bandwidth efficiency the fraction of the
memory bandwidth that a decode step reaches. A chip that nobody measured gets the conservative row, so that the plan
errs towards too many replicas.
"""

from dataclasses import dataclass

from quartermaster.api.v1alpha1.enums import EngineName


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Fractions of the datasheet, and the time that no datasheet knows."""

    compute_fraction: float
    bandwidth_fraction: float
    layer_overhead_seconds: float
    """Launch and synchronisation per layer and step."""
    step_overhead_seconds: float
    """Scheduling, sampling and detokenising per step."""
    collective_latency_seconds: float
    """One all-reduce of a few bytes within the scale-up fabric."""
    request_overhead_seconds: float
    """Tokenising, scheduling and the first answer over HTTP, once per request."""


# Fractions as open capacity planners publish them (read 2026-11-21): H100 0.45 of the peak in prefill, A100 0.38, L40S
# 0.32, and 0.8 of the bandwidth. Times are fitted by hand to the 2,340 aggregated points of one to eight chips of the
# public table of ai-dynamo/aiconfigurator (095f58a5, 2026-08): 16 % median error in the time per token.
_NVIDIA = Efficiency(0.45, 0.80, 16e-6, 2.0e-3, 8e-6, 0.05)
_NVIDIA_TENSORRT = Efficiency(0.50, 0.80, 14e-6, 1.5e-3, 8e-6, 0.05)
_AMPERE = Efficiency(0.38, 0.80, 16e-6, 2.0e-3, 10e-6, 0.05)
_INFERENCE_CARD = Efficiency(0.32, 0.80, 16e-6, 2.0e-3, 20e-6, 0.05)
_AMD = Efficiency(0.35, 0.70, 20e-6, 2.5e-3, 12e-6, 0.05)
# One public row: Llama 3.3 70B on eight v6e chips, 3,544 tokens/s at 1000/1000 with 128 requests (AI-Hypercomputer
# tpu-recipes, 2026-08-07).
_TPU = Efficiency(0.40, 0.70, 16e-6, 2.5e-3, 10e-6, 0.06)
_UNMEASURED = Efficiency(0.25, 0.60, 25e-6, 3.0e-3, 20e-6, 0.08)

MIXTURE_COMPUTE_FRACTION = 0.6
"""Experts multiply smaller matrices: they reach this part of what a dense model reaches (same table)."""

_BY_ENGINE = {
    ("nvidia", EngineName.VLLM): _NVIDIA,
    ("nvidia", EngineName.SGLANG): _NVIDIA,
    ("nvidia", EngineName.TENSORRT_LLM): _NVIDIA_TENSORRT,
    ("amd", EngineName.VLLM): _AMD,
    ("amd", EngineName.SGLANG): _AMD,
    ("google", EngineName.VLLM_TPU): _TPU,
}

_BY_ARCHITECTURE = {"ampere": _AMPERE, "ada": _INFERENCE_CARD, "ada lovelace": _INFERENCE_CARD}


def efficiency(vendor: str, architecture: str | None, engine: EngineName) -> Efficiency:
    """Return the efficiencies of an engine on a chip; the conservative row where nobody measured."""
    known = _BY_ENGINE.get((vendor.casefold(), engine))
    if known is None:
        return _UNMEASURED
    return _BY_ARCHITECTURE.get((architecture or "").casefold(), known)
