"""Counting cache blocks, exactly, for many requests that grow by one token per iteration. No other state lives here.

A decoding request with c tokens takes a new block when c is a multiple of the block size B. Requests are kept by the
phase of that moment, so what j iterations take is known without visiting the requests.
"""

from __future__ import annotations


class CacheBlocks:
    """Blocks in use: those reserved by prompts being prefilled and those of the decoding batch."""

    __slots__ = ("_block_tokens", "_count_by_phase", "_decoding", "total", "used")

    def __init__(self, *, total: int, block_tokens: int) -> None:
        """Start empty with `total` blocks of `block_tokens` tokens."""
        self.total = total
        self.used = 0
        self._block_tokens = block_tokens
        self._count_by_phase = [0] * block_tokens
        self._decoding = 0

    @property
    def free(self) -> int:
        """Blocks not in use."""
        return self.total - self.used

    def blocks_for(self, tokens: int) -> int:
        """Return the blocks that hold `tokens`."""
        return -(-tokens // self._block_tokens)

    def join(self, context_tokens: int, step: int) -> None:
        """Count a request that starts to decode at `step` with `context_tokens`, whose blocks are already in use."""
        self._count_by_phase[(context_tokens - step) % self._block_tokens] += 1
        self._decoding += 1

    def leave(self, context_tokens: int, step: int) -> None:
        """Stop counting a request that has `context_tokens` at `step`, and free its blocks."""
        self._count_by_phase[(context_tokens - step) % self._block_tokens] -= 1
        self._decoding -= 1
        self.used -= self.blocks_for(context_tokens)

    def taken_at(self, step: int) -> int:
        """Return the new blocks that the iteration after `step` iterations takes."""
        return self._count_by_phase[-step % self._block_tokens]

    def taken_by(self, step: int, steps: int) -> int:
        """Return the new blocks that `steps` iterations from `step` take."""
        cycles, rest = divmod(steps, self._block_tokens)
        return cycles * self._decoding + sum(self.taken_at(step + index) for index in range(rest))

    def steps_that_fit(self, step: int) -> int:
        """Return how many iterations from `step` fit into the free blocks; at least one request must be decoding."""
        cycles, left = divmod(self.free, self._decoding)
        steps = cycles * self._block_tokens
        while (taken := self.taken_at(step + steps)) <= left:
            left -= taken
            steps += 1
        return steps
