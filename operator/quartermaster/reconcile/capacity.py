"""The bridge between load and plan: what each deployment must serve, and how many replicas its placements should have.

Two numbers are told apart. The *demand* is what comes in; it is what people are shown. The *capacity* that a plan must
offer is larger: the most that the autoscaler wanted within the scale-down delay, headroom included, so that a plan
never takes away what the autoscaler would hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from quartermaster.api.v1alpha1 import InferenceDeployment
from quartermaster.autoscaler import capacity as measure
from quartermaster.autoscaler.demand import demand, mix_has_drifted
from quartermaster.autoscaler.limits import Limits
from quartermaster.autoscaler.load import Load, load_of
from quartermaster.autoscaler.scale import Scaled, ScaleState, scale
from quartermaster.autoscaler.want import want
from quartermaster.autoscaler.window import Window
from quartermaster.planner.fleet import Demand, Fleet, Key, Source, Workload
from quartermaster.planner.plan import Placement, Plan
from quartermaster.reconcile.chips import deployment_of
from quartermaster.reconcile.declared import Declared
from quartermaster.reconcile.observation import Observed
from quartermaster.reconcile.outcome import Memory
from quartermaster.reconcile.space import Space
from quartermaster.reconcile.workloads import declared_demand, key_of


@dataclass(frozen=True, slots=True)
class Sized:
    """Counts for every deployment on one plan."""

    placements: tuple[Placement, ...]
    scaled_by_key: Mapping[Key, Scaled] = field(hash=False)

    @property
    def needs_plan(self) -> bool:
        """Whether some deployment wants more than the pools of its plan can hold."""
        return any(scaled.needs_replan for scaled in self.scaled_by_key.values())

    @property
    def state_by_key(self) -> dict[Key, ScaleState]:
        """What the next tick needs."""
        return {key: scaled.state for key, scaled in self.scaled_by_key.items()}


def loads(observed: Observed, documents: Sequence[InferenceDeployment]) -> dict[Key, Load]:
    """Return what the ready replicas of each deployment bear; one that was never scraped tells nothing."""
    ready: dict[Key, list[str]] = {}
    for pod in observed.pods:
        key = deployment_of(pod)
        if key is not None and pod.is_ready and not pod.is_deleting:
            ready.setdefault(key, []).append(pod.uid)
    silence = Window()
    return {
        key: load_of(observed.window_by_key.get(key, silence), ready.get(key, ()), now_seconds=observed.now_seconds)
        for key in map(key_of, documents)
    }


def demands(
    documents: Sequence[InferenceDeployment], load_by_key: Mapping[Key, Load], observed: Observed, memory: Memory
) -> dict[Key, Demand]:
    """Return what comes in for each deployment: observed where that is known, else believed, else as declared."""
    reported = {Key(d.reference.namespace, d.reference.name): _reported(d) for d in observed.deployments}
    placements_by_key = memory.plan.placements_by_key() if memory.plan else {}
    found = {}
    for document in documents:
        key = key_of(document)
        found[key] = demand(
            load_by_key[key],
            declared_demand(document),
            believed=memory.demand_by_key.get(key) or reported.get(key),
            external_share_fraction=measure.external_share_fraction(placements_by_key.get(key, ())),
        )
    return found


def _reported(entry: Declared[InferenceDeployment]) -> Demand | None:
    """Return the load that the status tells, so that a process that starts anew knows what was observed."""
    told = entry.status.get("demand")
    try:
        if not isinstance(told, Mapping) or told["source"] != Source.MEASURED.value:
            return None
        return Demand(
            float(told["requestsPerSecond"]),
            max(1.0, float(told["inputTokens"])),
            max(1.0, float(told["outputTokens"])),
            source=Source.MEASURED,
        )
    except (KeyError, TypeError, ValueError):
        return None


def size(
    plan: Plan,
    workloads: Sequence[Workload],
    load_by_key: Mapping[Key, Load],
    *,
    fleet: Fleet,
    memory: Memory,
) -> Sized:
    """Return the counts inside the plan's pools; the most important deployment takes free chips first."""
    scaled_by_key: dict[Key, Scaled] = {}
    space = Space(fleet, plan, workloads)
    for workload in sorted(workloads, key=lambda w: (-(w.spec.priority or 0), w.key)):
        key, limits = workload.key, Limits.of(workload.spec)
        placements = space.placements_of(key)
        wanted = want(workload.demand, load_by_key[key], placements=placements, limits=limits)
        is_short = (
            wanted.requests_per_second > measure.capacity(placements)
            or measure.replicas(placements) < limits.min_replicas
        )
        scaled = scale(
            placements,
            wanted,
            limits=limits,
            free_replicas_by_id=space.room_for(key) if is_short else {},
            state=memory.scale_state_by_key.get(key),
        )
        scaled_by_key[key] = scaled
        space.become(key, scaled.placements)
    return Sized(space.placements, scaled_by_key)


def to_plan_for(workloads: Sequence[Workload], sized: Sized | None) -> tuple[Workload, ...]:
    """Return the workloads with the capacity that a new plan must offer in place of what comes in.

    For a declared load nothing is added: it is the load that somebody wants to be able to serve.
    """
    if sized is None:
        return tuple(workloads)
    return tuple(_lifted(workload, sized.scaled_by_key.get(workload.key)) for workload in workloads)


_TRICKLE = 1e-3
"""Requests per second that a deployment which was ever used is planned for at least: without any replica, nobody could
see the next request and ask for one."""


def _lifted(workload: Workload, scaled: Scaled | None) -> Workload:
    if scaled is None or workload.demand.source is not Source.MEASURED:
        return workload
    share = measure.external_share_fraction(scaled.placements)
    wanted = scaled.requests_per_second / max(0.1, 1.0 - share)
    return replace(workload, demand=replace(workload.demand, requests_per_second=max(wanted, _TRICKLE)))


def has_drifted(workloads: Sequence[Workload], memory: Memory) -> bool:
    """Whether some token mix has left the one that was planned for, so that throughput must be found anew."""
    return any(
        mix_has_drifted(memory.planned_demand_by_key[w.key], w.demand)
        for w in workloads
        if w.key in memory.planned_demand_by_key
    )
