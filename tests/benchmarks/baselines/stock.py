"""Chips of nodes and tokens of services as replicas take them one at a time, each where it fits most closely."""

from collections import defaultdict

from quartermaster.planner.fleet import Fleet, Host
from quartermaster.planner.plan import Candidate


class Stock:
    """What is left of a fleet."""

    def __init__(self, fleet: Fleet) -> None:
        """Start with all that no pod of others holds."""
        self._hosts: dict[str, dict[int, list[Host]]] = {}
        self._tokens: dict[str, float] = {}
        for pool in fleet.pools:
            if pool.external is not None:
                self._tokens[pool.name] = pool.external.tokens_per_second
            by_chips: dict[int, list[Host]] = defaultdict(list)
            for host in pool.hosts:
                by_chips[host.available_chips].append(host)
            self._hosts[pool.name] = by_chips

    def take(self, candidate: Candidate, *, not_in: frozenset[str] = frozenset()) -> str | None:
        """Take one replica's chips outside of these zones; return its zone, or None when none is free."""
        if candidate.is_external:
            tokens = candidate.throughput.tokens_per_second
            if self._tokens[candidate.pool] < tokens:
                return None
            self._tokens[candidate.pool] -= tokens
            return ""
        by_chips, chips = self._hosts[candidate.pool], candidate.shape.chips
        for left in sorted(size for size, hosts in by_chips.items() if size >= chips and hosts):
            for place in reversed(range(len(by_chips[left]))):
                host = by_chips[left][place]
                if host.zone not in not_in and (not host.is_whole or host.chips == chips):
                    del by_chips[left][place]
                    by_chips[left - chips].append(host)
                    return host.zone
        return None

    def places(self, candidate: Candidate, most: int) -> int:
        """Return how many replicas of the candidate would still fit, at most ``most``."""
        if candidate.is_external:
            return min(most, int(self._tokens[candidate.pool] / max(candidate.throughput.tokens_per_second, 1e-12)))
        chips, found = candidate.shape.chips, 0
        for left, hosts in self._hosts[candidate.pool].items():
            if left >= chips and hosts:
                found += len(hosts) * (1 if hosts[0].is_whole else left // chips)
        return min(most, found)
