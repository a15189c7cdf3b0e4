"""How many replicas of a size fit on hosts. Counting only; which replica goes where is ``pack``.

For sizes that divide one another (1, 2, 4, 8), replicas of sizes s_1 < s_2 < … fit on the hosts if and only if, for
every size s:   Σ chips of replicas of size ≥ s   ≤   s · Σ_hosts ⌊available chips / s⌋.
For other sizes the rows are necessary, and ``pack`` has the last word. A host that is taken whole has one place, for a
replica of exactly its chips.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from quartermaster.planner.fleet import Host, Pool, Shape


def places(host: Host, size: int, chips: int) -> int:
    """Return how many replicas of ``size`` chips fit in ``chips`` of the host's chips."""
    if size < 1:
        return 0
    if host.is_whole:
        return int(host.nodes == 1 and size == host.chips == chips)
    return chips // size


def places_in(hosts: Iterable[Host], size: int, *, chips: Callable[[Host], int]) -> int:
    """Return how many replicas of ``size`` chips fit on the hosts, counting ``chips`` of each."""
    return sum(places(host, size, chips(host)) for host in hosts)


def available(host: Host) -> int:
    """Return the chips that no pod of others holds."""
    return host.available_chips


def is_whole(pool: Pool) -> bool:
    """Whether the pool's hosts are taken whole."""
    return any(host.is_whole for host in pool.hosts)


def is_chain(sizes: Iterable[int]) -> bool:
    """Whether each size divides the next."""
    ordered = sorted(set(sizes))
    return all(larger % smaller == 0 for smaller, larger in itertools.pairwise(ordered))


@dataclass(frozen=True, slots=True)
class Tenants:
    """Replicas of ours that run in one pool."""

    seated: tuple[tuple[str, int], ...] = ()
    """Host and chips of those whose host is known."""
    loose: Counter[int] = field(default_factory=Counter, hash=False)
    """How many of each size run nobody knows where."""

    @property
    def is_none(self) -> bool:
        """Whether nothing runs."""
        return not self.seated and not self.loose


def seats(pool: Pool, tenants: Tenants) -> dict[str, list[int]]:
    """Return the sizes of running replicas by host.

    Those whose host nobody looked up are seated by the chips that ours hold on each host: the largest first, where they
    fit most closely. Replicas that fit nowhere have not started yet, and have no seat.
    """
    held = {host.name: host.available_chips - host.free_chips for host in pool.hosts}
    found: dict[str, list[int]] = {host.name: [] for host in pool.hosts}
    for name, size in tenants.seated:
        if name in found:
            found[name].append(size)
            held[name] -= size
    for size in sorted(tenants.loose, reverse=True):
        for _ in range(tenants.loose[size]):
            fitting = [name for name, chips in held.items() if chips >= size]
            if not fitting:
                break
            name = min(fitting, key=lambda n: (held[n], n))
            held[name] -= size
            found[name].append(size)
    return found


def free_replicas(pool: Pool, shape: Shape) -> int:
    """Return how many more replicas of the shape could start now, on chips that nobody holds."""
    return places_in(pool.hosts, shape.chips, chips=lambda host: host.free_chips)


def largest_host_chips(hosts: Sequence[Host]) -> int:
    """Return the chips of the largest host."""
    return max((host.chips for host in hosts), default=0)
