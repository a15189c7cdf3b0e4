"""What every baseline chooses from, and what it gives back. Values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from quartermaster.planner.eligibility.candidates import EXTERNAL_UNITS
from quartermaster.planner.fleet import Fleet, Key, Pool, Workload
from quartermaster.planner.plan import Candidate

CandidateId = tuple[Key, str, str]
DEFAULT_MAX_REPLICAS = 1000
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Offer:
    """A fleet, what it shall serve, and what may run where."""

    fleet: Fleet
    workloads: tuple[Workload, ...]
    candidates_by_key: Mapping[Key, tuple[Candidate, ...]] = field(hash=False)

    @property
    def pool_by_name(self) -> dict[str, Pool]:
        """Every pool."""
        return {pool.name: pool for pool in self.fleet.pools}

    @property
    def in_order(self) -> list[Workload]:
        """The workloads, the highest priority first, then by name: who plans alone plans in some order."""
        return sorted(self.workloads, key=lambda w: (-(w.spec.priority or 0), w.key))


@dataclass(frozen=True, slots=True)
class Result:
    """Replicas by candidate, and what they come to."""

    counts: Mapping[CandidateId, int] = field(hash=False)
    dollars_per_hour: float
    unserved_by_key: Mapping[Key, float] = field(hash=False)
    """Part of the demand that is not served, of deployments that go short."""
    seconds: float = 0.0
    """CPU seconds of this process."""
    bound: float | None = None
    """No plan costs less; None where nothing is proven."""


def offer(fleet: Fleet, workloads: Sequence[Workload], candidates: Sequence[Candidate]) -> Offer:
    """Return the offer; candidates as the planner made them."""
    found: dict[Key, list[Candidate]] = {}
    for candidate in candidates:
        found.setdefault(candidate.workload, []).append(candidate)
    return Offer(fleet, tuple(workloads), {key: tuple(own) for key, own in found.items()})


def result(offered: Offer, counts: Mapping[CandidateId, int], *, seconds: float, bound: float | None = None) -> Result:
    """Return the counts with what they cost and leave unserved."""
    dollars = 0.0
    unserved: dict[Key, float] = {}
    for workload in offered.workloads:
        served = 0.0
        for candidate in offered.candidates_by_key.get(workload.key, ()):
            count = counts.get(candidate.id, 0)
            dollars += count * candidate.dollars_per_hour
            served += count * candidate.throughput.requests_per_second
        wanted = workload.demand.requests_per_second
        if served < wanted * (1 - TOLERANCE):
            unserved[workload.key] = 1 - served / wanted
    return Result({key: count for key, count in counts.items() if count}, dollars, unserved, seconds, bound)


def most_replicas(workload: Workload, candidate: Candidate) -> int:
    """Return the most replicas of a candidate that its deployment may have."""
    if candidate.is_external:
        return EXTERNAL_UNITS
    most = workload.spec.scaling.max_replicas
    return DEFAULT_MAX_REPLICAS if most is None else most
