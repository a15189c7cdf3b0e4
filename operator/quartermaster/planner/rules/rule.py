"""What a rule is: a name and a check that finds nothing, or what was wanted, what was found and what would help.

A rule also says what it reads, because it is asked once for everything that is alike in that: a rule must not read
anything else. Only what it tells a person may name more, such as the pool: it is asked again where somebody wants to
know.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto

from quartermaster.catalog.accelerator import Accelerator
from quartermaster.planner.candidate import Rejection, Throughput
from quartermaster.planner.fleet import Pool, Shape, Workload
from quartermaster.planner.throughput.fit import Mix, Timing


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a rule refuses."""

    reason: str
    """CamelCase."""
    message: str
    """What was wanted, what was found, and where the fact came from."""
    remedy: str | Callable[[], str]
    """The smallest change that would admit the candidate; a function where it takes long to find."""


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
    check: Callable[[Workload, Pool, date], Finding | None]
    """Judges a pool on a day."""
    asks: Callable[[Workload, date], Hashable | None]
    """What it reads of a workload and of the day; None when the workload asks nothing that the rule could refuse."""
    offers: Callable[[Pool], Hashable]
    """What it reads of a pool."""


class Reads(Enum):
    """What decides the verdict of a rule on shapes. Rules stand in the order of these words."""

    FIT = auto()
    """The model, the longest sequence served, the accelerator and the shape, what is known of their speed, and the
    sizes of the pool's hosts."""
    RATE = auto()
    """Besides: the mix and the objectives. Asked where no rate holds them."""
    PRICE = auto()
    """Besides: the pool's price, and its extended resource."""
    DEPLOYMENT = auto()
    """Of the pool no more than its accelerator, extended resource and sizes; of the deployment its spec, its model and
    what ``ShapeRule.about`` returns, but not its load."""


@dataclass(frozen=True, slots=True)
class ShapeRule:
    """A rule that judges one shape on a pool that no pool rule refuses."""

    name: str
    check: Callable[[ShapeCase], Finding | None]
    reads: Reads = Reads.DEPLOYMENT
    about: Callable[[Workload], object] | None = None
    """What a rule of ``DEPLOYMENT`` reads of a deployment beyond spec and model: while these stay equal, its verdicts
    are remembered from one plan to the next. Without it they are remembered within one plan only."""


def rejection(workload: Workload, pool: Pool, shape: Shape | None, *, rule: str, finding: Finding) -> Rejection:
    """Return the finding as a rejection of the candidate."""
    return Rejection(
        workload=workload.key,
        pool=pool.name,
        shape_key="" if shape is None else shape.key,
        rule=rule,
        reason=finding.reason,
        message=finding.message,
        remedy=finding.remedy if isinstance(finding.remedy, str) else finding.remedy(),
    )


def listed(words: Iterable[str]) -> str:
    """Return the words sorted and separated, or ``none``."""
    return ", ".join(sorted(words)) or "none"
