"""What can go wrong with a double on demand. Only the names; `endpoint` plays them."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """A fault of one address. The last two are events, after which the address mends by itself."""

    HANG = "hang"
    """Accepts connections and requests and answers nothing; the engine stands still."""
    ERROR = "500"
    """Answers every path with 500."""
    GARBAGE = "garbage"
    """The metrics are not in the text format."""
    MISSING_SERIES = "missing-series"
    """The metrics are well formed and hold nothing of the engine."""
    HUGE = "huge"
    """The metrics are well formed and larger than 2 MiB."""
    REDIRECT = "redirect"
    """The metrics are moved (302) to another path, which lies about the load."""
    SLOW_BODY = "slow-body"
    """The metrics arrive a few bytes at a time and never end."""
    NEVER_READY = "never-ready"
    """Every path answers 503, as if the model were loading for ever."""
    SLOW_LOAD = "slow-load"
    """Starts again and takes long to load: 503 until then."""
    RESTART = "restart"
    """Starts again: connections are cut, counters begin at zero, and the model loads for its usual time."""


EVENTS = frozenset({Fault.SLOW_LOAD, Fault.RESTART})
"""Faults that happen once and leave no standing fault."""

DEFAULT_SLOW_LOAD_SECONDS = 30.0


def fault_named(name: str) -> Fault:
    """Return the fault of that name, or say which names there are."""
    try:
        return Fault(name)
    except ValueError:
        raise ValueError(f"the fault must be one of {', '.join(Fault)}; found {name!r}: use one of these") from None
