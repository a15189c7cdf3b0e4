"""A slow, plain simulation of a replica: one iteration and one request at a time. The measure for the fast one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from tests.lab.modelserver.physics import ReplicaPhysics


@dataclass(slots=True, eq=False)
class Item:
    """One request and what became of it; blocks are counted anew whenever they matter."""

    at_seconds: float
    prompt_tokens: int
    output_tokens: int
    left_tokens: int = 0
    done_tokens: int = 0
    generated_tokens: int = 0
    reserved_tokens: int = 0
    is_decoding: bool = False
    first_token_at: float = -1.0
    finished_at: float = -1.0

    @property
    def context_tokens(self) -> int:
        """Tokens to be resident."""
        return self.prompt_tokens + self.generated_tokens


class Reference:
    """Runs requests to their end."""

    def __init__(self, physics: ReplicaPhysics, arrivals: list[tuple[float, int, int]]) -> None:
        """Take arrivals as (time, prompt tokens, output tokens), in order of time."""
        self.physics = physics
        self.items = [Item(*arrival, left_tokens=arrival[1]) for arrival in arrivals]
        self.preemptions = 0
        self.highest_blocks = 0
        self._coming = deque(self.items)
        self._waiting: deque[Item] = deque()
        self._running: list[Item] = []

    def _blocks(self, tokens: int) -> int:
        return -(-tokens // self.physics.block_tokens)

    def _used(self) -> int:
        return sum(
            self._blocks(item.context_tokens if item.is_decoding else item.reserved_tokens) for item in self._running
        )

    def _growth(self) -> int:
        grown = [item for item in self._running if item.is_decoding]
        return sum(self._blocks(item.context_tokens + 1) - self._blocks(item.context_tokens) for item in grown)

    def run(self) -> None:
        """Run until every request has ended."""
        now = 0.0
        while self._coming or self._waiting or self._running:
            if not self._waiting and not self._running:
                now = max(now, self._coming[0].at_seconds)
            while self._coming and self._coming[0].at_seconds <= now:
                self._waiting.append(self._coming.popleft())
            now = self._iterate(now)

    def _iterate(self, now: float) -> float:
        """Carry out one iteration from `now` and return its end."""
        has_room = True
        while self._used() + self._growth() > self.physics.kv_blocks:
            item = self._running.pop()
            item.is_decoding, item.left_tokens, item.done_tokens = False, item.context_tokens, 0
            self._waiting.appendleft(item)
            self.preemptions += 1
            has_room = False
        decoding = [item for item in self._running if item.is_decoding]
        chunks = self._prefill(self.physics.max_step_tokens - len(decoding), has_room=has_room)
        resident = sum(item.context_tokens for item in decoding)
        resident += sum(item.done_tokens for item in self._running if not item.is_decoding)
        computed = len(decoding) + sum(tokens for _, tokens in chunks)
        now += self.physics.step_seconds(computed, resident + sum(tokens for _, tokens in chunks))
        for item in decoding:
            item.generated_tokens += 1
        for item, tokens in chunks:
            item.left_tokens -= tokens
            item.done_tokens += tokens
            if item.left_tokens == 0:
                item.is_decoding = True
                item.generated_tokens += 1
                item.first_token_at = item.first_token_at if item.first_token_at >= 0 else now
        self.highest_blocks = max(self.highest_blocks, self._used())
        for item in [item for item in self._running if item.generated_tokens >= item.output_tokens]:
            item.finished_at = now
            self._running.remove(item)
        return now

    def _prefill(self, budget: int, *, has_room: bool) -> list[tuple[Item, int]]:
        chunks = []
        for item in self._running:
            if not item.is_decoding and (tokens := min(item.left_tokens, budget)) > 0:
                chunks.append((item, tokens))
                budget -= tokens
        while has_room and budget > 0 and self._waiting and len(self._running) < self.physics.max_batch:
            item = self._waiting[0]
            needed = self._blocks(item.context_tokens + 1)
            if self._used() + self._growth() + needed > self.physics.kv_blocks:
                break
            self._waiting.popleft()
            item.reserved_tokens = item.context_tokens + 1
            self._running.append(item)
            tokens = min(item.left_tokens, budget)
            chunks.append((item, tokens))
            budget -= tokens
        return chunks
