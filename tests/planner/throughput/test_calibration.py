"""Correcting the physics by a few points: what is told is believed, what is not keeps the physics."""

import dataclasses
import math

import pytest

from quartermaster.planner.fleet import Source
from quartermaster.planner.throughput.calibration import Point, calibrated, corrected, correction
from quartermaster.planner.throughput.coefficients import Coefficients
from quartermaster.planner.throughput.efficiency import Uncertainty
from quartermaster.planner.throughput.fit import Timing
from quartermaster.planner.throughput.steady import steady

UNSURE = Uncertainty(0.5, 0.25)
PHYSICS = Coefficients(
    0.008, 2e-5, 4e-8, expert_seconds=0.01, active_fraction=0.05, request_seconds=0.03, sequence_seconds=1e-5
)
ENDLESS = math.inf


def measured(truth: Coefficients, batch: float, *, inputs: float = 1000.0, outputs: float = 200.0) -> Point:
    """Return what a replica of these coefficients would show."""
    point = Point(batch, inputs, outputs)
    found = steady([truth], [point], [ENDLESS])
    return dataclasses.replace(
        point,
        time_to_first_token_seconds=float(found.time_to_first_token_seconds[0]),
        time_per_output_token_seconds=float(found.inter_token_latency_seconds[0]),
    )


def itl(coefficients: Coefficients, batch: float) -> float:
    """Return the time per token."""
    return measured(coefficients, batch).time_per_output_token_seconds or 0.0


def test_no_points_change_nothing() -> None:
    """Neither the coefficients nor how sure they are."""
    found = calibrated(PHYSICS, [], uncertainty=UNSURE)
    assert (found.coefficients, found.uncertainty, found.points) == (PHYSICS, UNSURE, 0)
    empty = calibrated(PHYSICS, [Point(8, 1000, 200)], uncertainty=UNSURE)
    assert (empty.coefficients, empty.points) == (PHYSICS, 0)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.5, 2.0])
def test_three_points_find_a_replica_that_is_faster_or_slower(factor: float) -> None:
    """At a batch between and at one beyond the points."""
    truth = dataclasses.replace(
        PHYSICS,
        alpha_seconds=PHYSICS.alpha_seconds * factor,
        beta_seconds_per_token=PHYSICS.beta_seconds_per_token * factor,
        expert_seconds=PHYSICS.expert_seconds * factor,
    )
    found = calibrated(PHYSICS, [measured(truth, n) for n in (4, 32, 128)], uncertainty=UNSURE)
    for batch in (16.0, 64.0, 200.0):
        assert itl(found.coefficients, batch) == pytest.approx(itl(truth, batch), rel=0.08)
    assert found.uncertainty.inter_token_latency_fraction < UNSURE.inter_token_latency_fraction
    assert found.points == 3


def test_one_point_is_enough_to_come_nearer() -> None:
    """And it stays monotone in the batch."""
    truth = dataclasses.replace(PHYSICS, alpha_seconds=0.016, expert_seconds=0.02)
    found = calibrated(PHYSICS, [measured(truth, 16)], uncertainty=UNSURE).coefficients
    for batch in (1.0, 16.0, 64.0):
        assert abs(math.log(itl(found, batch) / itl(truth, batch))) < abs(
            math.log(itl(PHYSICS, batch) / itl(truth, batch))
        )
    assert itl(found, 1) < itl(found, 16) < itl(found, 64)


def test_one_mad_point_among_good_ones_does_little() -> None:
    """A hiccup of the benchmark is not the replica."""
    good = [measured(PHYSICS, n) for n in (4, 16, 64)]
    mad = dataclasses.replace(good[1], time_to_first_token_seconds=60.0, time_per_output_token_seconds=1.0)
    found = calibrated(PHYSICS, [*good, mad], uncertainty=UNSURE).coefficients
    assert itl(found, 32) == pytest.approx(itl(PHYSICS, 32), rel=0.1)
    first = measured(found, 32).time_to_first_token_seconds
    assert first == pytest.approx(measured(PHYSICS, 32).time_to_first_token_seconds, rel=0.3)


def test_a_correction_holds_at_other_mixes() -> None:
    """It is made of factors, so coefficients of another mix are corrected too."""
    truth = dataclasses.replace(PHYSICS, beta_seconds_per_token=4e-5, alpha_seconds=0.016)
    points = [measured(truth, 8), measured(truth, 64, inputs=4000), measured(truth, 64)]
    found = correction([PHYSICS] * 3, points, uncertainty=UNSURE).of(PHYSICS)
    other = measured(truth, 32, inputs=2000, outputs=500).time_per_output_token_seconds
    assert measured(found, 32, inputs=2000, outputs=500).time_per_output_token_seconds == pytest.approx(other, rel=0.1)


def test_the_times_are_corrected_each_by_its_own() -> None:
    """Points of the time to first token alone leave the steps as they are."""
    truth = dataclasses.replace(PHYSICS, request_seconds=0.12)
    points = [dataclasses.replace(measured(truth, n), time_per_output_token_seconds=None) for n in (1, 8, 32)]
    found = calibrated(PHYSICS, points, uncertainty=UNSURE)
    assert itl(found.coefficients, 16) == itl(PHYSICS, 16)
    assert measured(found.coefficients, 16).time_to_first_token_seconds == pytest.approx(
        measured(truth, 16).time_to_first_token_seconds, rel=0.1
    )
    assert found.uncertainty.inter_token_latency_fraction == UNSURE.inter_token_latency_fraction


def test_a_corrected_timing_counts_as_measured() -> None:
    """Only when a point told something."""
    known = Timing(PHYSICS, 256, 10**6, Source.ESTIMATED)
    assert corrected(known, [], uncertainty=UNSURE) == known
    seen = corrected(known, [measured(PHYSICS, 8)], uncertainty=UNSURE)
    assert seen.source is Source.MEASURED
    assert seen.kv_capacity_tokens == known.kv_capacity_tokens
