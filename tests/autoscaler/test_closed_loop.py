"""The whole loop against real queue models in virtual time: rise, drain, settle, and return."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from quartermaster.autoscaler.limits import Limits
from tests.autoscaler.closedloop import START_SECONDS, ClosedLoop, Tick, placement

ONE = placement(1)
SUSTAINED = ONE.candidate.throughput.requests_per_second
LIMITS = Limits(min_replicas=1, max_replicas=20, scale_down_delay_seconds=120)
STEP_SECONDS, QUIET_SECONDS = 120.0, 420.0


def step(at_seconds: float) -> float:
    """Return a load of half a replica, four times that from two minutes on, nothing after seven."""
    if at_seconds < STEP_SECONDS:
        return 0.5 * SUSTAINED
    return 2.0 * SUSTAINED if at_seconds < QUIET_SECONDS else 0.0


def between(ticks: Sequence[Tick], start: float, end: float) -> list[Tick]:
    """Return the ticks after one moment and up to another."""
    return [tick for tick in ticks if start < tick.at_seconds <= end]


def falls(ticks: Sequence[Tick]) -> int:
    """Return how often the count fell."""
    return sum(later.replicas < earlier.replicas for earlier, later in pairwise(ticks))


def test_a_load_four_times_as_large_is_met_drained_and_given_back_after_the_delay() -> None:
    """Replicas rise within seconds, the queue drains once they serve, the minimum returns after the delay."""
    ticks = ClosedLoop((ONE,), LIMITS, step).run(QUIET_SECONDS + 180)
    assert {tick.replicas for tick in between(ticks, 0, STEP_SECONDS)} == {1}
    assert between(ticks, STEP_SECONDS, STEP_SECONDS + 5)[-1].replicas >= 2
    assert between(ticks, STEP_SECONDS, STEP_SECONDS + 15)[-1].replicas >= 3
    assert max(tick.waiting for tick in ticks) > 50
    drained = between(ticks, STEP_SECONDS + START_SECONDS + 60, QUIET_SECONDS)
    assert max(tick.waiting for tick in drained) <= 10
    assert max(tick.replicas for tick in ticks) <= 6
    assert falls(between(ticks, STEP_SECONDS, QUIET_SECONDS + 115)) == 0
    assert ticks[-1].replicas == 1


def test_broken_metrics_take_nothing_away_however_quiet_it_seems() -> None:
    """Load is gone and every scrape fails: all replicas stay, until signals have been whole for the whole delay."""
    mended_seconds = QUIET_SECONDS + 300.0
    loop = ClosedLoop((ONE,), LIMITS, step, scraped=lambda at, _: not QUIET_SECONDS - 20 < at < mended_seconds)
    ticks = loop.run(mended_seconds + 200)
    most = max(tick.replicas for tick in ticks)
    assert {tick.replicas for tick in between(ticks, QUIET_SECONDS, mended_seconds + 115)} == {most}
    assert ticks[-1].replicas == 1


def test_one_silent_replica_is_enough_to_keep_all() -> None:
    """Its load is not known, so it is not zero."""
    loop = ClosedLoop((ONE,), LIMITS, step, scraped=lambda at, index: at < QUIET_SECONDS or index != 0)
    ticks = loop.run(QUIET_SECONDS + 400)
    assert ticks[-1].replicas == max(tick.replicas for tick in ticks)


@pytest.mark.parametrize("fraction", [0.3, 0.75, 1.2, 2.5])
def test_counts_settle_under_a_constant_random_load(fraction: float) -> None:
    """Poisson arrivals and scattered lengths for a while: after the rise at most one move, and no queue."""
    ticks = ClosedLoop((ONE,), LIMITS, lambda _: fraction * SUSTAINED).run(900)
    settled = between(ticks, 240, 900)
    assert sum(later.replicas != earlier.replicas for earlier, later in pairwise(settled)) <= 1
    assert max(tick.waiting for tick in settled) <= 4 * settled[-1].replicas


def test_replicas_that_bear_half_of_what_is_believed_are_found_out() -> None:
    """The queue shows it: enough are added, the load is served, and they are not taken away again and again."""
    loop = ClosedLoop((placement(1, belief=2.0),), LIMITS, lambda _: 2.0 * SUSTAINED)
    ticks = loop.run(2100)
    assert falls(ticks) <= 4
    late = between(ticks, 900, 2100)
    assert max(tick.waiting for tick in late) <= 40
    assert min(tick.replicas for tick in late) >= 3


def test_the_maximum_holds_while_the_queue_grows() -> None:
    """Ten replicas are wanted, two are allowed."""
    loop = ClosedLoop((ONE,), replace(LIMITS, max_replicas=2), lambda _: 4.0 * SUSTAINED)
    assert max(tick.replicas for tick in loop.run(240)) == 2
