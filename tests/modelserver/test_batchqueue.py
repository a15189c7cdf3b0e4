"""The batch queue in virtual time: exact times, limits, and equality with a plain simulation."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab.modelserver.batchqueue import BatchQueue, RequestTooLongError
from tests.lab.modelserver.exposition.vllm import BOUNDS
from tests.lab.modelserver.physics import ReplicaPhysics
from tests.lab.modelserver.recorder import Measure, Recorder
from tests.lab.modelserver.sequence import Finished, FirstToken, Sequence
from tests.modelserver.reference import Reference

PHYSICS = ReplicaPhysics(
    alpha_seconds=0.01,
    beta_seconds_per_token=1e-4,
    gamma_seconds_per_token=1e-6,
    max_batch=4,
    kv_capacity_tokens=4096,
)


def queue_of(physics: ReplicaPhysics = PHYSICS) -> BatchQueue:
    """Return an empty queue that starts at time 0 and records everything."""
    return BatchQueue(physics, Recorder.with_bounds(BOUNDS))


def submit(queue: BatchQueue, *, at: float, prompt: int = 100, output: int = 10) -> Sequence:
    """Bring the queue to `at` and submit a request."""
    queue.advance(at)
    return queue.submit(prompt, output, at=at)


def run_to_end(queue: BatchQueue) -> list[FirstToken | Finished]:
    """Advance from event to event until the queue is idle."""
    events = []
    while (at := queue.next_event_at()) is not None:
        events += queue.advance(at)
    return events


def test_a_lone_request_takes_the_time_of_the_formulas() -> None:
    """Prefill is alpha + (beta + gamma) I; each further token alpha + beta + gamma times its context."""
    queue = queue_of()
    submit(queue, at=5.0, prompt=100, output=11)
    first, finished = run_to_end(queue)
    prefill_seconds = 0.01 + (1e-4 + 1e-6) * 100
    decode_seconds = sum(0.01 + 1e-4 + 1e-6 * (100 + produced) for produced in range(1, 11))
    assert first.at_seconds == pytest.approx(5 + prefill_seconds, rel=1e-12)
    assert finished.at_seconds == pytest.approx(5 + prefill_seconds + decode_seconds, rel=1e-12)
    assert decode_seconds == pytest.approx(10 * (0.01 + 1e-4 + 1e-6 * (100 + 11 / 2)), rel=1e-9)
    histograms = queue.recorder.histograms
    assert histograms[Measure.TIME_TO_FIRST_TOKEN].sum == pytest.approx(prefill_seconds, rel=1e-9)
    assert histograms[Measure.INTER_TOKEN].sum == pytest.approx(decode_seconds, rel=1e-9)
    assert histograms[Measure.INTER_TOKEN].count == 10
    assert histograms[Measure.TIME_PER_OUTPUT_TOKEN].sum == pytest.approx(decode_seconds / 10, rel=1e-9)
    assert histograms[Measure.QUEUE].sum == 0


def test_a_full_batch_lets_the_others_wait_in_their_order() -> None:
    """Four run, the rest wait; they finish in the order of their arrival, and the queue is empty at last."""
    queue = queue_of()
    sequences = [submit(queue, at=0.0) for _ in range(10)]
    queue.advance(0.05)
    assert (queue.running, queue.waiting) == (4, 6)
    finished = [event.id for event in run_to_end(queue) if isinstance(event, Finished)]
    assert finished == [sequence.id for sequence in sequences]
    assert (queue.running, queue.waiting, queue.kv_used_fraction) == (0, 0, 0)


def test_the_iteration_in_progress_does_not_take_in_who_arrives_meanwhile() -> None:
    """Who arrives during an iteration is prefilled in the next."""
    queue = queue_of()
    submit(queue, at=0.0, prompt=100, output=50)
    late = submit(queue, at=0.015, prompt=10, output=1)
    first_ends = PHYSICS.step_seconds(100, 100)
    second_ends = first_ends + PHYSICS.step_seconds(1 + 10, 101 + 10)
    events = {event.id: event.at_seconds for event in run_to_end(queue) if isinstance(event, FirstToken)}
    assert first_ends > 0.015
    assert events[late.id] == pytest.approx(second_ends, rel=1e-12)


def test_a_long_prompt_is_prefilled_in_chunks_beside_the_others() -> None:
    """With 512 tokens per iteration, a prompt of 1,200 beside one decoding request takes three iterations."""
    queue = queue_of(ReplicaPhysics(max_step_tokens=512))
    submit(queue, at=0.0, prompt=1, output=2000)
    queue.advance(queue.next_event_at() or 0)
    before = queue.recorder.iterations
    long = queue.submit(1200, 5, at=queue.now)
    while long.first_token_at < 0:
        queue.advance(queue.next_event_at() or 0)
    assert queue.recorder.iterations - before == 1 + 3  # the one in progress and three chunks of at most 511


def test_the_cache_limits_the_batch() -> None:
    """Two requests of 1,600 tokens fit into 4,096, a third waits though the batch has room."""
    queue = queue_of()
    for _ in range(3):
        submit(queue, at=0.0, prompt=1600, output=10)
    queue.advance(0.2)
    assert (queue.running, queue.waiting) == (2, 1)
    assert queue.kv_used_fraction == pytest.approx(2 * 101 / 256)
    run_to_end(queue)
    assert queue.recorder.preemptions == 0
    assert queue.recorder.finished_requests == 3


def test_a_full_cache_preempts_who_was_admitted_last_and_loses_no_token() -> None:
    """Two that grow to 2,100 tokens each do not fit together: one gives way, and both get all their tokens."""
    queue = queue_of()
    first = submit(queue, at=0.0, prompt=100, output=2000)
    second = submit(queue, at=0.0, prompt=100, output=2010)
    finished = [event for event in run_to_end(queue) if isinstance(event, Finished)]
    assert queue.recorder.preemptions == 1
    assert [event.id for event in finished] == [first.id, second.id]
    assert queue.recorder.generation_tokens == 2000 + 2010
    assert queue.recorder.prompt_tokens == 200
    assert queue.recorder.histograms[Measure.INTER_TOKEN].count == 1999 + 2009
    assert queue.kv_used_fraction == 0


def test_a_request_that_can_never_fit_is_refused_with_the_limit() -> None:
    """The message names what is there and what was asked for."""
    queue = queue_of()
    with pytest.raises(RequestTooLongError, match=r"4096 tokens, found 4000 \+ 100"):
        queue.submit(4000, 100, at=0.0)
    assert queue.next_event_at() is None


def test_cancelling_frees_the_place_and_the_cache_wherever_the_request_is() -> None:
    """A request may be cancelled while it waits, is prefilled or decodes; the others finish as before."""
    queue = queue_of()
    kept, decoding, prefilling = (submit(queue, at=at) for at in (0.0, 0.0, 0.1))
    queue.advance(0.101)
    others = [submit(queue, at=0.101) for _ in range(3)]
    for sequence in (decoding, prefilling, others[-1]):
        queue.cancel(sequence)
        queue.cancel(sequence)
    finished = {event.id for event in run_to_end(queue) if isinstance(event, Finished)}
    assert finished == {kept.id, others[0].id, others[1].id}
    assert queue.recorder.finished_by_reason["abort"] == 3
    assert (queue.running, queue.waiting, queue.kv_used_fraction) == (0, 0, 0)


def test_a_prefix_in_the_cache_is_not_computed() -> None:
    """Half of 320 tokens found (in whole blocks) halves what is computed, and is counted."""
    physics = ReplicaPhysics(alpha_seconds=0.01, beta_seconds_per_token=1e-3, prefix_hit_fraction=0.5)
    queue = queue_of(physics)
    submit(queue, at=0.0, prompt=320, output=1)
    (first, _) = run_to_end(queue)
    assert first.at_seconds == pytest.approx(physics.step_seconds(160, 320), rel=1e-9)
    assert (queue.recorder.prompt_tokens, queue.recorder.cached_prompt_tokens) == (320, 160)


def test_a_frozen_stretch_moves_the_rest_and_nothing_else() -> None:
    """Skipping three seconds delays what follows by exactly these."""
    undisturbed, frozen = queue_of(), queue_of()
    for queue in (undisturbed, frozen):
        submit(queue, at=0.0)
    frozen.advance(0.033)
    frozen.skip(3.033)
    ends = [run_to_end(queue)[-1].at_seconds for queue in (undisturbed, frozen)]
    assert ends[1] == pytest.approx(ends[0] + 3, rel=1e-12)


def test_faster_replicas_take_the_same_steps_in_less_time() -> None:
    """At ten times the speed every time is a tenth."""
    usual, fast = queue_of(), queue_of(PHYSICS.faster(10))
    for queue in (usual, fast):
        submit(queue, at=0.0)
    assert run_to_end(fast)[-1].at_seconds == pytest.approx(run_to_end(usual)[-1].at_seconds / 10, rel=1e-12)


@pytest.mark.parametrize(
    "facts",
    [{"alpha_seconds": 0.0}, {"max_batch": 0}, {"max_batch": 9000}, {"kv_capacity_tokens": 16}, {"load_seconds": -1}],
)
def test_constants_that_make_no_sense_are_refused(facts: dict[str, float]) -> None:
    """Time must move on, and a request must fit."""
    with pytest.raises(ValueError, match="found"):
        ReplicaPhysics(**facts)  # type: ignore[arg-type]


ARRIVALS = st.lists(
    st.tuples(st.floats(0.0001, 0.2), st.integers(1, 700), st.integers(1, 300)), min_size=1, max_size=25
).map(lambda gaps: [(sum(gap for gap, _, _ in gaps[: index + 1]), *gaps[index][1:]) for index in range(len(gaps))])

TIGHT = ReplicaPhysics(
    alpha_seconds=0.003,
    beta_seconds_per_token=1.7e-5,
    gamma_seconds_per_token=3.1e-6,
    max_batch=6,
    kv_capacity_tokens=1203,
    max_step_tokens=256,
)


@settings(max_examples=150, deadline=None)
@given(arrivals=ARRIVALS, block_tokens=st.sampled_from([1, 5, 16]))
def test_it_equals_a_plain_simulation(arrivals: list[tuple[float, int, int]], block_tokens: int) -> None:
    """Times, tokens, preemptions and cache are those of a simulation that goes token by token."""
    physics = dataclasses.replace(TIGHT, block_tokens=block_tokens)
    reference = Reference(physics, arrivals)
    reference.run()
    queue = queue_of(physics)
    events = []
    for at, prompt, output in arrivals:
        events += queue.advance(at)
        queue.submit(prompt, output, at=at)
    events += run_to_end(queue)
    firsts = {event.id: event.at_seconds for event in events if isinstance(event, FirstToken)}
    ends = {event.id: event.at_seconds for event in events if isinstance(event, Finished)}
    for key, item in enumerate(reference.items, start=1):
        assert firsts[key] == pytest.approx(item.first_token_at, rel=1e-9)
        assert ends[key] == pytest.approx(item.finished_at, rel=1e-9)
    assert queue.recorder.preemptions == reference.preemptions
    assert queue.recorder.generation_tokens == sum(item.output_tokens for item in reference.items)
    assert (queue.running, queue.waiting, queue.kv_used_fraction) == (0, 0, 0)
    assert reference.highest_blocks <= physics.kv_blocks


@settings(max_examples=50, deadline=None)
@given(arrivals=ARRIVALS, looks=st.lists(st.floats(0, 0.05), max_size=200))
def test_looking_more_often_changes_nothing(arrivals: list[tuple[float, int, int]], looks: list[float]) -> None:
    """Advancing in many small steps gives the same events and never breaks a limit on the way."""
    seldom, often = queue_of(TIGHT), queue_of(TIGHT)
    events: dict[BatchQueue, list[FirstToken | Finished]] = {seldom: [], often: []}
    for at, prompt, output in arrivals:
        for look in looks:
            if often.now + look < at:
                events[often] += often.advance(often.now + look)
                assert often.running <= TIGHT.max_batch
                assert 0 <= often.kv_used_fraction <= 1
        for queue in (seldom, often):
            events[queue] += queue.advance(at)
            queue.submit(prompt, output, at=at)
    for queue in (seldom, often):
        events[queue] += run_to_end(queue)
    assert [event.id for event in events[often]] == [event.id for event in events[seldom]]
    for one, other in zip(events[often], events[seldom], strict=True):
        assert one.at_seconds == pytest.approx(other.at_seconds, rel=1e-9)
