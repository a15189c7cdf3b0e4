"""What is remembered of replicas whose speed is observed: points of operation, by what they are. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import log2
from types import MappingProxyType

from quartermaster.api.v1alpha1 import ModelProfileSpec
from quartermaster.autoscaler.course import Course
from quartermaster.autoscaler.operation import Operation
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.model import Model
from quartermaster.planner.fleet import Key, Shape
from quartermaster.planner.throughput.fit import ProfileKey


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured: a model on a chip in a shape, whatever the shape is called."""

    model: Model
    accelerator: Accelerator
    shape: Shape


@dataclass(frozen=True, slots=True)
class Seen:
    """A point of operation: of which deployment, and when."""

    operation: Operation
    deployment: Key
    at: datetime

    @property
    def bucket(self) -> int:
        """Number that is equal for batches that hardly differ: half octaves."""
        return round(2 * log2(self.operation.batch + 1))


@dataclass(frozen=True, slots=True)
class Record:
    """What was seen of one kind of replica."""

    subject: Subject
    seen: tuple[Seen, ...] = ()
    has_news: bool = False
    """Whether points came since they were last judged."""
    due_seconds: float = 0.0
    """When to judge them again."""
    profile: ModelProfileSpec | None = None
    """Our profile as it was last seen; None while there is none."""
    since_seconds: float = 0.0
    """Since when it is so."""


@dataclass(frozen=True, slots=True)
class Profiling:
    """What one decision hands to the next. Losing it costs points that come again."""

    course_by_pod: Mapping[str, Course] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    record_by_key: Mapping[ProfileKey, Record] = field(default_factory=lambda: MappingProxyType({}), hash=False)
