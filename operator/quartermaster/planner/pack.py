"""Whether a plan can be realised: first-fit-decreasing of its replicas on the hosts, with what runs left in place.

Replicas that stay keep their seats. Replicas that go leave the hosts that then have most room. New ones are seated,
the largest first, where they fit most closely.
"""

from collections import Counter
from collections.abc import Sequence

from quartermaster.planner.fleet import Pool
from quartermaster.planner.room import is_chain, is_whole, places, seats

Seat = tuple[int, str]
"""Chips of a replica, and the zone that it must be in; empty for any."""


def unseated(pool: Pool, planned: Sequence[Seat], running: Counter[int]) -> list[Seat]:
    """Return the planned replicas that find no host; empty when the plan can be realised in this pool."""
    taken = _kept_seats(pool, planned, running)
    sizes = Counter(size for size, _ in planned)
    stay = Counter({size: sum(held.count(size) for held in taken.values()) for size in sizes})
    free = {host.name: host.available_chips - sum(taken[host.name]) for host in pool.hosts}
    hosts = {host.name: host for host in pool.hosts}
    left: list[Seat] = []
    # A replica that is bound to a zone is new here at worst; those that are bound to none take the seats that stay.
    for size, zone in sorted(planned, key=lambda seat: (-seat[0], not seat[1], seat[1])):
        if not zone and stay[size] > 0:
            stay[size] -= 1
            continue
        fitting = [
            name
            for name, chips in free.items()
            if places(hosts[name], size, chips) and (not zone or hosts[name].zone == zone)
        ]
        if not fitting:
            left.append((size, zone))
            continue
        name = min(fitting, key=lambda n: (free[n], n))
        free[name] -= size
    return left


def _kept_seats(pool: Pool, planned: Sequence[Seat], running: Counter[int]) -> dict[str, list[int]]:
    """Return the seats of those that stay; the others leave the hosts that are emptiest then."""
    taken = seats(pool, running)
    wanted = Counter(size for size, zone in planned if not zone)
    available = {host.name: host.available_chips for host in pool.hosts}
    for size in sorted(running, reverse=True):
        seated = sum(held.count(size) for held in taken.values())
        for _ in range(max(0, seated - wanted[size])):
            holders = [name for name, held in taken.items() if size in held]
            name = max(holders, key=lambda n: (available[n] - sum(taken[n]), n))
            taken[name].remove(size)
    return taken


def is_certain(pool: Pool, sizes: Sequence[int], running: Counter[int]) -> bool:
    """Whether the rows of ``room`` alone prove that a plan can be realised, so that nothing needs to be packed."""
    return not running and (is_chain(sizes) or is_whole(pool))
