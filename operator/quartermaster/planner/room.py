"""How many replicas of a size fit on hosts. Counting only; which replica goes where is ``pack``.

For sizes that divide one another (1, 2, 4, 8), replicas of sizes s_1 < s_2 < … fit on the hosts if and only if, for
every size s:   Σ chips of replicas of size ≥ s   ≤   s · Σ_hosts ⌊available chips / s⌋.
For other sizes the rows are necessary, and ``pack`` has the last word. A host that is taken whole has one place, for a
replica of exactly its chips.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from quartermaster.planner.fleet import Host, Key, Pool, Shape


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


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """What replicas of one deployment in one place have in common: they may take each other's seats, and no others'."""

    key: Key
    shape_key: str
    chips: int
    zone: str = ""
    """Zone that they are bound to; empty where they may sit in any."""


@dataclass(frozen=True, slots=True)
class Tenants:
    """Replicas of ours that run in one pool."""

    seated: tuple[tuple[str, Owner], ...] = ()
    """Host and owner of those whose host is known."""
    loose: Counter[Owner] = field(default_factory=Counter, hash=False)
    """How many of each owner run nobody knows where."""

    @property
    def is_none(self) -> bool:
        """Whether nothing runs."""
        return not self.seated and not self.loose


def seats(pool: Pool, tenants: Tenants) -> dict[str, list[Owner]]:
    """Return the owners of running replicas by host, once for each replica.

    Those whose host nobody looked up are seated by the chips that ours hold on each host: the largest first, where they
    fit most closely. Replicas that fit nowhere have not started yet, and have no seat.
    """
    held = {host.name: host.available_chips - host.free_chips for host in pool.hosts}
    found: dict[str, list[Owner]] = {host.name: [] for host in pool.hosts}
    for name, owner in tenants.seated:
        if name in found:
            found[name].append(owner)
            held[name] -= owner.chips
    for owner in sorted(tenants.loose, key=lambda one: (-one.chips, one)):
        for _ in range(tenants.loose[owner]):
            fitting = [name for name, chips in held.items() if chips >= owner.chips]
            if not fitting:
                break
            name = min(fitting, key=lambda n: (held[n], n))
            held[name] -= owner.chips
            found[name].append(owner)
    return found


def hosts_by_owner(pool: Pool, tenants: Tenants) -> dict[Owner, list[str]]:
    """Return the hosts that replicas of each owner sit on, once for each replica."""
    found: dict[Owner, list[str]] = defaultdict(list)
    for name, owners in seats(pool, tenants).items():
        for owner in owners:
            found[owner].append(name)
    return found


def free_replicas(pool: Pool, shape: Shape) -> int:
    """Return how many more replicas of the shape could start now, on chips that nobody holds."""
    return places_in(pool.hosts, shape.chips, chips=lambda host: host.free_chips)


def largest_host_chips(hosts: Sequence[Host]) -> int:
    """Return the chips of the largest host."""
    return max((host.chips for host in hosts), default=0)
