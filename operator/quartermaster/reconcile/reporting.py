"""Statuses and events of InferenceDeployments. A reason is written once, in a verdict, and told from there."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from quartermaster.api import names
from quartermaster.api.v1alpha1 import InferenceDeployment, InferenceDeploymentStatus
from quartermaster.api.v1alpha1.status import Condition
from quartermaster.manifests.labels import place_of
from quartermaster.planner.eligibility.eligible import Eligible
from quartermaster.planner.fleet import Demand, Fleet, Key, Place, Pool, Workload
from quartermaster.planner.plan import Placement, Plan, Shortfall
from quartermaster.reconcile import judgement
from quartermaster.reconcile.capacity import Sized
from quartermaster.reconcile.children import Written
from quartermaster.reconcile.chips import deployment_of
from quartermaster.reconcile.declared import Declared
from quartermaster.reconcile.judgement import Seen, Verdict
from quartermaster.reconcile.observation import Observed
from quartermaster.reconcile.observed import ChildSeen, PodSeen
from quartermaster.reconcile.outcome import Decision, EventNote, Memory, StatusWrite, Told
from quartermaster.reconcile.poolstatus import seen_conditions
from quartermaster.reconcile.status import decimal, status, summary
from quartermaster.reconcile.workloads import Unplannable

_TOLD = ("Ready", "Placed", "Compliant", "Scaled", "Stalled")


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided for the whole fleet."""

    fleet: Fleet
    plan: Plan
    workloads: tuple[Workload, ...]
    unplannable: tuple[Unplannable, ...]
    written: Mapping[Key, Written] = field(hash=False)
    children_by_key: Mapping[Key, Sequence[ChildSeen]] = field(hash=False)
    sized: Sized
    has_replanned: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What is told."""

    statuses: tuple[StatusWrite, ...]
    events: tuple[EventNote, ...]
    decision_by_key: Mapping[Key, Decision] = field(hash=False)
    told_by_key: Mapping[Key, Told] = field(hash=False)


def report(observed: Observed, memory: Memory, decided: Decided) -> Report:
    """Return every status that differs from the one seen, and an event for every change of a verdict."""
    judged = _Judged.of(observed, decided)
    decision_by_key: dict[Key, Decision] = {}
    told_by_key: dict[Key, Told] = {}
    for entry in sorted(observed.deployments, key=lambda d: (d.reference.namespace, d.reference.name)):
        if entry.is_deleting:
            continue
        key = Key(entry.reference.namespace, entry.reference.name)
        workload = judged.workload_by_key.get(key)
        refusal = _refusal(entry, judged, key, decided.written.get(key))
        if workload is None or refusal:
            told_by_key[key] = _refused(entry, refusal, judged, now=observed.now)
            continue
        seen = judged.seen(workload, decided)
        decision = _decision(workload, seen, entry, observed, memory, decided)
        decision_by_key[key] = decision
        told_by_key[key] = _placed(
            entry, seen, decision, known=memory.told_by_key.get(key), judged=judged, now=observed.now
        )
    return Report(
        tuple(told.status for told in told_by_key.values() if told.status is not None),
        tuple(note for told in told_by_key.values() for note in told.events),
        decision_by_key,
        told_by_key,
    )


def _refused(
    entry: Declared[InferenceDeployment], refusal: tuple[str, str] | None, judged: "_Judged", *, now: datetime
) -> Told:
    key = Key(entry.reference.namespace, entry.reference.name)
    before = seen_conditions(entry.status)
    verdicts = judgement.refused(*(refusal or ("NotPlanned", "The deployment was not planned")))
    new = InferenceDeploymentStatus(
        observed_generation=entry.generation,
        conditions=judgement.conditions(verdicts, before, generation=entry.generation, now=now),
        replicas=judged.existing(key),
        ready_replicas=judged.ready(key),
        selector=f"{names.DEPLOYMENT_LABEL}={key.name}",
    )
    return _told((), entry, verdicts, new)


def _placed(
    entry: Declared[InferenceDeployment],
    seen: Seen,
    decision: Decision,
    *,
    known: Told | None,
    judged: "_Judged",
    now: datetime,
) -> Told:
    """Return what is told of a deployment that is planned; what was told before where nothing has changed."""
    # The load of the moment is in the decision, as far as it is told; what was judged is a view of what is eligible.
    unloaded = replace(seen.workload, demand=decision.demand)
    made_from = (entry, judged.eligible, decision, replace(seen, workload=unloaded, judged=None))
    if known is not None and _is_same(made_from, known.made_from):
        return known
    verdicts = tuple(judge(seen) for judge in judgement.JUDGES)
    is_judged_alike = known is not None and len(known.made_from) > 1 and known.made_from[1] is judged.eligible
    rejections = known.rejections if known is not None and is_judged_alike else summary(seen.judged)
    new = status(
        seen,
        decision,
        rejections=rejections,
        conditions=judgement.conditions(verdicts, seen_conditions(entry.status), generation=entry.generation, now=now),
        pools_by_name=judged.pools_by_name,
        generation=entry.generation,
    )
    return replace(_told(made_from, entry, verdicts, new), rejections=rejections)


def _is_same(made_from: tuple[object, ...], before: tuple[object, ...]) -> bool:
    """Whether both hold the same: what caches and plans keep is compared by identity."""
    if len(before) != len(made_from) or any(a is not b for a, b in zip(made_from[:2], before[:2], strict=True)):
        return False
    return made_from[2:] == before[2:]


def _told(
    made_from: tuple[object, ...],
    entry: Declared[InferenceDeployment],
    verdicts: Sequence[Verdict],
    new: InferenceDeploymentStatus,
) -> Told:
    document = new.model_dump(mode="json", by_alias=True, exclude_none=True)
    write = StatusWrite(entry.reference, document) if document != entry.status else None
    return Told(made_from, write, tuple(_events(entry, verdicts, seen_conditions(entry.status), new.conditions)))


def _refusal(
    entry: Declared[InferenceDeployment], judged: "_Judged", key: Key, written: Written | None
) -> tuple[str, str] | None:
    if entry.document is None:
        return "InvalidSpec", entry.refusal
    if key in judged.unplannable_by_key:
        bad = judged.unplannable_by_key[key]
        return bad.reason, bad.message
    if written is not None and written.refusal is not None:
        return written.refusal.reason, str(written.refusal)
    return None


def _decision(
    workload: Workload,
    seen: Seen,
    entry: Declared[InferenceDeployment],
    observed: Observed,
    memory: Memory,
    decided: Decided,
) -> Decision:
    """Return the decision before, unless what is decided for this deployment has changed."""
    content = repr(
        (
            entry.generation,
            [(*p.place, p.replicas) for p in seen.placements],
            seen.shortfall and (seen.shortfall.cause, seen.shortfall.reason),
        )
    )
    identity = hashlib.sha256(content.encode()).hexdigest()[:12]
    before = memory.decision_by_key.get(workload.key) or _decision_told(entry, workload.demand)
    if before is not None and before.id == identity:
        return before
    scaled = decided.sized.scaled_by_key.get(workload.key)
    is_scaling = before is not None and scaled is not None and not decided.has_replanned
    reason = scaled.reason if is_scaling and scaled else _why(workload.key, seen, decided.plan)
    gap_dollars = max(0.0, decided.plan.objective - decided.plan.bound)
    gap_fraction = round(decided.plan.gap_fraction, 4)
    return Decision(identity, observed.now, reason, workload.demand, gap_fraction, float(decimal(gap_dollars)))


def _decision_told(entry: Declared[InferenceDeployment], demand: Demand) -> Decision | None:
    """Return the decision that the status tells, so that a process that starts anew has nothing to write."""
    told, load, cost = (entry.status.get(part) for part in ("decision", "demand", "cost"))
    try:
        if not isinstance(told, Mapping) or not isinstance(load, Mapping) or not isinstance(cost, Mapping):
            return None
        demand = replace(demand, waiting_requests=float(load["waitingRequests"]))
        time = datetime.fromisoformat(told["time"])
        gap_fraction, gap_dollars = float(cost["fleetGap"]), float(cost["fleetGapDollarsPerHour"])
        return Decision(str(told["id"]), time, str(told["reason"]), demand, gap_fraction, gap_dollars)
    except (KeyError, TypeError, ValueError):
        return None


def _why(key: Key, seen: Seen, plan: Plan) -> str:
    """Return why the planned placements were chosen, in a sentence."""
    if not seen.placements:
        return "nothing is placed: no load and no minimum" if seen.shortfall is None else seen.shortfall.message
    admissible = plan.candidates.count_of(key)
    refused = Counter[str]()
    for group in seen.judged.groups() if seen.judged is not None else ():
        refused[group.rule] += group.pools
    told = ", ".join(
        f"{rule} {count}" for rule, count in sorted(refused.items(), key=lambda row: (-row[1], row[0]))[:3]
    )
    chosen = f"cheapest for the whole fleet among {admissible} candidate{'s' if admissible != 1 else ''}"
    return f"{chosen}; refused by {told}" if told else chosen


def _events(
    entry: Declared[InferenceDeployment],
    verdicts: Sequence[Verdict],
    before: Sequence[Condition],
    after: Sequence[Condition],
) -> list[EventNote]:
    """Return an event for each told condition whose status or reason is not what it was."""
    was = {condition.type: (condition.status, condition.reason) for condition in before}
    time_by_type = {condition.type: condition.last_transition_time for condition in after}
    notes = []
    for verdict in verdicts:
        if verdict.type not in _TOLD or was.get(verdict.type) == (verdict.status, verdict.reason):
            continue
        if verdict.type not in was and verdict.status == _QUIET_BY_TYPE[verdict.type]:
            continue
        notes.append(
            EventNote(
                regarding=entry.reference,
                reason=verdict.reason,
                message=f"{verdict.type} is {verdict.status}: {verdict.message}",
                change=f"{entry.generation}/{time_by_type[verdict.type]}",
                is_warning=verdict.status != _QUIET_BY_TYPE[verdict.type],
            )
        )
    return notes


_QUIET_BY_TYPE = {"Ready": "True", "Placed": "True", "Compliant": "True", "Scaled": "True", "Stalled": "False"}
"""The status in which a condition is no cause for a warning."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """Look-ups over one decision."""

    workload_by_key: Mapping[Key, Workload]
    unplannable_by_key: Mapping[Key, Unplannable]
    placements_by_key: Mapping[Key, tuple[Placement, ...]]
    shortfall_by_key: Mapping[Key, Shortfall]
    pods_by_key: Mapping[Key, list[PodSeen]]
    children_by_key: Mapping[Key, Sequence[ChildSeen]]
    pools_by_name: Mapping[str, Pool]
    eligible: Eligible

    @classmethod
    def of(cls, observed: Observed, decided: Decided) -> "_Judged":
        pods: dict[Key, list[PodSeen]] = {}
        for pod in observed.pods:
            key = deployment_of(pod)
            if key is not None:
                pods.setdefault(key, []).append(pod)
        return cls(
            {workload.key: workload for workload in decided.workloads},
            {bad.key: bad for bad in decided.unplannable},
            decided.plan.placements_by_key(),
            {shortfall.workload: shortfall for shortfall in decided.plan.shortfalls},
            pods,
            decided.children_by_key,
            {pool.name: pool for pool in decided.fleet.pools},
            decided.plan.eligible,
        )

    def existing(self, key: Key) -> int:
        return sum(self.counts(key, "replicas").values())

    def ready(self, key: Key) -> int:
        return sum(self.counts(key, "readyReplicas").values())

    def counts(self, key: Key, status_field: str) -> dict[Place, int]:
        """Count replicas, by where they are, in the status of the Deployments seen."""
        return {
            place_of(child.labels): child.object.get("status", {}).get(status_field, 0)
            for child in self.children_by_key.get(key, ())
            if child.kind == "Deployment"
        }

    def seen(self, workload: Workload, decided: Decided) -> Seen:
        """Return what the conditions of one deployment are judged from."""
        key = workload.key
        waiting = sorted(p.scheduling_message or "" for p in self.pods_by_key.get(key, ()) if p.scheduling_reason)
        return Seen(
            workload=workload,
            placements=self.placements_by_key.get(key, ()),
            shortfall=self.shortfall_by_key.get(key),
            judged=decided.plan.eligible.get(key),
            ready_by_placement=self.counts(key, "readyReplicas"),
            existing_by_placement=self.counts(key, "replicas"),
            held_by_placement=written.held_by_place if (written := decided.written.get(key)) else {},
            known_pools=frozenset(self.pools_by_name),
            waiting_message=waiting[0] if waiting else "",
            signals=scaled.signals if (scaled := decided.sized.scaled_by_key.get(key)) else "",
            is_externally_scaled=workload.spec.replicas is not None,
            turn_by_placement=written.turn_by_place if written else {},
        )
