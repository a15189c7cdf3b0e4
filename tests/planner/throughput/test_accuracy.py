"""The throughput model against public measurements that it was not fitted to: the errors that are promised."""

import numpy as np
import pytest

from quartermaster.planner.throughput.estimate import Replica, coefficients_at
from quartermaster.planner.throughput.work import Mean
from tests.fitting.errors import after_points, errors_of, without
from tests.fitting.samples import DataMissingError, silicon, splitwise

TPOT, TPOT_P90, TTFT = 0.15, 0.50, 0.30
TPOT_AFTER_THREE, TTFT_AFTER_THREE = 0.07, 0.15
TPOT_OF_ONE_ENGINE = 0.20


def test_groups_left_out_of_the_fit_are_predicted_well_and_better_after_three_points() -> None:
    """Groups of model, system and precision; then each of them with backend and parallelism, its first three rows."""
    try:
        samples, older = silicon(), splitwise()
    except DataMissingError as missing:
        pytest.skip(str(missing))
    assert len(samples) > 2000
    coefficients = without(samples, older, key=lambda sample: sample.group)
    tpot, tpot_p90, ttft, _ = errors_of(samples, coefficients).summary()
    assert tpot <= TPOT
    assert tpot_p90 <= TPOT_P90
    assert ttft <= TTFT
    tpot, _, ttft, _ = errors_of(*after_points(samples, coefficients, points=3)).summary()
    assert tpot <= TPOT_AFTER_THREE
    assert ttft <= TTFT_AFTER_THREE


def test_no_engine_is_left_behind() -> None:
    """The shipped table holds for vLLM, SGLang and TensorRT-LLM alike."""
    try:
        samples = silicon()
    except DataMissingError as missing:
        pytest.skip(str(missing))
    for engine in {sample.measured.engine for sample in samples}:
        own = [sample for sample in samples if sample.measured.engine is engine]
        shipped = []
        for sample in own:
            point, found = sample.measured.point, sample.measured
            replica = Replica(found.model, found.accelerator, found.engine, found.precision, found.layout)
            shipped.append(coefficients_at(replica, Mean(point.input_tokens, point.output_tokens))[0])
        errors = errors_of(own, shipped)
        assert np.median(np.abs(errors.time_per_output_token)) <= TPOT_OF_ONE_ENGINE, engine
