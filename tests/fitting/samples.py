"""The measured points as arrays: what the regression takes. Reads the data; fits nothing."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.catalog.naming import find_accelerator, find_model
from quartermaster.cli.points import AGGREGATED, Measured, NotPredictableError, read, understood
from quartermaster.planner.throughput.estimate import CannotEstimateError, Replica, figures, kv_tokens
from quartermaster.planner.throughput.layout import Layout
from quartermaster.planner.throughput.steady import Point, running_of
from quartermaster.planner.throughput.work import Mean, Work

SILICON = Path("data") / "silicon" / "silicon_measured.csv"
MODELS = Path("catalog") / "models.yaml"
SPLITWISE = Path("data") / "splitwise" / "perf_model.csv"
GROUPS = ("VLLM", "SGLang", "TensorRTLLM", "blackwell", "ampere", "older")
"""Engines, chip families (Hopper is the base), and the older software of the A100's table, which does not ship."""
SPLITWISE_MODEL = "llama2-70b"

Floats = NDArray[np.float64]


class DataMissingError(Exception):
    """A file of measurements is not there; the message names it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured point with the work it stands for."""

    measured: Measured
    work: Work
    kv_tokens: float
    group: tuple[str, str, str]
    """Model, system and precision: what is left out together."""
    calibrated_with: tuple[str, ...]
    is_older: bool = False

    @property
    def members(self) -> tuple[float, ...]:
        """Whether the sample belongs to each of ``GROUPS``."""
        architecture = (self.measured.accelerator.architecture or "").split("-", maxsplit=1)[0]
        inside = {architecture, "older" if self.is_older else self.measured.engine.value}
        return tuple(float(group in inside) for group in GROUPS)


def path_of(relative: Path) -> Path:
    """Return where a file of measurements is.

    Raises:
        DataMissingError: it is not there.
    """
    folder = os.environ.get("QUARTERMASTER_DATA")
    path = Path(folder or "unset") / relative
    if not path.is_file():
        raise DataMissingError(f"{relative} is not under QUARTERMASTER_DATA ({folder or 'not set'})")
    return path


@cache
def silicon() -> tuple[Sample, ...]:
    """Return every aggregated point of the public table that the model can predict, in the order of the file."""
    _, rows = read(path_of(SILICON))
    found = []
    for row in rows:
        if row.values["mode"] != AGGREGATED:
            continue
        try:
            measured = understood(row)
        except NotPredictableError:
            continue
        group = (row.values["model_path"], row.values["system"], row.values["precision"])
        sample = _sample(measured, group, calibrated_with=row.group)
        if sample is not None:
            found.append(sample)
    return tuple(found)


@cache
def splitwise() -> tuple[Sample, ...]:
    """Return the points of Llama 2 70B on A100 and H100, one per shape: the median of its repetitions."""
    seconds: dict[tuple[str, int, float, float, float], list[tuple[float, float]]] = {}
    with path_of(SPLITWISE).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            # Rows under a power cap are of another chip.
            if row["model"] == SPLITWISE_MODEL and not row["hardware"].endswith("-pcap"):
                batch, inputs, outputs = (float(row[name]) for name in ("batch_size", "prompt_size", "token_size"))
                key = (row["hardware"], int(row["tensor_parallel"]), batch, inputs, outputs)
                seconds.setdefault(key, []).append((float(row["prompt_time"]), float(row["token_time"])))
    model = find_model(SPLITWISE_MODEL)
    found = []
    for (hardware, ranks, batch, inputs, outputs), times in seconds.items():
        # A batch of prompts, then tokens without any prompt between: as if the prompts had no share in a token.
        per_token = float(np.median([token for _, token in times])) / 1000
        point = Point(batch, inputs, outputs, None, per_token)
        accelerator = find_accelerator(hardware)
        measured = Measured(model, accelerator, EngineName.VLLM, Precision.BF16, Layout(ranks), point)
        sample = _sample(
            measured, (SPLITWISE_MODEL, hardware, "bf16"), calibrated_with=(hardware, str(ranks)), older=True
        )
        if sample is not None:
            found.append(sample)
    return tuple(found)


def _sample(
    measured: Measured, group: tuple[str, str, str], *, calibrated_with: tuple[str, ...], older: bool = False
) -> Sample | None:
    point = measured.point
    mean = Mean(point.input_tokens, point.output_tokens)
    replica = Replica(measured.model, measured.accelerator, measured.engine, measured.precision, measured.layout)
    try:
        found, _ = figures(replica, mean)
    except CannotEstimateError:
        return None
    return Sample(measured, found, kv_tokens(replica, mean), group, calibrated_with, older)


def step_terms(samples: Sequence[Sample]) -> Floats:
    """Return the datasheet's seconds of a step by what is done, samples × terms."""
    rows = []
    for sample in samples:
        point = sample.measured.point
        mean = Mean(point.input_tokens, point.output_tokens)
        rows.append(sample.work.seconds(running_of(point, sample.kv_tokens), mean, has_prompts=not sample.is_older))
    return np.array(rows)


def members_of(samples: Sequence[Sample]) -> Floats:
    """Return to which groups samples belong, samples × groups."""
    return np.array([sample.members for sample in samples])
