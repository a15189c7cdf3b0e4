"""Choosing an endpoint for a request. Nothing of sending lives here."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum

Endpoints = Callable[[], Sequence[str]]
"""The addresses (host:port) that serve now; asked before every request."""


class Balance(StrEnum):
    """How requests spread over endpoints."""

    RANDOM = "random"
    """As kube-proxy does."""
    ROUND_ROBIN = "round-robin"
    LEAST_IN_FLIGHT = "least-in-flight"


class Balancer:
    """Chooses among endpoints that come and go, and knows what is in flight at each."""

    def __init__(self, endpoints: Endpoints, balance: Balance, *, seed: int) -> None:
        """Choose from `endpoints()` as `balance` says."""
        self._endpoints = endpoints
        self._balance = balance
        self._source = random.Random(seed)
        self._turn = 0
        self.in_flight_by_endpoint: Counter[str] = Counter()

    def choose(self) -> str | None:
        """Return an endpoint, or None when there is none."""
        endpoints = self._endpoints()
        if not endpoints:
            return None
        match self._balance:
            case Balance.RANDOM:
                return self._source.choice(endpoints)
            case Balance.ROUND_ROBIN:
                self._turn += 1
                return endpoints[self._turn % len(endpoints)]
            case Balance.LEAST_IN_FLIGHT:
                fewest = min(self.in_flight_by_endpoint[endpoint] for endpoint in endpoints)
                return self._source.choice(
                    [endpoint for endpoint in endpoints if self.in_flight_by_endpoint[endpoint] == fewest]
                )
