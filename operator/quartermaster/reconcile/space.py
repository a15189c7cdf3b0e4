"""Room to grow between two plans: how many more replicas fit beside all that is planned, bound or not.

Replicas that are planned and not bound yet have their places already. For sizes that divide one another, k more
replicas of size t fit beside them on the free chips if, for every size s ≤ t that somebody waits for, and for t itself,

    k · t / s   ≤   Σ_h ⌊f_h / s⌋ − Σ_waiting of size u ≥ s  u / s

In a zone, the hosts are those of the zone, and all wait there that may land there.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from quartermaster.planner.explain.headroom import headroom
from quartermaster.planner.fleet import Fleet, Key, Workload, may_meet
from quartermaster.planner.plan import Placement, PlacementId, Plan
from quartermaster.planner.room import places_in


class Space:
    """The plan's counts while deployments are sized one after the other."""

    def __init__(self, fleet: Fleet, plan: Plan, workloads: Sequence[Workload]) -> None:
        """Begin with the counts of the plan."""
        self._fleet = fleet
        self._plan = plan
        self._pools_by_name = {pool.name: pool for pool in fleet.pools}
        self._placements_by_key = plan.placements_by_key()
        self._has_changed = False
        self._bound_by_id: dict[PlacementId, int] = {
            PlacementId(workload.key, row.place): max(len(row.hosts), row.ready)
            for workload in workloads
            for row in workload.running
        }
        self._planned_chips_by_pool: Counter[str] = Counter()
        self._waiting_by_pool: dict[str, Counter[tuple[int, str]]] = defaultdict(Counter)
        """Replicas that wait, by chips and zone."""
        for placement in plan.placements:
            self._count(placement, 1)

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Every placement, with the counts of now."""
        if not self._has_changed:
            return self._plan.placements
        found = [placement for placements in self._placements_by_key.values() for placement in placements]
        return tuple(sorted(found, key=lambda placement: placement.id))

    def placements_of(self, key: Key) -> tuple[Placement, ...]:
        """Return the placements of one deployment."""
        return self._placements_by_key.get(key, ())

    def become(self, key: Key, placements: tuple[Placement, ...]) -> None:
        """Take over the counts of one deployment."""
        before = self.placements_of(key)
        if before == placements:
            return
        self._has_changed = True
        for placement in before:
            self._count(placement, -1)
        for placement in placements:
            self._count(placement, 1)
        self._placements_by_key[key] = placements

    def room_for(self, key: Key) -> dict[PlacementId, int]:
        """Return how many more replicas of each placement fit, on free chips that nobody else is planned on."""
        placements = self.placements_of(key)
        room = {}
        if any(placement.candidate.is_external for placement in placements):
            plan = replace(self._plan, placements=self.placements)
            room = {placement.id: count for placement, count in headroom(self._fleet, plan, key)}
        for placement in placements:
            candidate = placement.candidate
            if not candidate.is_external and candidate.pool in self._pools_by_name:
                room[placement.id] = self._room_in(candidate.pool, placement.zone, candidate.shape.chips)
        return room

    def _room_in(self, name: str, zone: str, size: int) -> int:
        pool = self._pools_by_name[name]
        hosts = [host for host in pool.hosts if not zone or host.zone == zone]
        waiting = self._waiting_by_pool[name]
        landing: Counter[int] = Counter()
        for (other, where), count in waiting.items():
            if count > 0 and may_meet(where, zone):
                landing[other] += count
        most = max(0, (pool.available_chips - self._planned_chips_by_pool[name]) // size)
        for smaller in {size, *(other for other in landing if other < size)}:
            places = places_in(hosts, smaller, chips=lambda host: host.free_chips)
            taken = sum(count * (other // smaller) for other, count in landing.items() if other >= smaller)
            most = min(most, max(0, (places - taken) * smaller // size))
        return most

    def _count(self, placement: Placement, sign: int) -> None:
        candidate = placement.candidate
        if candidate.is_external:
            return
        chips = candidate.shape.chips
        self._planned_chips_by_pool[candidate.pool] += sign * placement.replicas * chips
        waiting = max(0, placement.replicas - self._bound_by_id.get(placement.id, 0))
        self._waiting_by_pool[candidate.pool][chips, placement.zone] += sign * waiting
