"""What a transition is decided from: the replicas of each placement, and the ground of each pool. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from quartermaster.planner.plan import PlacementId


@dataclass(frozen=True, slots=True)
class Stock:
    """The replicas of one placement: planned, existing, seen ready, and where they sit."""

    id: PlacementId
    priority: int
    chips_per_replica: int
    requests_per_second_per_replica: float
    planned: int
    existing: int
    ready: int
    is_allowed: bool = True
    """Whether no rule forbids the place, so that its replicas may stay where others lack room."""
    hosts: tuple[str, ...] = ()
    """Names of the hosts that replicas are bound to, once for each."""

    @property
    def pool(self) -> str:
        """Name of the pool."""
        return self.id.place.pool

    @property
    def zone(self) -> str:
        """Zone that the replicas are bound to; empty where they may be in any."""
        return self.id.place.zone

    @property
    def leaving(self) -> int:
        """Replicas that exist and are not planned."""
        return max(0, self.existing - self.planned)

    @property
    def bound(self) -> int:
        """Replicas that hold their chips; one that is ready holds them, whether or not somebody looked where."""
        return max(len(self.hosts), self.ready)

    @property
    def unbound(self) -> int:
        """Replicas that are planned and hold no chips yet."""
        return max(0, self.planned - self.bound)

    @property
    def seeking(self) -> int:
        """Replicas that are planned, exist and hold no chips yet."""
        return max(0, min(self.existing, self.planned) - self.bound)


@dataclass(frozen=True, slots=True)
class Ground:
    """What replicas of one pool can sit in."""

    free_chips_by_host: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Chips that nobody holds, or only pods that are being deleted."""
    zone_by_host: Mapping[str, str] = field(default_factory=dict, hash=False)
    is_whole: bool = False
    """A replica takes a host whole, so that none stands in the way of a larger one."""
