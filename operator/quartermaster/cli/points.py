"""Tables of measured points: rows of CSV → replicas and points that the throughput model knows. No predictions.

The columns are those of the public table of ai-dynamo/aiconfigurator: one measured operation per row. ``batch_size`` is
that of one attention rank. Published tables write the ranks of one group of chips in two ways: tensor and expert
parallelism as two views of the same chips (tp 4, moe_ep 4), or as a product (tp 16 for moe_tp 4 × moe_ep 4). A
product of two equal numbers is read as the former when the weights fit on that many chips.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.catalog import UnknownNameError
from quartermaster.catalog.model import Model
from quartermaster.catalog.naming import find_accelerator, find_engine, find_model
from quartermaster.cli.files import BadInputError
from quartermaster.planner.throughput.layout import Layout
from quartermaster.planner.throughput.memory import usable_bytes_per_chip
from quartermaster.planner.throughput.steady import Point

AGGREGATED = "agg"
PARALLELISM = ("tp_size", "pp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size")
NEEDED = ("model_path", "system", "backend", "precision", "mode", "isl", "osl", "batch_size", "tp_size")
TTFT, TPOT = "silicon_ttft_ms", "silicon_tpot_ms"
_PRECISIONS: Mapping[str, Precision] = {
    "fp16": Precision.BF16,
    "bfloat16": Precision.BF16,
    "float16": Precision.BF16,
    "fp8_block": Precision.FP8,
    "nvfp4": Precision.FP4,
    "mxfp4": Precision.FP4,
    "int4_wo": Precision.INT4,
    "int8_wo": Precision.INT8,
} | {each.value.casefold(): each for each in Precision}


class NotPredictableError(Exception):
    """A row that the model has no answer for, and why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it was read."""

    line: int
    values: Mapping[str, str]
    path: Path

    @property
    def group(self) -> tuple[str, ...]:
        """What is calibrated together: model, system, precision, backend and parallelism."""
        return tuple(
            self.values.get(name, "") for name in ("model_path", "system", "precision", "backend", *PARALLELISM)
        )

    def number(self, name: str, *, default: float | None = None) -> float:
        """Return a number above 0; the default for an empty field.

        Raises:
            BadInputError: the field is not such a number.
        """
        text = (self.values.get(name) or "").strip()
        if not text and default is not None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 < value < float("inf"):
            raise BadInputError(f"{self.path}:{self.line}: {name}: wanted a number above 0, found {text!r}")
        return value

    def whole(self, name: str) -> int:
        """Return a whole number of at least 1; 1 for a field that is empty or 0."""
        text = (self.values.get(name) or "").strip()
        return 1 if text in {"", "0"} else round(self.number(name))


@dataclass(frozen=True, slots=True)
class Measured:
    """One row, understood."""

    model: Model
    accelerator: Accelerator
    engine: EngineName
    precision: Precision
    layout: Layout
    point: Point


def read(path: Path) -> tuple[tuple[str, ...], list[Row]]:
    """Return the columns and the rows of a table.

    Raises:
        BadInputError: the file cannot be read, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            columns = tuple(reader.fieldnames or ())
            missing = [name for name in NEEDED if name not in columns]
            if missing:
                raise BadInputError(f"{path}:1: wanted the columns {', '.join(NEEDED)}; found no {', '.join(missing)}")
            rows = [Row(reader.line_num, _whole_row(values, path, line=reader.line_num), path) for values in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInputError(f"wanted a table of points in {path}, could not read it: {error}") from error
    return columns, rows


def _whole_row(values: Mapping[str | None, str | list[str]], path: Path, *, line: int) -> Mapping[str, str]:
    if None in values or any(not isinstance(value, str) for value in values.values()):
        raise BadInputError(f"{path}:{line}: wanted as many fields as there are columns, found more or fewer")
    return {str(name): str(value) for name, value in values.items()}


def understood(row: Row) -> Measured:
    """Return what a row of an aggregated deployment measured.

    Raises:
        NotPredictableError: the catalog does not hold the model, the system, the engine or the precision.
        BadInputError: a field cannot be read.
    """
    values = row.values
    try:
        model = find_model(values["model_path"])
        accelerator = find_accelerator(values["system"])
        engine = find_engine(values["backend"]).name
    except UnknownNameError as error:
        raise NotPredictableError(str(error)) from error
    wanted = values["precision"].strip().casefold()
    precision = _PRECISIONS.get(wanted) if wanted else model.native_precision
    if precision is None:
        known = ", ".join(sorted(_PRECISIONS))
        raise NotPredictableError(f"precision {values['precision']!r} is not known; known are {known}")
    layout, ranks = _layout(row, model, accelerator, precision=precision)
    point = Point(
        batch=row.number("batch_size") * ranks,
        input_tokens=row.number("isl"),
        output_tokens=row.number("osl"),
        time_to_first_token_seconds=_seconds(row, TTFT),
        time_per_output_token_seconds=_seconds(row, TPOT),
    )
    return Measured(model, accelerator, engine, precision, layout, point)


def _seconds(row: Row, name: str) -> float | None:
    return row.number(name) / 1000 if (row.values.get(name) or "").strip() else None


def _layout(row: Row, model: Model, accelerator: Accelerator, *, precision: Precision) -> tuple[Layout, int]:
    """Return the layout, and the attention ranks that each run ``batch_size`` requests."""
    tensor, pipeline, data, expert_tensor, expert = (row.whole(name) for name in PARALLELISM)
    chips, ranks = tensor * data, data
    if model.active_parameters is not None and model.active_parameters < model.parameters:
        views: Sequence[int] = (expert_tensor, expert) if expert_tensor == expert else (tensor, data)
        root = isqrt(chips)
        if root > 1 and views == (root, root) and _fits(model, accelerator, precision, chips=root * pipeline):
            return Layout(1 if data > 1 else root, pipeline, root if data > 1 else 1, expert > 1), ranks
        if expert_tensor * expert > chips:
            # Tensor parallelism of one attention rank, and the experts over all of them.
            data = expert_tensor * expert // tensor
            ranks = data
    return Layout(tensor, pipeline, data, expert > 1), ranks


def _fits(model: Model, accelerator: Accelerator, precision: Precision, *, chips: int) -> bool:
    return model.weights_bytes(precision) < chips * usable_bytes_per_chip(accelerator)
