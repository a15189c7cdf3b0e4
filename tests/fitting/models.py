"""The two fits, of the time per token and of the time to first token, and what they predict. No reading, no writing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quartermaster.planner.throughput.coefficients import Coefficients
from quartermaster.planner.throughput.efficiency import Efficiency, Uncertainty
from quartermaster.planner.throughput.roofline import coefficients_of
from quartermaster.planner.throughput.steady import FIRST_PARTS, first_token_parts
from quartermaster.planner.throughput.work import TERMS
from tests.fitting.regression import Ridge, factors, fitted, weights_of
from tests.fitting.samples import Sample, members_of, step_terms

STEP_PRIOR = {
    "weights": 1.25,
    "experts": 1.2,
    "cache": 1.3,
    "compute": 2.0,
    "attention": 2.5,
    "reduce": 2.0,
    "exchange": 2.0,
    "launches": 1.8,
    "shared_launches": 1.5,
    "expert_launches": 2.0,
    "sequence": 1.0,
    "step": 1.5,
    "attention_ranks": 2.0,
    "linear_layers": 1.0,
}
"""Four fifths of the bandwidth, half of the peak, about 20 µs per layer: what published capacity models take."""
FIRST_UNITS = {
    "request_seconds": 0.02,
    "step_factor": 1.0,
    "weights_factor": 1.0,
    "prompt_factor": 1.0,
    "crowd_seconds": 1e-4,
    "wave_factor": 1.0,
    "queue_factor": 1.0,
    "cache_wait_factor": 1.0,
}
FIRST_PRIOR = {
    "request_seconds": 1.0,
    "step_factor": 1.0,
    "weights_factor": 1.0,
    "prompt_factor": 1.0,
    "crowd_seconds": 0.3,
    "wave_factor": 0.1,
    "queue_factor": 0.3,
    "cache_wait_factor": 0.5,
}
STEP_RIDGE = Ridge(base=3.0, group=10.0)
FIRST_RIDGE = Ridge(base=5.0, group=2.5, huber_fraction=0.25)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fit:
    """Logarithms of factors, (base and groups) × terms."""

    step: Floats
    first: Floats


def fit(samples: Sequence[Sample], older: Sequence[Sample] = ()) -> Fit:
    """Return the factors that fit the samples; ``older`` ones count for the time per token only."""
    everyone = [s for s in (*samples, *older) if s.measured.point.time_per_output_token_seconds is not None]
    step = fitted(
        step_terms(everyone),
        members_of(everyone),
        np.array([s.measured.point.time_per_output_token_seconds for s in everyone]),
        prior=np.array([STEP_PRIOR[name] for name in TERMS]),
        weights=weights_of([s.group for s in everyone]),
        ridge=STEP_RIDGE,
    )
    timed = [s for s in samples if s.measured.point.time_to_first_token_seconds is not None]
    first = fitted(
        first_terms(timed, step),
        members_of(timed),
        np.array([s.measured.point.time_to_first_token_seconds for s in timed]),
        prior=np.array(list(FIRST_PRIOR.values())),
        weights=weights_of([s.group for s in timed]),
        ridge=FIRST_RIDGE,
    )
    return Fit(step, first)


def first_terms(samples: Sequence[Sample], step: Floats) -> Floats:
    """Return the seconds of each part of the time to first token for factors of one unit, samples × parts."""
    units = [FIRST_UNITS[name] for name in FIRST_UNITS]
    coefficients = coefficients_with(samples, factors(step, members_of(samples)), np.tile(units, (len(samples), 1)))
    return parts_of(samples, coefficients)


def parts_of(samples: Sequence[Sample], coefficients: Sequence[Coefficients]) -> Floats:
    """Return the parts of the time to first token, samples × parts."""
    assert len(FIRST_PARTS) == len(FIRST_UNITS)
    points = [sample.measured.point for sample in samples]
    return first_token_parts(coefficients, points, [sample.kv_tokens for sample in samples]).seconds


def coefficients_with(samples: Sequence[Sample], step: Floats, first: Floats) -> list[Coefficients]:
    """Return the coefficients of samples with factors of their own, samples × terms."""
    unknown = Uncertainty(0.0, 0.0)
    return [
        coefficients_of(
            sample.work,
            Efficiency(tuple(own), tuple(firsts), unknown),
            stages=sample.measured.layout.pipeline_parallelism,
        )
        for sample, own, firsts in zip(samples, step.tolist(), first.tolist(), strict=True)
    ]


def predicted(samples: Sequence[Sample], found: Fit) -> list[Coefficients]:
    """Return the coefficients that a fit gives to samples."""
    members = members_of(samples)
    units = np.array([FIRST_UNITS[name] for name in FIRST_UNITS])
    return coefficients_with(samples, factors(found.step, members), factors(found.first, members) * units)
