"""Conditions of an InferenceDeployment, judged from what was seen. A reason is written here once.

Every condition is a function of a ``Seen``; ``conditions`` keeps the time of the last change from the status before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from quartermaster.api import conditions as words
from quartermaster.api.v1alpha1.status import Condition
from quartermaster.planner.eligibility.judged import Judged
from quartermaster.planner.fleet import Place, Workload
from quartermaster.planner.plan import Placement, Shortfall
from quartermaster.planner.rules.order import COMPLIANCE_RULES
from quartermaster.reconcile.precedence import Turn

_MESSAGE_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """What the conditions of one deployment are judged from."""

    workload: Workload
    placements: tuple[Placement, ...]
    """What is planned."""
    shortfall: Shortfall | None
    judged: Judged | None
    """On which pools it may run, and why not on others; None while it is in no plan."""
    ready_by_placement: Mapping[Place, int]
    """Ready replicas, by where they are."""
    existing_by_placement: Mapping[Place, int]
    held_by_placement: Mapping[Place, int]
    """Replicas that stay beyond the plan because nothing has room for others in their place."""
    known_pools: frozenset[str]
    waiting_message: str
    """The scheduler's word on a pod that waits; empty when none does."""
    signals: str
    """Empty when load signals are fresh and complete; otherwise what is missing."""
    is_externally_scaled: bool
    turn_by_placement: Mapping[Place, Turn] = field(default_factory=dict)
    """Placements of which replicas wait until larger ones have found their nodes."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One condition before it has a time."""

    type: str
    status: str
    reason: str
    message: str


def placed(seen: Seen) -> Verdict:
    """Whether the plan serves the whole demand."""
    if seen.shortfall is not None:
        return Verdict(
            words.PLACED, "False", seen.shortfall.reason, f"{seen.shortfall.message}: {seen.shortfall.remedy}"
        )
    if not seen.placements:
        return Verdict(words.PLACED, "True", "NothingWanted", "No load and no minimum: no replica is wanted")
    return Verdict(words.PLACED, "True", "Placed", "; ".join(_describe(p) for p in seen.placements))


def _describe(placement: Placement) -> str:
    candidate = placement.candidate
    if candidate.is_external:
        return f"a share of the load in external pool {candidate.pool} ({candidate.region})"
    where = placement.zone or candidate.region
    return f"{placement.replicas} × {candidate.accelerator} in pool {candidate.pool} ({where})"


def compliant(seen: Seen) -> Verdict:
    """Whether every replica that exists is where the rules allow."""
    occupied = {place.pool for place, count in seen.existing_by_placement.items() if count > 0}
    refused = [seen.judged.on(pool) for pool in sorted(occupied)] if seen.judged is not None else []
    violated = [refusal for refusal in refused if refusal is not None and refusal.rule in COMPLIANCE_RULES]
    if violated and seen.judged is not None:
        first = seen.judged.explain(violated[0])
        return Verdict(words.COMPLIANT, "False", first.reason, f"{first.message}. Its replicas are being moved")
    lost = sorted(occupied - seen.known_pools)
    if lost:
        return Verdict(
            words.COMPLIANT, "Unknown", "PoolUnknown", f"Replicas run in pool {lost[0]}, whose nodes are not seen"
        )
    return Verdict(words.COMPLIANT, "True", "RulesHold", "Every replica runs where the rules allow")


def scaled(seen: Seen) -> Verdict:
    """Whether capacity follows fresh signals."""
    if seen.is_externally_scaled:
        return Verdict(words.SCALED, "True", "ScaledFromOutside", "spec.replicas is set: our own scaler stands aside")
    if seen.signals:
        return Verdict(words.SCALED, "Unknown", "SignalsMissing", f"{seen.signals}: nothing is scaled down")
    return Verdict(words.SCALED, "True", "CapacityFollowsLoad", "Capacity follows queue depth and token throughput")


def _progress(seen: Seen) -> tuple[int, int, int]:
    """Return planned, ready (at most what is planned, by placement), and leaving replicas."""
    wanted = {p.place: p.replicas for p in seen.placements if not p.candidate.is_external}
    ready = sum(min(count, seen.ready_by_placement.get(place, 0)) for place, count in wanted.items())
    leaving = sum(
        max(0, count - wanted.get(place, 0) - seen.held_by_placement.get(place, 0))
        for place, count in seen.existing_by_placement.items()
    )
    return sum(wanted.values()), ready, leaving


def ready(seen: Seen) -> Verdict:
    """Whether everything that is wanted serves."""
    wanted, serving, _ = _progress(seen)
    if serving < wanted:
        why = waiting_for_turn(seen) or seen.waiting_message
        detail = f": {why}" if why else ""
        return Verdict(words.READY, "False", "ReplicasNotReady", f"{serving} of {wanted} replicas are ready{detail}")
    if seen.shortfall is not None:
        return Verdict(words.READY, "False", seen.shortfall.reason, seen.shortfall.message)
    return Verdict(words.READY, "True", "Serving", f"{serving} of {wanted} replicas are ready")


def waiting_for_turn(seen: Seen) -> str:
    """Return for which replicas of others the first placement that is held back waits; empty where none is."""
    for place, turn in sorted(seen.turn_by_placement.items()):
        if turn.behind is not None:
            return (
                f"{turn.held_back} wait in pool {place.pool} until {turn.behind.workload} has found nodes for its"
                f" replicas of {turn.behind_chips} chips, whose place they could take"
            )
    return ""


def reconciling(seen: Seen) -> Verdict:
    """Whether work is under way."""
    wanted, serving, leaving = _progress(seen)
    if serving < wanted:
        turn = waiting_for_turn(seen)
        if turn and sum(each.held_back for each in seen.turn_by_placement.values()) >= wanted - serving:
            return Verdict(words.RECONCILING, "True", "WaitingForLargerReplicas", turn)
        return Verdict(words.RECONCILING, "True", "StartingReplicas", f"{wanted - serving} replicas are starting")
    if leaving:
        return Verdict(words.RECONCILING, "True", "RemovingReplicas", f"{leaving} replicas are leaving")
    return Verdict(words.RECONCILING, "False", "Settled", "Nothing is under way")


def stalled(seen: Seen) -> Verdict:
    """Whether nothing will change until somebody changes the spec, the fleet or the rules."""
    wanted, serving, leaving = _progress(seen)
    if seen.shortfall is not None and serving >= wanted and not leaving:
        return Verdict(words.STALLED, "True", seen.shortfall.reason, seen.shortfall.remedy)
    return Verdict(words.STALLED, "False", "NotStalled", "")


JUDGES = (ready, placed, compliant, scaled, reconciling, stalled)


def refused(reason: str, message: str) -> tuple[Verdict, ...]:
    """Return the verdicts on an object that cannot be planned at all."""
    return (
        Verdict(words.READY, "False", reason, message),
        Verdict(words.PLACED, "False", reason, message),
        Verdict(words.RECONCILING, "False", reason, message),
        Verdict(words.STALLED, "True", reason, message),
    )


def conditions(
    verdicts: Sequence[Verdict], before: Sequence[Condition], *, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Return the verdicts as conditions; a condition whose status did not change keeps its time."""
    time_by_type = {c.type: (c.status, c.last_transition_time) for c in before}
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    made = []
    for verdict in verdicts:
        status, time = time_by_type.get(verdict.type, ("", stamp))
        made.append(
            Condition(
                type=verdict.type,
                status=verdict.status,
                reason=verdict.reason,
                message=verdict.message[:_MESSAGE_LIMIT],
                last_transition_time=time if status == verdict.status else stamp,
                observed_generation=generation,
            )
        )
    return tuple(made)
