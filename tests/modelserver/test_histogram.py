"""Histograms as Prometheus means them, with many observations at once."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.modelserver.histogram import Histogram


def test_a_value_on_a_bound_belongs_below_it() -> None:
    """Upper bounds are inclusive, and the last bucket has none."""
    histogram = Histogram((1, 2))
    for value in (1, 1.5, 2, 3):
        histogram.observe(value)
    assert list(histogram.cumulative()) == [(1, 1), (2, 3), (inf, 4)]
    assert (histogram.count, histogram.sum) == (4, 7.5)


@given(first=st.floats(0.001, 3), slope=st.floats(0, 0.5), length=st.integers(1, 40), times=st.integers(1, 5))
def test_a_ramp_is_the_same_as_its_values_one_by_one(first: float, slope: float, length: int, times: int) -> None:
    """The short cut inside one bucket changes neither counts nor sum."""
    at_once, one_by_one = Histogram((0.1, 0.5, 1, 5)), Histogram((0.1, 0.5, 1, 5))
    at_once.observe_ramp(first, slope, length=length, times=times)
    for index in range(length):
        one_by_one.observe(first + slope * index, times)
    assert list(at_once.cumulative()) == list(one_by_one.cumulative())
    assert at_once.sum == pytest.approx(one_by_one.sum, rel=1e-9)
