"""A replica as a queue in front of a continuous batch, stepped by the time that it is given.

Pure: no clock, no input or output. Requests wait in order of arrival; at the end of each iteration as many are admitted
as the batch limit and the cache allow; the prompts of the admitted are prefilled in chunks beside the decoding of the
others; when the cache runs out, the request admitted last gives way, and starts over with what it had generated as a
part of its prompt. How long an iteration takes is said by `physics`. Iterations in which nobody comes or goes are
advanced in closed form, so the cost depends on the number of requests and not on the number of tokens.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import count

from tests.lab.modelserver.blocks import CacheBlocks
from tests.lab.modelserver.physics import ReplicaPhysics
from tests.lab.modelserver.recorder import Measure, Recorder
from tests.lab.modelserver.sequence import Event, Finished, FirstToken, Sequence
from tests.lab.modelserver.span import Span


class RequestTooLongError(ValueError):
    """A request would not fit into the cache even if it were alone."""


class BatchQueue:
    """The requests of one replica. All times are seconds on one clock that must not run backwards."""

    def __init__(self, physics: ReplicaPhysics, recorder: Recorder, *, started_at: float = 0.0) -> None:
        """Start empty at the time `started_at`, counting into `recorder`."""
        self.physics = physics
        self.recorder = recorder
        self.now = started_at
        self._ids = count(1)
        self._waiting: deque[Sequence] = deque()
        self._running: dict[int, Sequence] = {}  # in order of admission
        self._prefilling: dict[int, Sequence] = {}
        self._decoding_count = 0
        self._decoding_tokens = 0
        self._step = 0  # iterations that decoded, since the start
        self._finishes: list[tuple[int, int, int]] = []  # (last step, id, step joined); stale entries are skipped
        self._blocks = CacheBlocks(total=physics.kv_blocks, block_tokens=physics.block_tokens)
        self._span: Span | None = None

    # What is seen from outside.

    @property
    def running(self) -> int:
        """Requests in the batch."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Requests not yet admitted, or put back."""
        return len(self._waiting)

    @property
    def kv_used_fraction(self) -> float:
        """Share of the cache blocks in use."""
        return self._blocks.used / self._blocks.total

    @property
    def kv_used_tokens(self) -> int:
        """Tokens for which blocks are in use."""
        return self._blocks.used * self.physics.block_tokens

    @property
    def generation_tokens_per_second(self) -> float:
        """The rate of the iteration in progress."""
        return self._decoding_count / self._span.base_seconds if self._span else 0.0

    def generated(self, sequence: Sequence) -> int:
        """Return the tokens that a request has produced so far."""
        decoded = self._step - sequence.joined_step if sequence.joined_step >= 0 else 0
        return sequence.generated_tokens + decoded

    def next_event_at(self) -> float | None:
        """Return when something happens next that nobody causes from outside, or None while idle."""
        return self._span.ends_at if self._span else None

    # What is done from outside.

    def submit(self, prompt_tokens: int, output_tokens: int, *, at: float, finish_reason: str = "length") -> Sequence:
        """Queue a request that arrives at the time `at`, which the queue must already have been advanced to.

        Raises:
            RequestTooLongError: it needs more cache than the replica has.
        """
        capacity_tokens = self._blocks.total * self.physics.block_tokens
        if prompt_tokens + output_tokens > capacity_tokens:
            raise RequestTooLongError(
                f"prompt and answer must fit into {capacity_tokens} tokens, "
                f"found {prompt_tokens} + {output_tokens}: shorten one of them"
            )
        sequence = Sequence(next(self._ids), max(prompt_tokens, 1), max(output_tokens, 1), at, finish_reason)
        block_tokens = self.physics.block_tokens
        cached = int(sequence.prompt_tokens * self.physics.prefix_hit_fraction) // block_tokens * block_tokens
        sequence.cached_tokens = cached
        sequence.prefill_left_tokens = sequence.prompt_tokens - cached
        sequence.prefilled_tokens = cached
        self._waiting.append(sequence)
        if self._span is None:
            self._schedule(at)
        elif len(self._running) < self.physics.max_batch:
            self._span.steps = 1  # it may be admitted after the iteration in progress
        return sequence

    def cancel(self, sequence: Sequence) -> None:
        """Forget a request whose client has gone; the iteration in progress keeps its length."""
        if sequence.id in self._running:
            self._evict(sequence)
        elif sequence in self._waiting:
            self._waiting.remove(sequence)
        else:
            return
        self.recorder.finished_by_reason["abort"] += 1
        if self._span is not None:
            self._span.steps = 1

    def skip(self, to: float) -> None:
        """Let the time pass without work, as a frozen process does."""
        if self._span is not None:
            self._span.starts_at += to - self.now
        self.now = to

    def advance(self, to: float) -> list[Event]:
        """Work until the time `to` and return what happened, in order."""
        events: list[Event] = []
        while self._span is not None:
            ended = self._span.steps_ended_by(to)
            if ended:
                self._commit(self._span, ended, events)
            if self._span.steps:
                break
            boundary = self._span.starts_at
            self._finish(boundary, events)
            self._schedule(boundary)
        self.now = max(self.now, to)
        return events

    # Iterations.

    def _commit(self, span: Span, steps: int, events: list[Event]) -> None:
        """Carry out the first `steps` iterations of `span`."""
        decoding = self._decoding_count
        chunk_tokens = sum(tokens for _, tokens in span.chunks)
        base, slope = span.base_seconds, span.slope_seconds
        span.drop(steps)
        if decoding:
            self._blocks.used += self._blocks.taken_by(self._step, steps)
            self._decoding_tokens += decoding * steps
            self.recorder.generation_tokens += decoding * steps
            self.recorder.observe_ramp(Measure.INTER_TOKEN, base, slope, length=steps, times=decoding)
        self._step += steps
        self.recorder.iterations += steps
        self.recorder.observe(Measure.ITERATION_TOKENS, decoding + chunk_tokens, steps)
        for sequence, tokens in span.chunks:
            sequence.prefill_left_tokens -= tokens
            sequence.prefilled_tokens += tokens
            if sequence.prefill_left_tokens == 0:
                self._join(sequence, span.starts_at, events)

    def _join(self, sequence: Sequence, at: float, events: list[Event]) -> None:
        """Move a request whose prompt is complete into the decoding batch, with the token that the prefill gave."""
        del self._prefilling[sequence.id]
        if sequence.generated_tokens == 0:
            sequence.first_token_at = at
            self.recorder.prompt_tokens += sequence.prompt_tokens
            self.recorder.cached_prompt_tokens += sequence.cached_tokens
            self.recorder.observe(Measure.TIME_TO_FIRST_TOKEN, at - sequence.arrived_at)
            events.append(FirstToken(sequence.id, at))
        else:
            self.recorder.observe(Measure.INTER_TOKEN, at - sequence.last_token_at)
        sequence.generated_tokens += 1
        self.recorder.generation_tokens += 1
        sequence.joined_step = self._step
        self._decoding_count += 1
        self._decoding_tokens += sequence.context_tokens
        self._blocks.join(sequence.context_tokens, self._step)
        last_step = self._step + sequence.output_tokens - sequence.generated_tokens
        heappush(self._finishes, (last_step, sequence.id, self._step))

    def _finish(self, at: float, events: list[Event]) -> None:
        """Let the requests go that have all their tokens."""
        while self._finishes and self._finishes[0][0] <= self._step:
            _, key, joined_step = heappop(self._finishes)
            sequence = self._running.get(key)
            if sequence is None or sequence.joined_step != joined_step:
                continue
            self._evict(sequence)
            self._record_finished(sequence, at)
            events.append(Finished(key, at, sequence.output_tokens))

    def _record_finished(self, sequence: Sequence, at: float) -> None:
        recorder = self.recorder
        decode_seconds = at - sequence.first_token_at
        recorder.finished_by_reason[sequence.finish_reason] += 1
        recorder.observe(Measure.END_TO_END, at - sequence.arrived_at)
        recorder.observe(Measure.QUEUE, sequence.scheduled_at - sequence.arrived_at)
        recorder.observe(Measure.INFERENCE, at - sequence.scheduled_at)
        recorder.observe(Measure.PREFILL, sequence.first_token_at - sequence.scheduled_at)
        recorder.observe(Measure.DECODE, decode_seconds)
        recorder.observe(Measure.PROMPT_TOKENS, sequence.prompt_tokens)
        recorder.observe(Measure.GENERATION_TOKENS, sequence.output_tokens)
        if sequence.output_tokens > 1:
            recorder.observe(Measure.TIME_PER_OUTPUT_TOKEN, decode_seconds / (sequence.output_tokens - 1))

    def _evict(self, sequence: Sequence) -> None:
        """Take a request out of the batch and free its cache."""
        del self._running[sequence.id]
        if self._prefilling.pop(sequence.id, None) is not None:
            self._blocks.used -= sequence.reserved_blocks
            if self._span is not None:
                self._span.chunks = [chunk for chunk in self._span.chunks if chunk[0] is not sequence]
            return
        sequence.generated_tokens = self.generated(sequence)
        sequence.joined_step = -1
        self._decoding_count -= 1
        self._decoding_tokens -= sequence.context_tokens
        self._blocks.leave(sequence.context_tokens, self._step)

    # What the next iterations consist of.

    def _schedule(self, at: float) -> None:
        """Compose the next span, which starts at the time `at`."""
        self._span = None
        has_room = self._make_room(at)
        budget = self.physics.max_step_tokens - self._decoding_count
        chunks: list[tuple[Sequence, int]] = []
        for sequence in self._prefilling.values():
            budget -= self._take_chunk(sequence, budget, chunks)
        while has_room and budget > 0 and self._waiting and self._can_admit(self._waiting[0]):
            sequence = self._admit(at)
            budget -= self._take_chunk(sequence, budget, chunks)
        if not self._running:
            return
        decoding = self._decoding_count
        resident = self._decoding_tokens + sum(item.prefilled_tokens for item in self._prefilling.values())
        computed = decoding + sum(tokens for _, tokens in chunks)
        base = self.physics.step_seconds(computed, resident + computed - decoding)
        slope = self.physics.gamma_seconds_per_token * decoding
        self._span = Span(at, 1 if chunks else self._quiet_steps(), base, slope, chunks)

    def _quiet_steps(self) -> int:
        """Return how many iterations pass before a request finishes or the cache is full."""
        while True:
            last_step, key, joined_step = self._finishes[0]
            sequence = self._running.get(key)
            if sequence is not None and sequence.joined_step == joined_step:
                break
            heappop(self._finishes)
        return min(last_step - self._step, self._blocks.steps_that_fit(self._step))

    def _take_chunk(self, sequence: Sequence, budget: int, chunks: list[tuple[Sequence, int]]) -> int:
        tokens = min(sequence.prefill_left_tokens, budget)
        if tokens > 0:
            chunks.append((sequence, tokens))
        return max(tokens, 0)

    def _can_admit(self, sequence: Sequence) -> bool:
        if len(self._running) >= self.physics.max_batch:
            return False
        needed = self._blocks.blocks_for(sequence.context_tokens + 1)
        return needed + self._blocks.taken_at(self._step) <= self._blocks.free

    def _admit(self, at: float) -> Sequence:
        """Move the request that has waited longest into the batch, with blocks for its prompt and one token."""
        sequence = self._waiting.popleft()
        if sequence.scheduled_at < 0:
            sequence.scheduled_at = at
        sequence.reserved_blocks = self._blocks.blocks_for(sequence.context_tokens + 1)
        self._blocks.used += sequence.reserved_blocks
        self._running[sequence.id] = sequence
        self._prefilling[sequence.id] = sequence
        return sequence

    def _make_room(self, at: float) -> bool:
        """Preempt the requests admitted last until one more iteration fits; return whether none had to go."""
        has_room = True
        while self._blocks.taken_at(self._step) > self._blocks.free:
            sequence = next(reversed(self._running.values()))
            self._evict(sequence)
            sequence.last_token_at = at
            sequence.prefill_left_tokens = sequence.context_tokens
            sequence.prefilled_tokens = 0
            self._waiting.appendleft(sequence)
            self.recorder.preemptions += 1
            has_room = False
        return has_room
