"""ModelProfiles from what replicas show: near the truth, written seldom, bounded, and never over a person's."""

from dataclasses import replace
from itertools import pairwise
from math import inf, nan
from random import Random

import pytest

from quartermaster.autoscaler.sample import Readings, Sample
from quartermaster.autoscaler.window import Window
from quartermaster.planner.planning import plan
from quartermaster.planner.throughput.fit import Timing
from quartermaster.planner.throughput.steady import Point, steady
from quartermaster.reconcile.measuring import FURTHEST, measured
from quartermaster.reconcile.profiling import QUIET_SECONDS
from tests.planner.builders import fleet, pool, profile
from tests.reconcile.profiled import MIX, NAME, Watch, physics, rate, simulated, timing_of, true_timing, with_args

LEVELS = (0.15, 0.35, 0.6)
"""Parts of what the replica sustains."""


def times(known: Timing, *batches: float) -> list[float]:
    """Return the time per token at batches."""
    points = [Point(batch, MIX.input_tokens, MIX.output_tokens) for batch in batches]
    found = steady([known.coefficients] * len(points), points, [inf] * len(points))
    told: list[float] = found.inter_token_latency_seconds.tolist()
    return told


def shown(truth: Timing, *, levels: tuple[float, ...] = LEVELS, seed: int = 1, seconds: float = 60.0) -> Watch:
    """Return the watch over a replica that bore one load after another."""
    watch, one = Watch(), simulated(truth, seed=seed)
    for level in levels:
        watch.watch(one, level * rate(truth), seconds)
    return watch


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("alpha", "beta", "gamma"), [(1, 1, 1), (1.6, 1.6, 1.6), (0.6, 0.5, 0.6), (1.5, 0.7, 1), (0.8, 2, 2)]
)
def test_three_loads_tell_how_fast_a_replica_is(alpha: float, beta: float, gamma: float, seed: int) -> None:
    """Whatever it has from the datasheet, the time per token and the throughput are found within a few percent."""
    truth = true_timing(alpha=alpha, beta=beta, gamma=gamma)
    watch = shown(truth, seed=seed, seconds=200.0)
    assert list(watch.profiles) == [NAME]
    (record,) = watch.memory.record_by_key.values()
    found = measured(record.subject, record.seen)
    assert found is not None
    for told, real in zip(times(timing_of(found.spec), 4, 16, 40, 80), times(truth, 4, 16, 40, 80), strict=True):
        assert told == pytest.approx(real, rel=0.04)
    assert rate(timing_of(found.spec)) == pytest.approx(rate(truth), rel=0.04)
    # What is written may lag behind by as much as is not worth a write.
    assert rate(watch.timing) == pytest.approx(rate(truth), rel=0.1)


def test_what_is_proposed_says_where_it_comes_from() -> None:
    """Origin, label, and evidence with points, times, deployments and errors; and the plan calls it measured."""
    watch = shown(true_timing(alpha=1.6, beta=1.6))
    (document,) = watch.profiles.values()
    assert document["spec"]["origin"] == "Observed"
    assert document["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "quartermaster"}
    evidence = document["spec"]["evidence"]
    for said in ("points of default/chat", "2026-11-21T12:00Z", "error of the time per token", "before", "after"):
        assert said in evidence
    (entry,) = watch.declared
    assert entry.document is not None
    made = plan(fleet(pool(), profiles=[entry.document.spec]), [watch.workload])
    assert made.placements[0].candidate.throughput.source.value == "Measured"


def test_a_settled_load_writes_once() -> None:
    """The proposal is all: an hour of the same loads moves nothing by more than a few percent."""
    truth = true_timing(alpha=1.3, beta=1.3)
    watch, one = Watch(), simulated(truth)
    for _ in range(6):
        for level in LEVELS:
            watch.watch(one, level * rate(truth), 200.0)
    assert len(watch.written) <= 2
    assert watch.watch(one, LEVELS[1] * rate(truth), 600.0) == 0


def test_a_replica_that_becomes_slower_is_followed_in_steps_that_are_far_apart() -> None:
    """After an update of a driver, say. Between two writes lies a quiet time."""
    watch, before, after = Watch(), true_timing(), true_timing(alpha=1.8, beta=1.8)
    at_seconds: list[float] = []
    made, now_seconds = watch.plan, 0.0
    for truth, uid in ((before, "a"), (after, "b")):
        one = replace(simulated(truth), uid=uid, now_seconds=now_seconds)
        for level in LEVELS * 4:
            at_seconds += [
                one.now_seconds
                for window in one.windows(level * rate(truth), 60.0)
                if watch.look(window, one.now_seconds, made=made)
            ]
        now_seconds = one.now_seconds
    assert len(at_seconds) > 1
    assert all(later - earlier >= QUIET_SECONDS for earlier, later in pairwise(at_seconds))
    assert rate(watch.timing) == pytest.approx(rate(after), rel=0.1)


def test_one_load_alone_is_not_enough() -> None:
    """What a request costs cannot be told from what a step costs."""
    assert not shown(true_timing(alpha=1.5), levels=(0.4, 0.4, 0.4)).written


def test_a_full_batch_is_learned() -> None:
    """An engine that runs fewer requests at once than others bears less, and its profile says so."""
    truth = true_timing(max_batch=40)
    watch = shown(truth, levels=(0.2, 0.5, 0.8, 1.3), seconds=200.0)
    assert watch.timing.max_batch_size == 40
    assert rate(watch.timing) == pytest.approx(rate(truth), rel=0.08)


@pytest.mark.parametrize("max_batch", [8, 256])
@pytest.mark.parametrize("factor", [0.21, 4.8])
def test_no_profile_moves_the_throughput_further_than_by_a_bounded_factor(factor: float, max_batch: int) -> None:
    """However sure the points are: a replica that is nearly five times as slow counts as one of four times."""
    truth = true_timing(alpha=factor, beta=factor, gamma=factor, max_batch=max_batch)
    watch = shown(truth, levels=(0.1, 0.4, 0.6, 0.8, 1.3), seconds=120.0)
    assert watch.written
    assert 0.999 / FURTHEST <= rate(watch.timing) / rate(physics()) <= 1.001 * FURTHEST


def test_what_is_far_from_the_physics_is_not_this_kind_of_work() -> None:
    """A double, a stub, or a broken clock: not a tenth, and not tenfold."""
    for factor in (0.05, 12.0):
        assert not shown(true_timing(alpha=factor, beta=factor, gamma=factor)).written


def test_garbage_never_makes_a_profile() -> None:
    """Counters that grow at random, gauges that say anything, and figures that are none."""
    dice = Random(7)
    watch = Watch()
    made = watch.plan
    place = made.placements[0].place
    for trial in range(60):
        window, totals = Window(), dict.fromkeys(_COUNTERS, 1.0)
        for step in range(40):
            at_seconds = 10_000.0 * trial + 2.0 * step
            totals = {name: total + 10 ** dice.uniform(-3, 6) for name, total in totals.items()}
            told = Readings(running=10 ** dice.uniform(-1, 3), waiting=10 ** dice.uniform(-1, 3), **totals)
            if dice.random() < 0.02:
                told = replace(told, **{dice.choice(_COUNTERS): dice.choice([nan, inf, 0.0])})
            sample = Sample("a", "pod-a", place, at_seconds, told)
            window = window.add([sample], now_seconds=at_seconds)
            assert not watch.look(window, at_seconds, made=made)


_COUNTERS = (
    "requests_total",
    "prompt_tokens_total",
    "generation_tokens_total",
    "time_to_first_token_seconds_sum",
    "time_to_first_token_count",
    "inter_token_latency_seconds_sum",
    "inter_token_latency_count",
)


def test_stale_signals_make_none() -> None:
    """The same window, looked at again and again, tells nothing new."""
    truth, watch = true_timing(), Watch()
    one = simulated(truth)
    made = watch.plan
    for _ in one.windows(0.5 * rate(truth), 60.0):
        pass
    for second in range(300):
        assert not watch.look(one.window, one.now_seconds + second, made=made)


def test_where_a_person_stated_a_profile_none_is_proposed() -> None:
    """Under whatever name."""
    watch = Watch()
    said = profile().model_dump(mode="json", by_alias=True, exclude_none=True)
    watch.put({"metadata": {"name": "ours"}, "spec": said})
    truth = true_timing(alpha=1.6)
    one = simulated(truth)
    for level in LEVELS:
        watch.watch(one, level * rate(truth), 60.0)
    assert not watch.written


@pytest.mark.parametrize(
    "change",
    [{"origin": "Stated"}, {"alphaSeconds": "0.5"}, {"evidence": "our own load test"}],
    ids=["origin", "figure", "evidence"],
)
def test_a_profile_that_a_person_takes_over_is_left_alone(change: dict[str, str]) -> None:
    """By its origin, or by any change of what was proposed."""
    truth = true_timing(alpha=1.6)
    watch, one = Watch(), simulated(truth)
    for level in LEVELS:
        watch.watch(one, level * rate(truth), 60.0)
    watch.edit(lambda spec: {**spec, **change})
    written = [watch.watch(one, level * rate(truth), 400.0) for level in LEVELS]
    assert written == [0, 0, 0]


def test_a_profile_that_is_deleted_is_proposed_again_only_from_new_points() -> None:
    """Deleting one says: look again."""
    truth = true_timing(alpha=1.6)
    watch, one = Watch(), simulated(truth)
    for level in LEVELS:
        watch.watch(one, level * rate(truth), 60.0)
    watch.profiles.clear()
    assert watch.watch(one, LEVELS[-1] * rate(truth), 400.0) == 0
    assert sum(watch.watch(one, level * rate(truth), 60.0) for level in LEVELS) == 1


def test_replicas_with_arguments_of_their_own_tell_of_no_others() -> None:
    """A profile does not say for which arguments it holds."""
    truth = true_timing(alpha=1.6)
    watch, one = Watch(), simulated(truth)
    watch.workload = with_args(watch.workload, "--speculative-config={}")
    for level in LEVELS:
        watch.watch(one, level * rate(truth), 60.0)
    assert not watch.written
