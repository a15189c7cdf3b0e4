"""The plan and its parts: placements, shortfalls, and what was eligible. Values only; ``planning`` makes them."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from quartermaster.planner.candidate import Candidate, Rejection, Throughput
from quartermaster.planner.eligibility.eligible import Eligible
from quartermaster.planner.eligibility.lazily import Candidates, Rejections
from quartermaster.planner.fleet import Key, Place

if TYPE_CHECKING:  # what a plan knows is made of plans
    from quartermaster.planner.known import Known

__all__ = ["Candidate", "Placement", "PlacementId", "Plan", "Rejection", "Shortfall", "Throughput"]


class PlacementId(NamedTuple):
    """What identifies a placement in a plan."""

    workload: Key
    place: Place


@dataclass(frozen=True, slots=True)
class Placement:
    """A candidate with a replica count, in one zone or in any."""

    candidate: Candidate
    replicas: int
    zone: str = ""
    """Zone that the replicas are bound to, where they are spread over zones; else empty."""

    @property
    def place(self) -> Place:
        """Where the replicas are."""
        return Place(self.candidate.pool, self.candidate.shape.key, self.zone)

    @property
    def id(self) -> PlacementId:
        """What identifies the placement in a plan."""
        return PlacementId(self.candidate.workload, self.place)

    @property
    def requests_per_second(self) -> float:
        """Request rate that all replicas sustain."""
        return self.replicas * self.candidate.throughput.requests_per_second

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens per second that all replicas sustain."""
        return self.replicas * self.candidate.throughput.tokens_per_second

    @property
    def dollars_per_hour(self) -> float:
        """Cost of all replicas."""
        return self.replicas * self.candidate.dollars_per_hour


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Demand, or replicas, that no admissible capacity was found for."""

    workload: Key
    requests_per_second: float
    """Request rate that is not served."""
    replicas: int
    """Replicas missing from the minimum or from the wanted count."""
    cause: str
    """Name of the rule or of the pool that limits."""
    reason: str
    """CamelCase."""
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All placements of the fleet, with cost, proven bound and gap, every candidate and every rejection."""

    placements: tuple[Placement, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
    eligible: Eligible = field(default_factory=Eligible, repr=False)
    """What was judged, by deployment."""
    dollars_per_hour: float = 0.0
    """Cost of all placements at the pools' prices."""
    objective: float = 0.0
    """What was minimised: cost, with unmet demand, preferences and changes priced in."""
    bound: float = 0.0
    """No admissible plan that leaves as little unserved, by priority, has a lower objective."""
    known: "Known | None" = field(default=None, repr=False, compare=False)
    """What the next plan takes over; no part of the plan's value."""

    @property
    def candidates(self) -> Candidates:
        """Every candidate, by deployment and pool; made when somebody asks."""
        return self.eligible.candidates

    @property
    def rejections(self) -> Rejections:
        """Every candidate that was refused, with its reason, by deployment and pool; made when somebody asks."""
        return self.eligible.rejections

    @property
    def gap_fraction(self) -> float:
        """Fraction of the objective by which the plan may be above the optimum."""
        return max(0.0, self.objective - self.bound) / self.objective if self.objective > 0 else 0.0

    def with_placements(self, placements: tuple[Placement, ...]) -> "Plan":
        """Return the plan with other counts in its pools; its cost follows, its bound speaks of what was planned."""
        dollars_per_hour = sum(placement.dollars_per_hour for placement in placements)
        return replace(self, placements=placements, dollars_per_hour=dollars_per_hour)

    def placements_by_key(self) -> dict[Key, tuple[Placement, ...]]:
        """Return the placements of every deployment that has any."""
        found: dict[Key, list[Placement]] = {}
        for placement in self.placements:
            found.setdefault(placement.candidate.workload, []).append(placement)
        return {key: tuple(placements) for key, placements in found.items()}

    def placements_of(self, key: Key) -> tuple[Placement, ...]:
        """Return the placements of one deployment."""
        return tuple(placement for placement in self.placements if placement.candidate.workload == key)
