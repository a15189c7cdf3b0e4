"""The window keeps recent samples, forgets old ones, and tells stale and missing from zero."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartermaster.autoscaler.sample import Readings
from quartermaster.autoscaler.trail import KEEP_SECONDS, MAX_POINTS, Count
from quartermaster.autoscaler.window import MIX_REQUESTS, Mix, Window
from tests.autoscaler.build import readings, sample, steady, window_of


def test_samples_that_grew_old_are_forgotten_and_so_is_their_replica() -> None:
    """A replica that vanished leaves nothing behind for ever."""
    window = window_of([sample(0.0, readings(), pod="gone"), sample(KEEP_SECONDS + 1, readings(), pod="here")])
    assert set(window.trail_by_pod) == {"here"}


@given(gaps=st.lists(st.floats(0.01, 30.0), min_size=1, max_size=300))
def test_a_window_stays_bounded_however_often_a_replica_is_scraped(gaps: list[float]) -> None:
    """The trail thins itself, keeps its order and the newest point, and loses no growth."""
    window, now = Window(), 0.0
    for count, gap in enumerate(gaps):
        now += gap
        window = window.add([sample(now, readings(count))], now_seconds=now)
        trail = window.trail_by_pod["a"]
        assert len(trail.times_seconds) == len(trail.totals) <= MAX_POINTS
        assert list(trail.times_seconds) == sorted(trail.times_seconds)
        assert trail.times_seconds[-1] == now
        assert trail.totals[-1][Count.ARRIVED] in {count, None}


def test_frequent_scrapes_do_not_shorten_what_is_remembered() -> None:
    """Ten scrapes a second still reach back over the horizon."""
    rows = [sample(index / 10, readings(index)) for index in range(800)]
    window = window_of(rows)
    assert window.first_seconds == 0.0
    assert len(window.trail_by_pod["a"].times_seconds) <= MAX_POINTS
    assert window.last_seconds == pytest.approx(79.9)


def test_a_sample_older_than_the_last_one_changes_nothing() -> None:
    """Answers that overtake each other do not run time backwards."""
    window = window_of([sample(10.0, readings(5))])
    assert window.add([sample(9.0, readings(3))], now_seconds=10.0) == window


def test_adding_leaves_the_window_as_it_was() -> None:
    """A window is a value."""
    window = window_of([sample(0.0, readings())])
    window.add([sample(1.0, readings(1))], now_seconds=1.0)
    assert window.trail_by_pod["a"].times_seconds == (0.0,)


def test_fresh_stale_missing_and_mute_replicas_are_told_apart() -> None:
    """Only the fresh one counts; each of the others is named for what it is."""
    rows = [
        sample(100.0, readings(), pod="fresh"),
        sample(90.0, readings(), pod="stale"),
        sample(100.0, Readings(generation_tokens_total=7), pod="mute"),
    ]
    freshness = window_of(rows).freshness(["fresh", "stale", "mute", "missing"], now_seconds=101.0)
    assert [one.pod_uid for one in freshness.fresh] == ["fresh", "mute"]
    assert (freshness.stale, freshness.missing, freshness.mute) == (("stale",), ("missing",), ("mute",))
    assert not freshness.is_complete
    assert freshness.gap == "no fresh metrics from 2 of 4 ready replicas"


def test_a_replica_that_hides_its_queue_makes_the_signals_incomplete() -> None:
    """A queue that is not shown is not a queue of zero."""
    window = window_of([sample(0.0, replace(readings(3), waiting=None))])
    freshness = window.freshness(["a"], now_seconds=1.0)
    assert not freshness.is_complete
    assert "missing in the metrics of 1 of 1" in freshness.gap


def test_one_failed_scrape_does_not_make_a_replica_stale() -> None:
    """Fresh means three intervals."""
    window = window_of([sample(0.0, readings())])
    assert window.freshness(["a"], now_seconds=6.0).is_complete
    assert not window.freshness(["a"], now_seconds=6.1).is_complete


def test_nobody_to_ask_is_not_complete() -> None:
    """Without a ready replica there are no signals."""
    assert not steady(1.0).freshness([], now_seconds=80.0).is_complete


def test_counters_tell_that_load_was_served_before_the_window_began() -> None:
    """A process that has just started knows from one sample that this is no new deployment."""
    assert not window_of([sample(0.0, readings())]).has_seen_load
    assert window_of([sample(0.0, readings(12))]).has_seen_load
    assert window_of([sample(0.0, readings(waiting=1))]).has_seen_load


def test_the_mix_is_that_of_the_last_thousand_requests() -> None:
    """Long prompts of yesterday fade with new requests, not with time."""
    mix = Mix().plus(MIX_REQUESTS, MIX_REQUESTS * 4000, MIX_REQUESTS * 100)
    for _ in range(50):
        mix = mix.plus(100, 100 * 1000, 100 * 100)
    assert mix.requests == pytest.approx(MIX_REQUESTS)
    assert mix.prompt_tokens / mix.requests == pytest.approx(1000, rel=0.03)
    assert mix.generation_tokens / mix.requests == pytest.approx(100)


def test_a_quiet_night_does_not_forget_the_mix() -> None:
    """Samples without requests leave the mix as it is."""
    window = steady(5.0)
    later = window.add([sample(82.0 + 2 * i, readings(400.0, running=0.0)) for i in range(40)], now_seconds=162.0)
    assert later.mix.prompt_tokens / later.mix.requests == pytest.approx(200.0)


def test_tokens_of_engines_without_counts_by_request_are_not_lost_between_two_ends() -> None:
    """Token counters move while no request ends; the mean still comes out."""
    rows = []
    for index in range(40):
        made = replace(
            readings(index // 4), request_prompt_tokens_sum=None, request_generation_tokens_sum=None,
            prompt_tokens_total=index * 50.0, generation_tokens_total=index * 25.0,
        )  # fmt: skip
        rows.append(sample(2.0 * index, made))
    mix = window_of(rows).mix
    assert mix.prompt_tokens / mix.requests == pytest.approx(200.0, rel=0.1)
    assert mix.generation_tokens / mix.requests == pytest.approx(100.0, rel=0.1)
