"""What the shell must write, as values: apply, delete, status, events; and what to remember. Nothing here decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from quartermaster.api.v1alpha1.status import RejectionStatus
from quartermaster.autoscaler.hold import ScaleState
from quartermaster.manifests.errors import ManifestError
from quartermaster.planner.fleet import Demand, Fleet, Key, Pool
from quartermaster.planner.plan import PlacementId, Plan
from quartermaster.reconcile.record import Profiling
from quartermaster.reconcile.structure import Structure
from quartermaster.reconcile.waiting import Wait


@dataclass(frozen=True, slots=True)
class Reference:
    """An object on the wire."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An object to write by server-side apply, with the reason for the log."""

    manifest: Mapping[str, Any] = field(hash=False)
    reason: str


@dataclass(frozen=True, slots=True)
class Delete:
    """An object to delete, only if it still is the one that was seen (by UID)."""

    reference: Reference
    reason: str


@dataclass(frozen=True, slots=True)
class StatusWrite:
    """A status that differs from the one seen."""

    reference: Reference
    status: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class EventNote:
    """Something that changed, told once."""

    regarding: Reference
    reason: str
    message: str
    change: str
    """What tells this happening from an earlier one of the same words."""
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a deployment is placed as it is: the record that its status carries."""

    id: str
    time: datetime
    reason: str
    demand: Demand
    gap_fraction: float
    """Proven gap of the plan by which it was decided. A later plan that changes nothing here is no news."""
    gap_dollars_per_hour: float


@dataclass(frozen=True, slots=True)
class Clean:
    """A child that was compared with what is declared, and found to be so."""

    digest: str
    """Of what is declared."""
    object: Mapping[str, Any] = field(hash=False)
    """As it was seen then."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What to write for the children of one deployment, and all that it was made from."""

    made_from: tuple[object, ...] = field(hash=False)
    apply: tuple[Apply, ...] = ()
    delete: tuple[Delete, ...] = ()
    refusal: ManifestError | None = None
    clean_by_child: Mapping[tuple[str, str, str], Clean] = field(default_factory=dict, hash=False)
    """Children, by kind, namespace and name, that were seen to be as they are declared."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of one deployment, and all that it was made from."""

    made_from: tuple[object, ...] = field(hash=False)
    status: StatusWrite | None
    """None where the status seen says it already."""
    events: tuple[EventNote, ...]
    rejections: tuple[RejectionStatus, ...] = ()
    """Why pools are refused; they follow from what is eligible alone."""


@dataclass(frozen=True, slots=True)
class Search:
    """How far a plan was sought."""

    is_cut: bool = False
    """Whether it was late before the search was at its end."""
    resumptions: int = 0
    """How often the search was taken up again since anything but the load had changed."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What one decision hands to the next. Losing it costs one plan, never a replica."""

    plan: Plan | None = None
    structure: Structure = ()
    """Everything that the plan was made from, but for the load."""
    planned_at_seconds: float = 0.0
    search: Search = field(default_factory=Search)
    """How far the plan was sought."""
    planned_demand_by_key: Mapping[Key, Demand] = field(default_factory=dict, hash=False)
    """The load, with its token mix, that the plan was made for."""
    demand_by_key: Mapping[Key, Demand] = field(default_factory=dict, hash=False)
    """The load as it was last known."""
    scale_state_by_key: Mapping[Key, ScaleState] = field(default_factory=dict, hash=False)
    decision_by_key: Mapping[Key, Decision] = field(default_factory=dict, hash=False)
    wait_by_id: Mapping[PlacementId, Wait] = field(default_factory=dict, hash=False)
    """Placements whose replicas wait for chips."""
    blocked: frozenset[PlacementId] = frozenset()
    """Placements for which the plan's room was not there at the last look."""
    planned_blocked: frozenset[PlacementId] = frozenset()
    """Those of them that the plan was made in sight of."""
    told_by_key: Mapping[Key, Told] = field(default_factory=dict, hash=False)
    rendered_by_key: Mapping[Key, Rendered] = field(default_factory=dict, hash=False)
    face_by_pool: Mapping[str, Pool] = field(default_factory=dict, hash=False)
    """Of each pool, what objects were rendered from."""
    profiling: Profiling = field(default_factory=Profiling)
    """How fast replicas were seen to be."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The whole answer to one look at the world."""

    fleet: Fleet
    plan: Plan
    memory: Memory
    has_replanned: bool
    plan_reason: str = field(default="", kw_only=True)
    """Why the plan was made anew, in one word; empty where it was not."""
    apply: tuple[Apply, ...] = ()
    delete: tuple[Delete, ...] = ()
    statuses: tuple[StatusWrite, ...] = ()
    events: tuple[EventNote, ...] = ()
    ready_replicas_by_key: Mapping[Key, int] = field(default_factory=dict, hash=False)
    """Replicas seen ready."""

    @property
    def is_settled(self) -> bool:
        """True when there is nothing to write."""
        return not (self.apply or self.delete or self.statuses or self.events)
