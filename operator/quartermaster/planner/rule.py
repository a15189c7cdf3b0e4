"""What a rule is: a name and a check that finds nothing, or what was wanted, what was found and what would help."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from quartermaster.catalog.accelerator import Accelerator
from quartermaster.planner.fit import Mix, Timing
from quartermaster.planner.fleet import Fleet, Pool, Shape, Workload
from quartermaster.planner.plan import Rejection, Throughput


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a rule refuses."""

    reason: str
    """CamelCase."""
    message: str
    """What was wanted, what was found, and where the fact came from."""
    remedy: str
    """The smallest change that would admit the candidate."""


@dataclass(frozen=True, slots=True)
class ShapeCase:
    """One shape on one pool, with what is known of how it would run."""

    workload: Workload
    pool: Pool
    accelerator: Accelerator
    shape: Shape
    mix: Mix
    timing: Timing | None
    """None when no source says how fast it runs."""
    throughput: Throughput | None
    """None when the timing is unknown, or no rate holds the objectives."""
    dollars_per_hour: float


@dataclass(frozen=True, slots=True)
class PoolRule:
    """A rule that judges a pool, whatever the shape."""

    name: str
    check: Callable[[Workload, Pool, Fleet], Finding | None]


@dataclass(frozen=True, slots=True)
class ShapeRule:
    """A rule that judges one shape on a pool that no pool rule refuses."""

    name: str
    check: Callable[[ShapeCase], Finding | None]


def rejection(workload: Workload, pool: Pool, shape: Shape | None, *, rule: str, finding: Finding) -> Rejection:
    """Return the finding as a rejection of the candidate."""
    return Rejection(
        workload=workload.key,
        pool=pool.name,
        shape_key="" if shape is None else shape.key,
        rule=rule,
        reason=finding.reason,
        message=finding.message,
        remedy=finding.remedy,
    )


def listed(words: Iterable[str]) -> str:
    """Return the words sorted and separated, or ``none``."""
    return ", ".join(sorted(words)) or "none"
