"""The capacity wanted: the largest of what the rate, the tokens in use and the queue need."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartermaster.autoscaler.limits import Limits
from quartermaster.autoscaler.load import Load, load_of
from quartermaster.autoscaler.want import DRAIN_SECONDS, TARGET_FRACTION, want
from tests.autoscaler.build import declared, external, measured, placement, readings, sample, steady_load, window_of

LIMITS = Limits()


def queued(waiting: float, *, pods: tuple[str, ...] = ("a", "b"), kv: float = 0.0) -> Load:
    """Return a load with a queue at every replica."""
    return steady_load(1.0, pods=pods, waiting=waiting / len(pods), kv=kv)


def test_the_rate_is_wanted_with_headroom() -> None:
    """Eight per second want ten."""
    wish = want(measured(8.0), steady_load(8.0), placements=(placement(2),), limits=LIMITS)
    assert wish.requests_per_second == pytest.approx(8.0 / TARGET_FRACTION)
    assert wish.cause == "the token rate"


def test_external_pools_take_their_share_off() -> None:
    """Of ten per second, three tenths are served elsewhere."""
    wish = want(measured(10.0), steady_load(7.0), placements=(placement(2), external(3)), limits=LIMITS)
    assert wish.rate_requests_per_second == pytest.approx(7.0 / TARGET_FRACTION)


def test_full_caches_want_more_even_where_the_rate_is_small() -> None:
    """Two replicas of five per second with caches at 96 % want a fifth more than they have."""
    wish = want(measured(1.0), queued(0.0, kv=0.96), placements=(placement(2),), limits=LIMITS)
    assert wish.tokens_requests_per_second == pytest.approx(10.0 * 0.96 / TARGET_FRACTION)
    assert wish.cause == "tokens in use"


def test_the_need_of_tokens_in_use_is_that_of_ready_replicas() -> None:
    """While further replicas start, full caches of the ready ones do not ask again and again."""
    wish = want(measured(1.0), queued(0.0, kv=0.96), placements=(placement(20),), limits=LIMITS)
    assert wish.tokens_requests_per_second == pytest.approx(10.0 * 0.96 / TARGET_FRACTION)


def test_caches_of_unequal_size_are_weighed_by_what_they_hold() -> None:
    """A small full cache beside a large empty one is no shortage."""
    small = replace(readings(kv=1.0), kv_capacity_tokens=10_000.0)
    large = replace(readings(kv=0.0), kv_capacity_tokens=90_000.0)
    load = load_of(window_of([sample(0.0, small, pod="a"), sample(0.0, large, pod="b")]), ["a", "b"], now_seconds=0.0)
    wish = want(measured(0.0), load, placements=(placement(2),), limits=LIMITS)
    assert wish.tokens_requests_per_second == pytest.approx(10.0 * 0.1 / TARGET_FRACTION)


def test_a_cache_of_untold_size_is_taken_from_the_plan() -> None:
    """The candidate's figure stands in."""
    one = replace(readings(kv=0.5), kv_capacity_tokens=None)
    load = load_of(window_of([sample(0.0, one)]), ["a"], now_seconds=0.0)
    wish = want(measured(0.0), load, placements=(placement(1),), limits=LIMITS)
    assert wish.tokens_requests_per_second == pytest.approx(5.0 * 0.5 / TARGET_FRACTION)


def test_a_queue_within_the_depth_asks_for_nothing_new() -> None:
    """Eight requests over two replicas of depth four are no more than what is planned."""
    wish = want(measured(2.0), queued(8.0), placements=(placement(2),), limits=LIMITS)
    assert wish.queue_requests_per_second <= 10.0


def test_a_queue_beyond_the_depth_asks_for_at_least_one_more() -> None:
    """Although the rate alone needs less than is planned."""
    wish = want(measured(2.0), queued(12.0), placements=(placement(2),), limits=LIMITS)
    assert 10.0 < wish.requests_per_second < 15.0
    assert wish.cause == "the queue"


def test_a_queue_waits_for_replicas_that_are_starting() -> None:
    """Until what is planned is ready, a queue that is drained in time asks for no more than that."""
    wish = want(measured(2.0), queued(12.0, pods=("a",)), placements=(placement(2),), limits=LIMITS)
    assert wish.queue_requests_per_second == pytest.approx(10.0)


def test_a_long_queue_asks_for_what_drains_it_in_time_and_not_for_a_multiple() -> None:
    """Six hundred waiting would be 150 replicas by depth; ten more per second drain them in a minute."""
    wish = want(measured(20.0), queued(600.0), placements=(placement(2),), limits=LIMITS)
    assert wish.queue_requests_per_second == pytest.approx(20.0 + 600.0 / DRAIN_SECONDS)


def test_a_deeper_queue_per_replica_asks_for_less() -> None:
    """``queueDepthPerReplica`` is honoured."""
    deep = Limits(queue_depth_per_replica=100)
    assert want(measured(2.0), queued(12.0), placements=(placement(2),), limits=deep).requests_per_second < 10.0


def test_a_declared_rate_does_not_move_counts() -> None:
    """It made the plan; until enough is observed only what is seen is wanted."""
    wish = want(declared(50.0), steady_load(1.0, seconds=10.0), placements=(placement(2),), limits=LIMITS)
    assert wish.requests_per_second == pytest.approx(1.0 / TARGET_FRACTION)
    assert wish.is_observed
    assert not wish.is_complete


def test_a_missing_replica_makes_the_wish_incomplete_and_says_so() -> None:
    """The clause stands in the status."""
    load = steady_load(1.0, pods=("a",))
    gappy = replace(load, freshness=replace(load.freshness, missing=("b",)))
    wish = want(measured(1.0), gappy, placements=(placement(2),), limits=LIMITS)
    assert not wish.is_complete
    assert wish.gap == "no fresh metrics from 1 of 2 ready replicas"


@given(
    rates=st.tuples(st.floats(0, 100), st.floats(0, 100)),
    queues=st.tuples(st.floats(0, 5000), st.floats(0, 5000)),
    caches=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    counts=st.tuples(st.integers(0, 20), st.integers(0, 20)),
)
def test_more_load_never_wants_less(
    rates: tuple[float, float],
    queues: tuple[float, float],
    caches: tuple[float, float],
    counts: tuple[int, int],
) -> None:
    """Monotone in rate, queue and tokens in use together."""
    placements = (placement(counts[0]), placement(counts[1], "far", rate=11.0, dollars=7.0))
    low, high = (
        want(measured(pick(rates)), queued(pick(queues), kv=pick(caches)), placements=placements, limits=LIMITS)
        for pick in (min, max)
    )
    assert low.requests_per_second <= high.requests_per_second * (1 + 1e-9)


def overflowing(waiting: float, growing: float) -> Load:
    """Return a steady load of four per second on two replicas, whose queue grows at a rate."""
    return replace(steady_load(2.0, pods=("a", "b"), waiting=waiting / 2), backlog_per_second=growing)


def test_a_queue_that_grows_under_a_steady_load_shows_that_figures_are_too_good() -> None:
    """Ten per second were thought to be enough for four, and are not: twice the rate need at least."""
    wish = want(measured(4.0), overflowing(12.0, 1.0), placements=(placement(2),), limits=LIMITS)
    assert wish.strain == pytest.approx(10.0 / (4.0 / TARGET_FRACTION))


def test_a_backlog_that_drains_or_a_replica_that_starts_shows_nothing() -> None:
    """A queue is no proof while it shrinks, or while not all that is planned serves."""
    for load, count in ((overflowing(12.0, -1.0), 2), (overflowing(2.0, 1.0), 2), (overflowing(50.0, 1.0), 3)):
        assert want(measured(4.0), load, placements=(placement(count),), limits=LIMITS).strain == 1.0
