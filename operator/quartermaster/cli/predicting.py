"""Predictions for a table of measured points, plain or corrected by the first points of each group. No printing."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from quartermaster.cli.points import AGGREGATED, Measured, NotPredictableError, Row, understood
from quartermaster.planner.throughput.calibration import Correction, correction
from quartermaster.planner.throughput.coefficients import Coefficients
from quartermaster.planner.throughput.efficiency import Uncertainty
from quartermaster.planner.throughput.estimate import CannotEstimateError, Replica, coefficients_at, kv_tokens
from quartermaster.planner.throughput.steady import steady
from quartermaster.planner.throughput.work import Mean

PREDICTED = ("predicted_ttft_ms", "predicted_tpot_ms")
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class _Case:
    """One row that can be predicted."""

    place: int
    measured: Measured
    coefficients: Coefficients
    uncertainty: Uncertainty
    kv_tokens: float


@dataclass(frozen=True, slots=True)
class Predictions:
    """Milliseconds of every row, in the order of the rows; None where there is no prediction."""

    milliseconds: list[tuple[float, float] | None]
    refused: list[str]
    """Why rows have none: file, line and reason."""


def predict(rows: Sequence[Row], *, calibrate: int = 0) -> Predictions:
    """Return predictions for the aggregated rows.

    Args:
        rows: of one table.
        calibrate: the rows at the head of each group whose times correct the physics for the whole group.

    Raises:
        BadInputError: a field cannot be read.
    """
    found = Predictions([None] * len(rows), [])
    groups: dict[tuple[str, ...], list[_Case]] = {}
    for place, row in enumerate(rows):
        if row.values["mode"].strip() != AGGREGATED:
            continue
        try:
            groups.setdefault(row.group, []).append(_case(place, row))
        except (NotPredictableError, CannotEstimateError) as why:
            found.refused.append(f"{row.path}:{row.line}: no prediction: {why}")
    for cases in groups.values():
        known = _correction(cases[:calibrate])
        for case in cases:
            found.milliseconds[case.place] = _milliseconds(case, known)
    others = sum(row.values["mode"].strip() != AGGREGATED for row in rows)
    if others:
        found.refused.append(f"{rows[0].path}: no prediction for {others} rows whose mode is not {AGGREGATED}")
    return found


def _case(place: int, row: Row) -> _Case:
    measured = understood(row)
    replica = Replica(measured.model, measured.accelerator, measured.engine, measured.precision, measured.layout)
    mean = Mean(measured.point.input_tokens, measured.point.output_tokens)
    coefficients, uncertainty = coefficients_at(replica, mean)
    return _Case(place, measured, coefficients, uncertainty, kv_tokens(replica, mean))


def _correction(first: Sequence[_Case]) -> Correction | None:
    if not first:
        return None
    points = [case.measured.point for case in first]
    priors = [case.coefficients for case in first]
    return correction(priors, points, uncertainty=first[0].uncertainty, kv_tokens=first[0].kv_tokens)


def _milliseconds(case: _Case, known: Correction | None) -> tuple[float, float]:
    coefficients = case.coefficients if known is None else known.of(case.coefficients)
    found = steady([coefficients], [case.measured.point], [case.kv_tokens])
    return float(found.time_to_first_token_seconds[0]) * 1000, float(found.inter_token_latency_seconds[0]) * 1000


def table_of(columns: Sequence[str], rows: Sequence[Row], predictions: Predictions) -> str:
    """Return the table with the predicted columns after its own; what was there stays as it was."""
    kept = [column for column in columns if column not in PREDICTED]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*kept, *PREDICTED])
    for row, times in zip(rows, predictions.milliseconds, strict=True):
        told = ["", ""] if times is None else [f"{time:.{_DIGITS}g}" for time in times]
        writer.writerow([*(row.values[column] for column in kept), *told])
    return out.getvalue()
