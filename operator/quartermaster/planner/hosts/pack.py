"""Whether a plan can be realised: its replicas on the hosts, with what runs left in place.

A replica that runs stays on its host as long as its deployment wants as many there, and makes way for nobody else.
Where a deployment is to have fewer, its ReplicaSet chooses who leaves: a plan that can be realised whoever that is, is
``sure``; one that only can if those leave whose chips are wanted is not. New replicas are seated after those that stay,
the largest first, where they fit most closely; those that are bound to a zone before others of their size.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from quartermaster.planner.fleet import Host, Pool
from quartermaster.planner.room import Owner, Tenants, hosts_by_owner, is_chain, is_whole, places


@dataclass(frozen=True, slots=True)
class Party:
    """Replicas of one owner that a plan wants in a pool."""

    owner: Owner
    count: int
    zones: tuple[tuple[str, int], ...] = ()
    """Replicas by zone, where the plan says in which they must be."""


class Seat(NamedTuple):
    """What one replica needs: chips, in a zone or in any (empty)."""

    owner: Owner
    zone: str


_Keeping = Callable[[str], tuple[object, ...]]
"""Order in which replicas on hosts stay, where not all of their owner do."""


def unseated(pool: Pool, parties: Sequence[Party], tenants: Tenants, *, is_sure: bool) -> list[Seat]:
    """Return the planned replicas that find no host; empty when the plan can be realised in this pool.

    Args:
        pool: hosts.
        parties: what is planned there, each owner once.
        tenants: what runs there.
        is_sure: whether replicas must find hosts whoever leaves where a deployment shrinks.
    """
    running = hosts_by_owner(pool, tenants)
    worst: list[Seat] = []
    for keeping in _keepings(pool, parties, running, is_sure=is_sure):
        free, new = _stay(pool, parties, running, keeping)
        left = _unseated(pool, free, new)
        worst = max(worst, left, key=_chips)
    return worst


def _keepings(
    pool: Pool, parties: Sequence[Party], running: Mapping[Owner, Sequence[str]], *, is_sure: bool
) -> list[_Keeping]:
    """Return ways in which ReplicaSets may choose who stays: those that harm, or the one that helps most."""
    zone_of = {host.name: host.zone for host in pool.hosts}
    wanted = {zone for party in parties for zone, _ in party.zones}
    room = {host.name: host.available_chips for host in pool.hosts}
    for owner, names in running.items():
        for name in names:
            room[name] -= owner.chips

    def firstly_in(zone: str) -> _Keeping:
        return lambda name: (zone_of[name] != zone, -room[name], name)

    if not is_sure:
        # Those on the fullest hosts stay, so that what leaves makes room where there is most already.
        return [lambda name: (zone_of[name] in wanted, room[name], name)]
    if all(party.count >= len(running.get(party.owner, ())) for party in parties):
        return [lambda name: (name,)]
    return [firstly_in(zone) for zone in ["", *sorted(wanted)]]


def _stay(
    pool: Pool, parties: Sequence[Party], running: Mapping[Owner, Sequence[str]], keeping: _Keeping
) -> tuple[dict[str, int], list[Seat]]:
    """Return the chips by host beside those that stay, and the planned replicas that have no seat yet."""
    zone_of = {host.name: host.zone for host in pool.hosts}
    free = {host.name: host.available_chips for host in pool.hosts}
    new: list[Seat] = []
    for party in parties:
        zones = dict(party.zones)
        mine = [name for name in running.get(party.owner, ()) if not zones or zone_of[name] in zones]
        if len(mine) > party.count:
            mine = sorted(mine, key=keeping)[: party.count]
        for name in mine:
            free[name] -= party.owner.chips
        more = party.count - len(mine)
        if not zones:
            new += [Seat(party.owner, "")] * more
            continue
        # Nobody moves because zones are to change their parts: those that come make up for what is missing most.
        missing = Counter(zones)
        missing.subtract(zone_of[name] for name in mine)
        for _ in range(more):
            zone = min(missing, key=lambda z: (-missing[z], z))
            missing[zone] -= 1
            new.append(Seat(party.owner, zone))
    return free, new


def _unseated(pool: Pool, free: Mapping[str, int], new: Sequence[Seat]) -> list[Seat]:
    left = _left(pool, free, sorted(new, key=lambda seat: (-seat.owner.chips, not seat.zone, seat.zone)))
    if left and any(seat.zone for seat in new):
        # Larger ones that may be anywhere can stand in the way of those that must be in a zone.
        other = _left(pool, free, sorted(new, key=lambda seat: (not seat.zone, -seat.owner.chips, seat.zone)))
        left = min(left, other, key=_chips)
    return left


def _chips(seats: Sequence[Seat]) -> int:
    return sum(seat.owner.chips for seat in seats)


def _left(pool: Pool, free_before: Mapping[str, int], new: Sequence[Seat]) -> list[Seat]:
    """Return which of the replicas, seated in this order, find no host."""
    free, hosts = dict(free_before), {host.name: host for host in pool.hosts}
    left: list[Seat] = []
    for seat in new:
        size = seat.owner.chips
        fitting = [
            name for name, chips in free.items() if places(hosts[name], size, chips) and _is_in(hosts[name], seat.zone)
        ]
        if not fitting:
            left.append(seat)
            continue
        name = min(fitting, key=lambda n: (free[n], n))
        free[name] -= size
    return left


def _is_in(host: Host, zone: str) -> bool:
    return not zone or host.zone == zone


def is_certain(pool: Pool, parties: Collection[Party], tenants: Tenants) -> bool:
    """Whether the rows of ``room`` alone prove that a plan can be realised, so that nothing needs to be packed."""
    is_free = tenants.is_none and (is_chain(party.owner.chips for party in parties) or is_whole(pool))
    # Rows hold for each zone and for all: where one replica must be in a zone, larger ones may stand in its way there.
    return is_free and (not any(party.zones for party in parties) or len({host.zone for host in pool.hosts}) == 1)
