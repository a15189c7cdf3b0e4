"""Penalties of vendors without points of their own, from MLPerf and from TPU recipes. Reads data.

For every model, round and weight format with results on chips of the vendor and of NVIDIA: the ratio of offline tokens
per second per chip that the model predicts, over the ratio that was measured. The penalty is the logarithm of its
median. Only ratios count: submitters tune beyond what engines do as they come. For Google's chips: the rows of its
recipes for dense models, measured with an engine as it comes, against the prediction itself.
"""

import re
import statistics
from collections.abc import Iterator

import yaml

from quartermaster.api.v1alpha1.enums import Precision
from quartermaster.catalog.naming import find_accelerator, find_model
from quartermaster.planner.throughput.efficiency import Efficiency, Uncertainty
from quartermaster.planner.throughput.efficiency_table import FIRST
from quartermaster.planner.throughput.layout import Layout
from quartermaster.planner.throughput.memory import layout_fit
from quartermaster.planner.throughput.roofline import coefficients_of
from quartermaster.planner.throughput.steady import Point, steady
from quartermaster.planner.throughput.work import Mean, work
from tests.fitting.samples import MODELS, path_of

REFERENCE = "NVIDIA"
TOKENS = {
    "llama-2-70b-chat": (294.0, 294.0),
    "mixtral-8x7b": (300.0, 150.0),
    "gpt-oss-120b": (1200.0, 1300.0),
    "llama-3.1-8b-instruct": (800.0, 80.0),
    "deepseek-r1": (800.0, 3900.0),
    "llama-3.1-405b-instruct": (9400.0, 680.0),
}
"""Mean tokens of the benchmark's data sets, about (MLCommons, reference implementations, 2025)."""
_MOST_BATCH = 2048.0
_CONCURRENCY = re.compile(r"concurrency (\d+)")


def ratios(vendor: str, step_factors: tuple[float, ...]) -> list[float]:
    """Return predicted over measured, relative to NVIDIA's chips: one per result of the vendor's chips."""
    by_case: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for case, maker, reached in _reached(step_factors):
        by_case.setdefault(case, {}).setdefault(maker, []).append(reached)
    found = []
    for makers in by_case.values():
        if REFERENCE in makers:
            reference = statistics.median(makers[REFERENCE])
            found += [reference / reached for reached in makers.get(vendor, [])]
    return sorted(found)


def _reached(step_factors: tuple[float, ...]) -> Iterator[tuple[tuple[str, str, str], str, float]]:
    """Yield case, vendor, and measured over predicted tokens per second of one chip."""
    document = yaml.load(path_of(MODELS).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    for row in document["throughput"]:
        rate = row.get("per_chip_offline")
        if not row["source"].startswith("mlperf") or rate is None or not row.get("weights"):
            continue
        precision = Precision.FP8 if row["weights"][0] == "fp8" else Precision.FP4
        expected = offline_tokens_per_second(row["model"], row["accelerator"], precision, step_factors=step_factors)
        if expected:
            accelerator = find_accelerator(row["accelerator"])
            yield (row["source"], row["model"], precision.value), accelerator.vendor, rate / expected


def offline_tokens_per_second(
    model_name: str, accelerator_name: str, precision: Precision, *, step_factors: tuple[float, ...]
) -> float:
    """Return what a chip reaches without any objective, in the best of the usual layouts; 0 when none fits."""
    model, accelerator = find_model(model_name), find_accelerator(accelerator_name)
    inputs, outputs = TOKENS[model.name]
    known = Efficiency(step_factors, tuple(base for base, _ in FIRST.values()), Uncertainty(0.0, 0.0))
    best = 0.0
    for ranks in (1, 2, 4, 8):
        fit = layout_fit(model, accelerator, precision, layout=Layout(ranks))
        done = work(model, accelerator, precision, layout=Layout(ranks), mean=Mean(inputs, outputs))
        if fit is None or done is None or fit.kv_capacity_tokens < inputs + outputs:
            continue
        batch = min(_MOST_BATCH, fit.kv_capacity_tokens / (inputs + outputs / 2))
        found = steady([coefficients_of(done, known)], [Point(batch, inputs, outputs)], [fit.kv_capacity_tokens])
        best = max(best, batch / float(found.inter_token_latency_seconds[0]) / ranks)
    return best


def recipe_ratios(step_factors: tuple[float, ...]) -> list[float]:
    """Return predicted over measured tokens per second of dense models on TPUs, one per row with a known batch."""
    document = yaml.load(path_of(MODELS).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    known = Efficiency(step_factors, tuple(base for base, _ in FIRST.values()), Uncertainty(0.0, 0.0))
    found = []
    for row in document["throughput"]:
        batch = _CONCURRENCY.search(str(row.get("note", "")))
        if "tpu-recipes" not in row["source"] or batch is None:
            continue
        model, accelerator = find_model(row["model"]), find_accelerator(row["accelerator"])
        inputs, outputs, layout = float(row["isl"]), float(row["osl"]), Layout(row["chips"])
        done = work(model, accelerator, Precision.BF16, layout=layout, mean=Mean(inputs, outputs))
        fit = layout_fit(model, accelerator, Precision.BF16, layout=layout)
        if done is None or fit is None:
            continue
        point = Point(float(batch.group(1)), inputs, outputs)
        here = steady([coefficients_of(done, known)], [point], [fit.kv_capacity_tokens])
        per_request = here.time_to_first_token_seconds[0] + outputs * here.inter_token_latency_seconds[0]
        found.append(point.batch * outputs / float(per_request) / float(row["output_tokens_per_s"]))
    return sorted(found)
