"""How far predictions are from what was measured: groups left out of the fit, and after a few points of their own."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quartermaster.planner.throughput.calibration import correction
from quartermaster.planner.throughput.coefficients import Coefficients
from quartermaster.planner.throughput.efficiency import Uncertainty
from quartermaster.planner.throughput.steady import steady
from tests.fitting.models import fit, predicted
from tests.fitting.samples import Sample

Floats = NDArray[np.float64]
_UNCERTAIN = Uncertainty(1.0, 1.0)

Key = Callable[[Sample], Hashable]


@dataclass(frozen=True, slots=True)
class Errors:
    """Relative errors, one per point: predicted over measured, less one."""

    time_to_first_token: Floats
    time_per_output_token: Floats

    def summary(self) -> tuple[float, float, float, float]:
        """Return the median and the 90th percentile of the time per token, and of the time to first token."""
        found = []
        for values in (self.time_per_output_token, self.time_to_first_token):
            sizes = np.abs(values)
            found += [float(np.median(sizes)), float(np.quantile(sizes, 0.9))]
        return found[0], found[1], found[2], found[3]


def two_thirds(errors: Floats) -> float:
    """Return what two thirds of the errors stay below, as a logarithm."""
    return float(np.quantile(np.abs(np.log1p(errors)), 0.683))


def errors_of(samples: Sequence[Sample], coefficients: Sequence[Coefficients]) -> Errors:
    """Return the errors of predictions."""
    points = [sample.measured.point for sample in samples]
    found = steady(coefficients, points, [sample.kv_tokens for sample in samples])
    ttft = np.array([point.time_to_first_token_seconds for point in points], dtype=np.float64)
    tpot = np.array([point.time_per_output_token_seconds for point in points], dtype=np.float64)
    return Errors(found.time_to_first_token_seconds / ttft - 1, found.inter_token_latency_seconds / tpot - 1)


def without(samples: Sequence[Sample], older: Sequence[Sample], *, key: Key) -> list[Coefficients]:
    """Return the coefficients of every sample, from a fit to the samples of other keys."""
    found: dict[int, Coefficients] = {}
    for left in sorted({key(sample) for sample in samples}, key=str):
        out = [i for i, sample in enumerate(samples) if key(sample) == left]
        learned = fit([sample for sample in samples if key(sample) != left], older)
        found |= dict(zip(out, predicted([samples[i] for i in out], learned), strict=True))
    return [found[i] for i in range(len(samples))]


def after_points(
    samples: Sequence[Sample], coefficients: Sequence[Coefficients], *, points: int
) -> tuple[list[Sample], list[Coefficients]]:
    """Return the samples beyond the first few of each calibrated group, with coefficients corrected by those few."""
    by_group: dict[tuple[str, ...], list[int]] = {}
    for i, sample in enumerate(samples):
        by_group.setdefault(sample.calibrated_with, []).append(i)
    others: list[Sample] = []
    corrected: list[Coefficients] = []
    for members in by_group.values():
        first, rest = members[:points], members[points:]
        seen = [samples[i].measured.point for i in first]
        found = correction(
            [coefficients[i] for i in first], seen, uncertainty=_UNCERTAIN, kv_tokens=samples[members[0]].kv_tokens
        )
        others += [samples[i] for i in rest]
        corrected += [found.of(coefficients[i]) for i in rest]
    return others, corrected


def left_out(samples: Sequence[Sample], older: Sequence[Sample], *, key: Key) -> Errors:
    """Return the errors of predictions from a fit to the samples of other keys."""
    return errors_of(samples, without(samples, older, key=key))
