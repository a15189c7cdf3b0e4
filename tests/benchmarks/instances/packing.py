"""Chips of hosts being handed out. It only finds seats; who asks for them, and how many, is ``planting``."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from quartermaster.planner.fleet import Host, Pool
from tests.benchmarks.instances.balance import Group
from tests.benchmarks.instances.services import kind_of


@dataclass(frozen=True, slots=True)
class Seat:
    """Where one replica sits."""

    group: Group
    pool: str
    host: str
    zone: str


@dataclass(slots=True)
class _Room:
    """Hosts of one group by the chips that they have left."""

    hosts_by_chips: dict[int, list[tuple[str, Host]]] = field(default_factory=lambda: defaultdict(list))


class Chips:
    """All chips of a fleet, by group."""

    def __init__(self, pools: Iterable[Pool]) -> None:
        """Start with what no pod of others holds."""
        self._rooms: dict[Group, _Room] = defaultdict(_Room)
        self.held = 0
        self.available_by_group: dict[Group, int] = {}
        for pool in pools:
            if pool.external is not None:
                continue
            group = (pool.region, kind_of(pool))
            for host in pool.hosts:
                self._rooms[group].hosts_by_chips[host.available_chips].append((pool.name, host))
            self.available_by_group[group] = self.available_by_group.get(group, 0) + pool.available_chips

    def take(self, group: Group, chips: int, *, not_in: Sequence[str] = ()) -> Seat | None:
        """Return a seat on the fullest host that still has room, outside of the named zones; None when none has."""
        by_chips = self._rooms[group].hosts_by_chips
        for left in sorted(size for size, hosts in by_chips.items() if size >= chips and hosts):
            hosts = by_chips[left]
            place = next(self._outside(hosts, not_in), None)
            if place is None:
                continue
            name, host = hosts.pop(place)
            if host.is_whole and chips != host.chips:
                hosts.append((name, host))
                return None
            by_chips[left - chips].append((name, host))
            self.held += chips
            return Seat(group, name, host.name, host.zone)
        return None

    @staticmethod
    def _outside(hosts: Sequence[tuple[str, Host]], zones: Sequence[str]) -> Iterator[int]:
        return (place for place in reversed(range(len(hosts))) if hosts[place][1].zone not in zones)
