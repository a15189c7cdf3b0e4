"""One look at the world: everything that a decision is made from. A value; equal observations give equal outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from quartermaster.api.v1alpha1 import AcceleratorPool, InferenceDeployment, ModelProfile
from quartermaster.autoscaler.window import Window
from quartermaster.planner.fleet import Key
from quartermaster.reconcile.declared import Declared
from quartermaster.reconcile.observed import ChildSeen, NodeSeen, PodSeen


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen, and when."""

    now: datetime
    """Wall time, for what people read and for expiry."""
    now_seconds: float
    """Monotonic time, for windows and delays."""
    nodes: tuple[NodeSeen, ...] = ()
    pods: tuple[PodSeen, ...] = ()
    children: tuple[ChildSeen, ...] = ()
    """Objects that carry our label: Deployments, Services, PodDisruptionBudgets, EndpointSlices."""
    deployments: tuple[Declared[InferenceDeployment], ...] = ()
    pools: tuple[Declared[AcceleratorPool], ...] = ()
    profiles: tuple[Declared[ModelProfile], ...] = ()
    window_by_key: Mapping[Key, Window] = field(default_factory=dict, hash=False)
