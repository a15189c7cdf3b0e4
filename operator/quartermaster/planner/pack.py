"""Whether a plan can be realised: first-fit-decreasing of its replicas on the hosts, with what runs left in place.

Replicas that stay keep their seats, those that are bound to a zone first, and of several possible seats those on the
fullest hosts, so that what leaves makes room where there is most already. New ones are seated after them, the largest
first, where they fit most closely.
"""

from collections.abc import Mapping, Sequence

from quartermaster.planner.fleet import Host, Pool
from quartermaster.planner.room import Tenants, is_chain, is_whole, places, seats

Seat = tuple[int, str]
"""Chips of a replica, and the zone that it must be in; empty for any."""


def unseated(pool: Pool, planned: Sequence[Seat], tenants: Tenants) -> list[Seat]:
    """Return the planned replicas that find no host; empty when the plan can be realised in this pool."""
    free, new = _stay(pool, planned, tenants)
    left = _left(pool, free, sorted(new, key=lambda seat: (-seat[0], not seat[1], seat[1])))
    if left and any(zone for _, zone in new):
        # Larger ones that may be anywhere can stand in the way of those that must be in a zone.
        other = _left(pool, free, sorted(new, key=lambda seat: (not seat[1], -seat[0], seat[1])))
        left = min(left, other, key=len)
    return left


def _left(pool: Pool, free_before: Mapping[str, int], new: Sequence[Seat]) -> list[Seat]:
    """Return which of the replicas, seated in this order, find no host."""
    free, hosts = dict(free_before), {host.name: host for host in pool.hosts}
    left: list[Seat] = []
    for size, zone in new:
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
    is_free = tenants.is_none and (is_chain(size for size, _ in planned) or is_whole(pool))
    # Rows hold for each zone and for all: where one replica must be in a zone, larger ones may stand in its way there.
    return is_free and (all(not zone for _, zone in planned) or len({host.zone for host in pool.hosts}) == 1)
