"""The plan and its parts: candidates, rejections, placements, shortfalls. Values only; ``planning`` makes them."""

from dataclasses import dataclass, replace

from quartermaster.planner.fleet import Key, Shape, Source


@dataclass(frozen=True, slots=True)
class Throughput:
    """What one replica sustains within the deployment's objectives at its own token mix."""

    requests_per_second: float
    tokens_per_second: float
    """Generated tokens."""
    time_to_first_token_seconds: float
    inter_token_latency_seconds: float
    max_batch_size: int
    kv_capacity_tokens: int
    source: Source


@dataclass(frozen=True, slots=True)
class Candidate:
    """One deployment × one pool × one shape that no rule refuses."""

    workload: Key
    pool: str
    cluster: str
    region: str
    accelerator: str
    shape: Shape
    throughput: Throughput
    dollars_per_hour: float
    """Cost of one replica. For an external service: cost of one unit of share (see ``is_external``)."""
    is_external: bool = False
    """A replica of an external candidate is one tenth of the deployment's demand, paid by the token."""

    @property
    def id(self) -> tuple[Key, str, str]:
        """What identifies the candidate in a plan."""
        return (self.workload, self.pool, self.shape.key)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A candidate refused: rule, reason, message, and the smallest change that would admit it."""

    workload: Key
    pool: str
    shape_key: str
    """Empty when the whole pool is refused, whatever the shape."""
    rule: str
    reason: str
    """CamelCase."""
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Placement:
    """A candidate with a replica count."""

    candidate: Candidate
    replicas: int
    zones: tuple[tuple[str, int], ...] = ()
    """Replicas by zone, where the plan must say so for a spread."""

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
    """All placements of the fleet, with cost, proven bound and gap, and every rejection."""

    placements: tuple[Placement, ...]
    shortfalls: tuple[Shortfall, ...]
    rejections: tuple[Rejection, ...]
    candidates: tuple[Candidate, ...]
    dollars_per_hour: float
    """Cost of all placements at the pools' prices."""
    objective: float
    """What was minimised: cost, with unmet demand, preferences and changes priced in."""
    bound: float
    """No admissible plan that leaves as little unserved, by priority, has a lower objective."""

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
