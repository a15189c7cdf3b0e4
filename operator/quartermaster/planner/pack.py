"""Whether a plan can be realised: first-fit-decreasing of its replicas on the hosts, with what runs left in place.

Replicas that stay keep their seats, those that are bound to a zone first, and of several possible seats those on the
fullest hosts, so that what leaves makes room where there is most already. New ones are seated after them, the largest
first, where they fit most closely.
"""

from collections.abc import Sequence

from quartermaster.planner.fleet import Host, Pool
from quartermaster.planner.room import Tenants, is_chain, is_whole, places, seats

Seat = tuple[int, str]
"""Chips of a replica, and the zone that it must be in; empty for any."""


def unseated(pool: Pool, planned: Sequence[Seat], tenants: Tenants) -> list[Seat]:
    """Return the planned replicas that find no host; empty when the plan can be realised in this pool."""
    free, new = _stay(pool, planned, tenants)
    hosts = {host.name: host for host in pool.hosts}
    left: list[Seat] = []
    for size, zone in sorted(new, key=lambda seat: (-seat[0], not seat[1], seat[1])):
        fitting = [
            name for name, chips in free.items() if places(hosts[name], size, chips) and _is_in(hosts[name], zone)
        ]
        if not fitting:
            left.append((size, zone))
            continue
        name = min(fitting, key=lambda n: (free[n], n))
        free[name] -= size
    return left


def _is_in(host: Host, zone: str) -> bool:
    return not zone or host.zone == zone


def _stay(pool: Pool, planned: Sequence[Seat], tenants: Tenants) -> tuple[dict[str, int], list[Seat]]:
    """Return the chips by host beside those that stay, and the planned replicas that have no seat yet."""
    unclaimed = seats(pool, tenants)
    held = {name: sum(sizes) for name, sizes in unclaimed.items()}
    free = {host.name: host.available_chips for host in pool.hosts}
    new: list[Seat] = []
    for size, zone in sorted(planned, key=lambda seat: (not seat[1], -seat[0], seat[1])):
        mine = [h for h in pool.hosts if size in unclaimed[h.name] and _is_in(h, zone)]
        if not mine:
            new.append((size, zone))
            continue
        host = min(mine, key=lambda h: (h.available_chips - held[h.name], h.name))
        unclaimed[host.name].remove(size)
        free[host.name] -= size
    return free, new


def is_certain(pool: Pool, planned: Sequence[Seat], tenants: Tenants) -> bool:
    """Whether the rows of ``room`` alone prove that a plan can be realised, so that nothing needs to be packed."""
    return tenants.is_none and (is_chain(size for size, _ in planned) or is_whole(pool))
