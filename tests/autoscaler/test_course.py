"""Points of operation: a steady stretch gives one that is right; what is broken, mixed up or too short gives none."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from quartermaster.autoscaler.course import LONGEST_SECONDS, Course, followed
from quartermaster.autoscaler.operation import Growth, Operation, operation
from quartermaster.autoscaler.sample import Readings, Sample
from quartermaster.autoscaler.window import Window
from tests.autoscaler.build import readings, sample
from tests.autoscaler.simulated import Simulated
from tests.lab.modelserver.physics import ReplicaPhysics

PHYSICS = ReplicaPhysics(0.02, 0.0001, 1e-7, max_batch=64)


def points(windows: Iterable[Window]) -> list[Operation]:
    """Return the points of a replica."""
    courses: dict[str, Course] = {}
    found: list[Operation] = []
    for window in windows:
        courses, ended = followed(courses, window)
        found += [point for _, point in ended]
    return found


def fed(rows: Iterable[Sample]) -> Iterable[Window]:
    """Yield the window after each sample."""
    window = Window()
    for row in rows:
        window = window.add([row], now_seconds=row.at_seconds)
        yield window


def truth(one: Operation) -> float:
    """Return the time per token of the constants at a point, by the formulas of the queue."""
    tokens = (one.input_tokens + one.output_tokens) / (one.output_tokens + 1)
    held = one.input_tokens + one.output_tokens / 2
    return PHYSICS.alpha_seconds + (one.batch + 1) * (
        PHYSICS.beta_seconds_per_token * tokens + PHYSICS.gamma_seconds_per_token * held
    )


@pytest.mark.parametrize("rate", [1.0, 3.0, 6.0])
def test_a_steady_load_gives_points_that_are_true(rate: float) -> None:
    """Batch, tokens and times are those that the constants of the replica give."""
    found = points(Simulated(PHYSICS).windows(rate, 120.0))
    assert found
    for one in found:
        assert one.time_per_token_seconds == pytest.approx(truth(one), rel=0.06)
        assert one.input_tokens == pytest.approx(500, rel=0.15)
        assert one.output_tokens == pytest.approx(150, rel=0.4)
        assert one.requests_per_second == pytest.approx(rate, rel=0.6)
        assert one.full_batch is None


def test_a_full_batch_is_known_by_requests_that_wait_while_the_cache_has_room() -> None:
    """With more load than it bears, the replica shows how many it runs at once."""
    found = points(Simulated(replace(PHYSICS, max_batch=8)).windows(6.0, 60.0))
    assert found
    assert {one.full_batch for one in found} == {8}
    assert all(one.batch == pytest.approx(8, rel=0.05) and one.waiting > 1 for one in found)


def test_a_full_cache_is_no_full_batch() -> None:
    """Requests that wait for room in the cache say nothing about the batch."""
    found = points(Simulated(replace(PHYSICS, kv_capacity_tokens=4_000)).windows(6.0, 60.0))
    assert {one.full_batch for one in found} <= {None}


def changed(change: Callable[[Readings], Readings], *, every: int = 5) -> list[Operation]:
    """Return the points of a replica some of whose samples are changed."""
    simulated = Simulated(PHYSICS)
    rows = [simulated.sample() for _ in simulated.windows(3.0, 120.0)]
    damaged = [
        replace(row, readings=change(row.readings)) if number % every == 0 else row for number, row in enumerate(rows)
    ]
    return points(fed(damaged))


def test_a_missing_reading_breaks_the_stretch() -> None:
    """Each reading is needed; none of them is taken for zero."""
    assert changed(lambda told: told, every=1)
    for name in ("running", "waiting", "generation_tokens_total", "inter_token_latency_count", "prompt_tokens_total"):
        assert not changed(lambda told, name=name: replace(told, **{name: None})), name  # type: ignore[misc]  # mypy knows no lambda with a default


def test_a_restart_and_a_pause_of_the_scrapes_break_the_stretch() -> None:
    """What happened in between was not seen."""
    assert not changed(lambda told: replace(told, generation_tokens_total=1.0, requests_total=1.0))
    simulated = Simulated(PHYSICS)
    rows = [simulated.sample() for _ in simulated.windows(3.0, 120.0)]
    assert not points(fed([row for number, row in enumerate(rows) if number % 5 == 0]))


def test_an_idle_replica_and_one_that_hardly_works_give_no_point() -> None:
    """Too little was seen, however long it is looked at."""
    assert not points(Simulated(PHYSICS).windows(0.0, 2 * LONGEST_SECONDS))
    assert not points(Simulated(PHYSICS).windows(0.02, 2 * LONGEST_SECONDS))


def test_a_load_that_jumps_gives_no_point_for_the_jump() -> None:
    """The mean of two batches is the batch of no time."""
    rows = [sample(2.0 * n, _jumping(2.0 * n)) for n in range(7)]
    assert not points(fed(rows))


def _jumping(at_seconds: float) -> Readings:
    running = 2.0 if at_seconds < 6.0 else 40.0
    return readings(100 + 20 * at_seconds, 0.0, running)


GROWTH = Growth(
    seconds=20.0,
    first_tokens=40.0,
    first_token_seconds=8.0,
    prompt_tokens=20_000.0,
    generation_tokens=4_000.0,
    gaps=3_960.0,
    gap_seconds=79.2,
    running=4.4,
    waiting=0.0,
    samples=10,
)


def point(**changes: float) -> Operation | None:
    """Return the operation of a stretch that is sound but for the changes."""
    return operation(replace(GROWTH, **changes), full_batch=None, kv_capacity_tokens=None)  # type: ignore[arg-type]  # samples is the only int, and stays


def test_time_spent_gives_the_batch() -> None:
    """Little's law: seconds of gaps and of first tokens, over seconds."""
    found = point()
    assert found is not None
    assert found.batch == pytest.approx((79.2 + 8.0) / 20)
    assert found.time_per_token_seconds == pytest.approx(0.02)
    assert (found.input_tokens, found.output_tokens) == (500.0, 100.0)


def test_gaps_that_are_observed_once_per_request_are_means() -> None:
    """Their sum is no time that was spent; the batch is the gauge's."""
    found = point(gaps=40.0, gap_seconds=0.8)
    assert found is not None
    assert (found.time_per_token_seconds, found.batch) == (0.02, 4.4)


def test_several_tokens_per_gap_are_counted() -> None:
    """With speculative decoding a gap brings more than one token."""
    found = point(gaps=1_980.0, gap_seconds=79.2)
    assert found is not None
    assert found.time_per_token_seconds == pytest.approx(0.02)


@pytest.mark.parametrize(
    "changes",
    [
        {"running": 40.0},
        {"running": 0.2},
        {"gaps": 100.0},
        {"gaps": 40_000.0},
        {"gap_seconds": 1e9},
        {"gap_seconds": float("nan")},
        {"gap_seconds": float("inf")},
        {"prompt_tokens": 0.0},
        {"prompt_tokens": 1e12},
        {"generation_tokens": -5.0},
        {"first_tokens": 0.0},
        {"seconds": 0.0},
    ],
    ids=str,
)
def test_what_contradicts_itself_is_no_point(changes: dict[str, float]) -> None:
    """Counters that do not fit the gauges, and figures out of all proportion."""
    assert point(**changes) is None


def test_a_time_to_first_token_out_of_proportion_is_left_out() -> None:
    """The time per token still tells."""
    found = point(first_token_seconds=1e-3)
    assert found is not None
    assert found.time_to_first_token_seconds is None
