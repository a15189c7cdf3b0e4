"""How much longer engines take than the datasheet says, as fitted to measurements. Written by a program; figures only.

Sources: 2,650 aggregated points of the public table of ai-dynamo/aiconfigurator (095f58a5, 2026-08: vLLM, SGLang
and TensorRT-LLM on NVIDIA's Hopper and Blackwell), 114 shapes of Mutinifni/splitwise-sim (8f99e7dc: A100 and H100),
and the ratios between chips of MLPerf Inference v5.1 and v6.0 for the penalties of vendors. Written 2026-11-21 by
``python -m tests.fitting.efficiency``, which also says how well it predicts groups that it was not fitted to.
A row: base factor, and the logarithms by which engines and chip families change it (Hopper is the base).
"""

Row = tuple[float, dict[str, float]]

ENGINES = ("VLLM", "SGLang", "TensorRTLLM")
"""Engines with points of their own."""

STEP: dict[str, Row] = {
    "weights": (1.18, {"VLLM": -0.06, "SGLang": -0.17, "TensorRTLLM": -0.18, "blackwell": -0.03, "ampere": 0.13}),
    "experts": (1.39, {"VLLM": -0.05, "SGLang": 0.17, "TensorRTLLM": -0.07, "blackwell": -0.13}),
    "cache": (1.23, {"VLLM": -0.02, "SGLang": 0.09, "TensorRTLLM": -0.1}),
    "compute": (1.17, {"VLLM": 0.01, "SGLang": -0.16, "TensorRTLLM": -0.02, "blackwell": -0.01, "ampere": 0.01}),
    "attention": (2.36, {"VLLM": 0.02, "TensorRTLLM": -0.04, "blackwell": -0.04}),
    "reduce": (2.35, {"VLLM": 0.06, "SGLang": -0.02, "TensorRTLLM": -0.01, "blackwell": 0.12}),
    "exchange": (1.78, {"VLLM": 0.01, "TensorRTLLM": -0.04, "blackwell": -0.07}),
    "launches": (2.77, {"VLLM": 0.02, "SGLang": 0.07, "TensorRTLLM": -0.09, "blackwell": 0.03, "ampere": 0.04}),
    "shared_launches": (1.95, {"VLLM": 0.03, "SGLang": 0.05, "TensorRTLLM": -0.08, "blackwell": 0.01, "ampere": 0.03}),
    "expert_launches": (2.91, {"VLLM": -0.02, "SGLang": 0.13}),
    "sequence": (0.6, {"SGLang": -0.1, "TensorRTLLM": -0.05, "blackwell": -0.17}),
    "step": (1.21, {"VLLM": -0.09, "SGLang": 0.02, "TensorRTLLM": -0.06, "blackwell": -0.03, "ampere": 0.02}),
    "attention_ranks": (1.7, {"VLLM": -0.03, "SGLang": 0.01, "TensorRTLLM": -0.03, "blackwell": -0.05}),
    "linear_layers": (0.918, {"SGLang": -0.03, "blackwell": -0.05}),
}
"""By what is done in a step; the order is that of ``work.TERMS``."""

FIRST: dict[str, Row] = {
    "request_seconds": (0.0353, {"VLLM": -0.65, "SGLang": 1.14, "TensorRTLLM": 0.64, "blackwell": 0.17}),
    "step_factor": (1.6, {"VLLM": -0.05, "SGLang": 0.4, "TensorRTLLM": 0.59, "blackwell": 0.3}),
    "weights_factor": (1.46, {"VLLM": 0.11, "SGLang": 0.11, "TensorRTLLM": 0.53, "blackwell": 0.14}),
    "prompt_factor": (1.02, {"VLLM": 0.06, "SGLang": 0.37, "TensorRTLLM": -0.39, "blackwell": -0.01}),
    "crowd_seconds": (8.52e-05, {"VLLM": 0.33, "SGLang": 0.56, "TensorRTLLM": 1.2, "blackwell": 1.66}),
    "wave_factor": (0.147, {"VLLM": -0.12, "SGLang": 1.1, "TensorRTLLM": -0.2, "blackwell": 0.18}),
    "queue_factor": (0.19, {"VLLM": -0.39, "SGLang": 0.04, "TensorRTLLM": -0.55, "blackwell": -0.35}),
    "cache_wait_factor": (0.346, {"VLLM": -0.29, "SGLang": -0.04, "TensorRTLLM": -0.4, "blackwell": -1.37}),
}
"""Of the time to first token; names are those of ``coefficients``."""

VENDOR_PENALTY = {"amd": 0.44, "google": 0.2, "others": 0.44}
"""Logarithm of the factor for chips without points of their own. AMD: the median of 9 results against
NVIDIA's chips in the same round, model and format of MLPerf. Google: 2 rows of the recipes of
AI-Hypercomputer for TPU v6e (2026-08-07), which run as fast as predicted. Others: nobody measured, so the slower of
the two. None is below 0.2, half the uncertainty: a plan errs towards too many replicas."""

UNCERTAINTY = {
    "hopper": (0.43, 0.21),
    "blackwell": (0.43, 0.21),
    "ampere": (0.43, 0.35),
    "amd": (0.6, 0.4),
    "google": (0.6, 0.4),
    "others": (0.7, 0.5),
}
"""Standard deviations of the logarithm of the time to first token and of the time per token, by family or vendor.
Hopper and Blackwell: what two thirds of the points in groups left out of the fit stay below. Others: judged wider."""
