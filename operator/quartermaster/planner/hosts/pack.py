"""Whether a plan can be realised: its replicas on the hosts, with what runs left in place.

A replica that runs stays on its host as long as its deployment wants as many in its place, and makes way for nobody
else. Where there are to be fewer, their ReplicaSet chooses who leaves: a plan that can be realised whoever that is, is
``sure``; one that only can if those leave whose chips are wanted is not. New replicas are seated after those that stay,
the largest first, where they fit most closely; those that are bound to a zone before others of their size.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from quartermaster.planner.fleet import Host, Pool
from quartermaster.planner.room import Owner, Tenants, hosts_by_owner, is_chain, is_whole, places


@dataclass(frozen=True, slots=True, order=True)
class Party:
    """Replicas of one owner that a plan wants in a pool."""

    owner: Owner
    count: int


_Keeping = Callable[[str], tuple[object, ...]]
"""Order in which replicas on hosts stay, where not all of their owner do."""


def unseated(pool: Pool, parties: Sequence[Party], tenants: Tenants, *, is_sure: bool) -> list[Owner]:
    """Return the owners of planned replicas that find no host, once for each; empty when the plan can be realised here.

    Args:
        pool: hosts.
        parties: what is planned there, each owner once.
        tenants: what runs there.
        is_sure: whether replicas must find hosts whoever leaves where a deployment shrinks.
    """
    running = hosts_by_owner(pool, tenants)
    worst: list[Owner] = []
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
    wanted = {party.owner.zone for party in parties} - {""}
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
) -> tuple[dict[str, int], list[Owner]]:
    """Return the chips by host beside those that stay, and the owners of planned replicas that have no seat yet."""
    free = {host.name: host.available_chips for host in pool.hosts}
    new: list[Owner] = []
    for party in parties:
        mine = running.get(party.owner, ())
        if len(mine) > party.count:
            mine = sorted(mine, key=keeping)[: party.count]
        for name in mine:
            free[name] -= party.owner.chips
        new += [party.owner] * (party.count - len(mine))
    return free, new


def _unseated(pool: Pool, free: Mapping[str, int], new: Sequence[Owner]) -> list[Owner]:
    left = _left(pool, free, sorted(new, key=lambda owner: (-owner.chips, not owner.zone, owner.zone)))
    if left and any(owner.zone for owner in new):
        # Larger ones that may be anywhere can stand in the way of those that must be in a zone.
        other = _left(pool, free, sorted(new, key=lambda owner: (not owner.zone, -owner.chips, owner.zone)))
        left = min(left, other, key=_chips)
    return left


def _chips(owners: Sequence[Owner]) -> int:
    return sum(owner.chips for owner in owners)


def _left(pool: Pool, free_before: Mapping[str, int], new: Sequence[Owner]) -> list[Owner]:
    """Return which of the replicas, seated in this order, find no host."""
    free, hosts = dict(free_before), {host.name: host for host in pool.hosts}
    left: list[Owner] = []
    for owner in new:
        fitting = [
            name
            for name, chips in free.items()
            if places(hosts[name], owner.chips, chips) and _is_in(hosts[name], owner.zone)
        ]
        if not fitting:
            left.append(owner)
            continue
        name = min(fitting, key=lambda n: (free[n], n))
        free[name] -= owner.chips
    return left


def _is_in(host: Host, zone: str) -> bool:
    return not zone or host.zone == zone


def is_certain(pool: Pool, parties: Collection[Party], tenants: Tenants) -> bool:
    """Whether the rows of ``room`` alone prove that a plan can be realised, so that nothing needs to be packed."""
    is_free = tenants.is_none and (is_chain(party.owner.chips for party in parties) or is_whole(pool))
    # Rows hold for each zone and for all: where one replica must be in a zone, larger ones may stand in its way there.
    return is_free and (not any(party.owner.zone for party in parties) or len({host.zone for host in pool.hosts}) == 1)
