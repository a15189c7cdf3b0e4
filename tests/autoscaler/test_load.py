"""Rates and means that are read from a window."""

from dataclasses import replace
from itertools import accumulate
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartermaster.autoscaler.load import load_of
from quartermaster.autoscaler.window import Window
from tests.autoscaler.build import readings, sample, steady, steady_load, window_of


def test_a_steady_load_is_read_as_it_is() -> None:
    """Requests, tokens and latencies of one replica under five requests per second."""
    load = steady_load(5.0, waiting=2.0, kv=0.4)
    assert load.arrivals_per_second == pytest.approx(5.0)
    assert load.prompt_tokens_per_second == pytest.approx(1000.0)
    assert load.generation_tokens_per_second == pytest.approx(500.0)
    assert (load.waiting, load.running, load.kv_used_fraction) == (2.0, 1.0, 0.4)
    assert load.time_to_first_token_seconds == pytest.approx(0.25)
    assert load.inter_token_latency_seconds == pytest.approx(0.02)
    assert load.is_enough


def test_rates_add_up_over_replicas_and_latencies_do_not() -> None:
    """Three replicas bear three times as much, equally fast."""
    load = steady_load(5.0, pods=("a", "b", "c"))
    assert load.arrivals_per_second == pytest.approx(15.0)
    assert load.time_to_first_token_seconds == pytest.approx(0.25)


def test_what_piles_up_counts_as_arrivals() -> None:
    """A saturated replica finishes two per second while five come: five are wanted."""
    rows = [sample(t, readings(2.0 * t, waiting=3.0 * t)) for t in range(0, 80, 2)]
    load = load_of(window_of(rows), ["a"], now_seconds=78.0)
    assert load.arrivals_per_second == pytest.approx(5.0)


def test_a_backlog_that_drains_is_not_counted_again() -> None:
    """A queue of 60 worked off at one per second, with nothing new, is no arrival."""
    rows = [sample(t, readings(t, waiting=60.0 - t)) for t in range(0, 62, 2)]
    load = load_of(window_of(rows), ["a"], now_seconds=60.0)
    assert load.arrivals_per_second == pytest.approx(0.0)


def test_a_restart_counts_from_zero_and_never_backwards() -> None:
    """Counters that fall mean a new process: what they show has come since."""
    before = [sample(t, readings(1000 + 5.0 * t)) for t in range(0, 40, 2)]
    after = [sample(t, readings(5.0 * (t - 38.0))) for t in range(40, 80, 2)]
    load = load_of(window_of(before + after), ["a"], now_seconds=78.0)
    assert load.arrivals_per_second == pytest.approx(5.0, rel=0.02)
    assert load.prompt_tokens_per_second == pytest.approx(1000.0, rel=0.02)


def test_load_that_moves_to_a_new_replica_is_not_counted_twice() -> None:
    """Ten per second on one replica, then five each on two: ten throughout."""
    old = [sample(t, readings(10.0 * min(t, 60) + 5.0 * max(0, t - 60)), pod="old") for t in range(0, 82, 2)]
    new = [sample(t, readings(5.0 * (t - 60)), pod="new") for t in range(60, 82, 2)]
    load = load_of(window_of(old + new), ["old", "new"], now_seconds=80.0)
    assert load.arrivals_per_second == pytest.approx(10.0, rel=0.01)


def test_load_of_a_replica_that_vanished_still_counts_for_its_time() -> None:
    """Half a minute at five per second within the minute is two and a half."""
    gone = [sample(t, readings(5.0 * t), pod="gone") for t in range(0, 52, 2)]
    here = [sample(t, readings(), pod="here") for t in range(0, 82, 2)]
    load = load_of(window_of(gone + here), ["here"], now_seconds=80.0)
    assert load.arrivals_per_second == pytest.approx(5.0 * 30 / 60, rel=0.01)
    assert load.running == 0.0


def test_one_sample_tells_a_queue_and_no_rate() -> None:
    """None is not zero."""
    load = load_of(window_of([sample(0.0, readings(100, waiting=7))]), ["a"], now_seconds=1.0)
    assert load.waiting == 7
    assert load.arrivals_per_second is None
    assert load.time_to_first_token_seconds is None
    assert not load.is_enough


def test_an_empty_window_tells_nothing() -> None:
    """No samples: no rate, no queue, no freshness."""
    load = load_of(Window(), ["a"], now_seconds=1.0)
    assert (load.waiting, load.running, load.arrivals_per_second, load.kv_used_fraction) == (None,) * 4
    assert load.peak_per_second == 0.0
    assert load.freshness.missing == ("a",)


def test_a_jump_of_the_load_shows_within_seconds() -> None:
    """Five per second become twenty: after eight seconds the burst is most of it, the mean not yet."""
    rows = [sample(t, readings(5.0 * t + 15.0 * max(0.0, t - 70))) for t in range(0, 80, 2)]
    load = load_of(window_of(rows), ["a"], now_seconds=78.0)
    assert load.arrivals_per_second == pytest.approx(7.0)
    assert load.burst_per_second > 14.0


def test_the_end_of_the_load_shows_within_seconds() -> None:
    """Twenty per second end: sixteen seconds later next to nothing is left of the peak, and half of the mean."""
    rows = [sample(t, readings(20.0 * min(t, 64))) for t in range(0, 82, 2)]
    load = load_of(window_of(rows), ["a"], now_seconds=80.0)
    assert load.arrivals_per_second == pytest.approx(20.0 * 44 / 60)
    assert load.peak_per_second < 0.5


def test_silence_of_one_replica_is_no_lull() -> None:
    """While some replica does not answer, nobody knows that the load has ended."""
    gone = [sample(t, readings(20.0 * t), pod="gone") for t in range(0, 64, 2)]
    here = [sample(t, readings(), pod="here") for t in range(0, 82, 2)]
    load = load_of(window_of(gone + here), ["gone", "here"], now_seconds=80.0)
    assert load.peak_per_second > 10.0


@given(seed=st.integers(0, 10_000), rate=st.floats(0.2, 50.0))
def test_chance_is_seldom_taken_for_a_lull(seed: int, rate: float) -> None:
    """Under Poisson arrivals of a constant rate the peak stays near the rate or above it."""
    random = Random(seed)
    counts = list(accumulate(_poisson(random, 2 * rate) for _ in range(40)))
    rows = [sample(2.0 * index, readings(count)) for index, count in enumerate(counts)]
    load = load_of(window_of(rows), ["a"], now_seconds=78.0)
    assert load.peak_per_second >= rate - 4.5 * (rate / 60.0) ** 0.5 - 0.25 * rate


@given(seed=st.integers(0, 10_000), rate=st.floats(0.2, 50.0))
def test_chance_is_seldom_taken_for_a_burst(seed: int, rate: float) -> None:
    """Under Poisson arrivals of a constant rate the peak stays near the rate: within four deviations of the minute."""
    random = Random(seed)
    counts = list(accumulate(_poisson(random, 2 * rate) for _ in range(40)))
    rows = [sample(2.0 * index, readings(count)) for index, count in enumerate(counts)]
    load = load_of(window_of(rows), ["a"], now_seconds=78.0)
    assert load.peak_per_second <= rate + 4.5 * (rate / 60.0) ** 0.5 + 0.35 * rate


def _poisson(random: Random, mean: float) -> int:
    count, left = 0, random.expovariate(1.0)
    while left < mean:
        count += 1
        left += random.expovariate(1.0)
    return count


def test_an_engine_without_a_count_of_ended_requests_is_counted_by_first_tokens() -> None:
    """First tokens and the queue make the arrivals then."""
    rows = [sample(t, replace(readings(3.0 * t, waiting=1.0 * t), requests_total=None)) for t in range(0, 80, 2)]
    load = load_of(window_of(rows), ["a"], now_seconds=78.0)
    assert load.arrivals_per_second == pytest.approx(4.0)


@given(
    totals=st.lists(st.floats(0, 1e6), min_size=2, max_size=40),
    queues=st.lists(st.floats(0, 1e4), min_size=40, max_size=40),
)
def test_no_rate_is_ever_negative(totals: list[float], queues: list[float]) -> None:
    """Whatever counters and gauges do."""
    rows = [sample(2.0 * i, readings(total, queues[i])) for i, total in enumerate(totals)]
    load = load_of(window_of(rows), ["a"], now_seconds=rows[-1].at_seconds)
    assert (load.arrivals_per_second or 0.0) >= 0.0
    assert load.burst_per_second >= 0.0
    assert (load.prompt_tokens_per_second or 0.0) >= 0.0


def test_readings_that_are_absent_stay_absent() -> None:
    """An engine without a KV gauge has an unknown use, not an empty cache."""
    rows = [sample(t, replace(readings(t), kv_used_fraction=None)) for t in range(0, 80, 2)]
    assert load_of(window_of(rows), ["a"], now_seconds=78.0).kv_used_fraction is None


def test_the_window_of_another_time_is_stale() -> None:
    """A minute later nothing of it is fresh."""
    assert load_of(steady(5.0), ["a"], now_seconds=140.0).freshness.stale == ("a",)
