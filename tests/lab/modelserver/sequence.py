"""One request inside a replica, and what the outside is told about it. No behaviour of the batch lives here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Sequence:
    """A request with its lengths and its times (seconds on the clock of its queue; -1 means not yet)."""

    id: int
    prompt_tokens: int
    output_tokens: int
    arrived_at: float
    finish_reason: str = "length"
    cached_tokens: int = 0
    prefill_left_tokens: int = 0
    prefilled_tokens: int = 0
    generated_tokens: int = 0
    """Tokens generated before it joined the decoding batch the last time; see `BatchQueue.generated`."""
    joined_step: int = -1
    """The decode step at which it joined the batch, or -1 when it is not decoding."""
    reserved_blocks: int = 0
    scheduled_at: float = -1.0
    first_token_at: float = -1.0
    last_token_at: float = -1.0

    @property
    def context_tokens(self) -> int:
        """Tokens that must be resident before it can decode: the prompt and what was generated before it (re)joined."""
        return self.prompt_tokens + self.generated_tokens


@dataclass(frozen=True, slots=True)
class FirstToken:
    """A request produced its first token."""

    id: int
    at_seconds: float


@dataclass(frozen=True, slots=True)
class Finished:
    """A request produced its last token."""

    id: int
    at_seconds: float
    output_tokens: int


Event = FirstToken | Finished
