"""Patience with objects that cannot be written: each waits for itself, and none holds up another.

    delay after the k-th failure in a row = min(cap, 2^(k-1)) seconds,    k = 1, 2, …

A write whose content has changed since it failed is due at once: somebody may have mended it. Nothing is sent here.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

LONGEST_SECONDS: Final = 30.0
"""Between two tries of what the API server refuses: only somebody's change helps, and we look every half minute."""
LONGEST_TEMPORARY_SECONDS: Final = 5.0
"""Between two tries of what may well succeed by itself: no answer, too many requests, a server in trouble."""


@dataclass(frozen=True, slots=True)
class _Failure:
    content: Any
    failures: int
    again_seconds: float


class Patience:
    """Which writes failed of late, and from when on each is tried again."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Nothing has failed yet."""
        self._clock = clock
        self._failure_by_write: dict[Hashable, _Failure] = {}

    def is_due(self, write: Hashable, content: Any) -> bool:
        """Whether the write may be sent now; ``content`` is what it would say."""
        failure = self._failure_by_write.get(write)
        return failure is None or failure.content != content or self._clock() >= failure.again_seconds

    def failed(self, write: Hashable, content: Any, *, is_temporary: bool) -> None:
        """Remember that the write failed."""
        before = self._failure_by_write.get(write)
        failures = before.failures + 1 if before is not None and before.content == content else 1
        longest = LONGEST_TEMPORARY_SECONDS if is_temporary else LONGEST_SECONDS
        delay = min(longest, 2.0 ** min(failures - 1, 10))
        self._failure_by_write[write] = _Failure(content, failures, self._clock() + delay)

    def keep_only(self, writes: set[Hashable]) -> None:
        """Forget the failures of writes that nobody wants any more."""
        for write in self._failure_by_write.keys() - writes:
            del self._failure_by_write[write]

    def succeeded(self, write: Hashable) -> None:
        """Forget that the write ever failed."""
        self._failure_by_write.pop(write, None)
