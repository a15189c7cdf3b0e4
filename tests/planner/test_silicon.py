"""The roofline against public measurements: a generous bound on the median error of the time per token."""

import csv
import os
import statistics
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.catalog.load import load_catalog
from quartermaster.planner.fleet import Shape
from quartermaster.planner.roofline import roofline

MODELS = {
    "meta-llama/Llama-3.1-70B": "llama-3.3-70b-instruct",
    "meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b-instruct",
    "Qwen/Qwen3-32B": "qwen3-32b",
    "Qwen/Qwen3-235B-A22B-FP8": "qwen3-235b-a22b",
    "deepseek-ai/DeepSeek-R1": "deepseek-r1",
    "openai/gpt-oss-120b": "gpt-oss-120b",
}
SYSTEMS = {
    "h100_sxm": "nvidia-h100-sxm",
    "h200_sxm": "nvidia-h200-sxm",
    "b200_sxm": "nvidia-b200",
    "b300_sxm": "nvidia-b300",
}
ENGINES = {"vllm": EngineName.VLLM, "sglang": EngineName.SGLANG, "trtllm": EngineName.TENSORRT_LLM}
PRECISIONS = {"fp8": Precision.FP8, "fp4": Precision.FP4, "bf16": Precision.BF16}
MOST_MEDIAN_ERROR = 0.30


def ratios(path: Path) -> Iterator[float]:
    """Yield predicted over measured time per token, for aggregated rows of one node."""
    catalog = load_catalog()
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["mode"] != "agg" or row["attention_dp_size"] not in {"", "1"} or int(row["tp_size"]) > 8:
                continue
            if row["model_path"] not in MODELS or row["system"] not in SYSTEMS or row["precision"] not in PRECISIONS:
                continue
            model = catalog.model(MODELS[row["model_path"]])
            shape = Shape(ENGINES[row["backend"]], PRECISIONS[row["precision"]], int(row["tp_size"]))
            inputs, outputs = float(row["isl"]), float(row["osl"])
            known = roofline(model, catalog.accelerator(SYSTEMS[row["system"]]), shape, input_tokens=inputs)
            assert known is not None
            seconds = known.iteration_seconds(
                np.array([float(row["batch_size"])]),
                compute_tokens=(inputs + outputs) / (outputs + 1),
                memory_tokens=inputs + outputs / 2,
            )
            yield float(seconds[0]) / (float(row["silicon_tpot_ms"]) / 1000)


def test_the_median_error_of_the_time_per_token_is_small() -> None:
    """Models of 8 to 671 billion parameters on four chips, three engines, one to eight chips."""
    path = Path(os.environ.get("QUARTERMASTER_DATA", "")) / "data" / "silicon" / "silicon_measured.csv"
    if "QUARTERMASTER_DATA" not in os.environ or not path.exists():
        pytest.skip("needs data/silicon/silicon_measured.csv under QUARTERMASTER_DATA")
    found = list(ratios(path))
    assert len(found) > 1000
    assert statistics.median(abs(ratio - 1) for ratio in found) < MOST_MEDIAN_ERROR
