"""How long to wait before trying again: exponential, with full jitter.

Delay k is uniform in [0, min(cap, base·2^k)]: many clients that failed together do not come back together.
Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. No sleeping happens here.
"""

import random
from collections.abc import Callable


class Backoff:
    """Consecutive failures, counted; `reset` on success."""

    def __init__(
        self, base_seconds: float = 0.2, cap_seconds: float = 10.0, *, uniform: Callable[[], float] = random.random
    ) -> None:
        """Start with no failure; `uniform` gives a number in [0, 1)."""
        self._base_seconds = base_seconds
        self._cap_seconds = cap_seconds
        self._uniform = uniform
        self.failures = 0

    def next_seconds(self) -> float:
        """Count one more failure and say how long to wait after it."""
        # The exponent is bounded: 2**1100 is no float any more, and an outage may last for days.
        ceiling = min(self._cap_seconds, self._base_seconds * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return ceiling * self._uniform()

    def reset(self) -> None:
        """Forget the failures."""
        self.failures = 0
