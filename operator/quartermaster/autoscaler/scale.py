"""Scaling: counts inside the pools that the plan chose, for the capacity wanted. Rules and pools are the plan's.

Up at once, as far as there is room; what is left asks for a new plan. Down only when signals were fresh and complete
for the whole delay and what is left would have borne every peak in it at ``DOWN_FRACTION`` of the target: capacity that
was just added is never taken away by the load for which it was added, so counts settle under a constant load.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from quartermaster.autoscaler import step
from quartermaster.autoscaler.capacity import capacity, replicas
from quartermaster.autoscaler.hold import ScaleState
from quartermaster.autoscaler.limits import Limits
from quartermaster.autoscaler.want import Wanted
from quartermaster.planner.plan import Placement, PlacementId

__all__ = ["ScaleState", "Scaled", "Verdict", "scale"]

DOWN_FRACTION: Final = 0.75
"""Part of the target up to which the replicas that are left may be loaded when one is taken away."""
ASK_AGAIN_SECONDS: Final = 30.0
ASK_AGAIN_FACTOR: Final = 1.1
"""A new plan is asked for again after this time, or when this much more is wanted: a full fleet stays full a while."""
_TOLERANCE: Final = 1e-9


class Verdict(StrEnum):
    """What a tick came to."""

    ASIDE = "ScaledFromOutside"
    RAISED = "CapacityRaised"
    LOWERED = "CapacityLowered"
    HELD = "CapacityHeld"
    FULL = "PoolsFull"
    AT_MAXIMUM = "AtMaximum"
    NOT_OBSERVED = "LoadNotObserved"
    SIGNALS_MISSING = "SignalsMissing"


@dataclass(frozen=True, slots=True)
class Scaled:
    """Counts for one deployment, and why."""

    placements: tuple[Placement, ...]
    """The same placements with new counts; one that came to 0 stays, so that it can be raised again."""
    state: ScaleState
    needs_replan: bool
    """The pools of the plan cannot hold what is wanted."""
    requests_per_second: float
    """What a new plan should offer at least, in capacity of own replicas: the peak of what was wanted in the delay."""
    verdict: Verdict
    reason: str
    """The verdict as a sentence, with its figures."""
    signals: str
    """What is missing in the signals, as a clause; empty when they are fresh and complete."""


def scale(
    placements: tuple[Placement, ...],
    wanted: Wanted,
    *,
    limits: Limits,
    free_replicas_by_id: Mapping[PlacementId, int],
    state: ScaleState | None,
) -> Scaled:
    """Return the counts for what is wanted.

    Args:
        placements: what is planned now, with current counts.
        wanted: capacity wanted, and how it is known.
        limits: bounds of the deployment.
        free_replicas_by_id: by placement id, how many more replicas its pool has chips for.
        state: what the last tick left; None at first.
    """
    state = (state or ScaleState()).learn(wanted.at_seconds, wanted.strain)
    wanted = replace(wanted, rate_requests_per_second=wanted.rate_requests_per_second * state.strain)
    state = state.observe(
        wanted.at_seconds,
        max(wanted.requests_per_second, wanted.declared_requests_per_second),
        is_whole=wanted.is_complete,
        delay_seconds=limits.scale_down_delay_seconds,
    )
    if wanted.is_aside:
        reason = "spec.replicas is set: somebody else decides how many replicas there are"
        return _answer(placements, state, wanted, (Verdict.ASIDE, reason))
    bounded = _at_most(placements, limits.max_replicas)
    raised = _raised(bounded, wanted, limits=limits, room=dict(free_replicas_by_id))
    if replicas(raised) > replicas(placements):
        return _told_raised(placements, raised, wanted, limits=limits, state=state)
    if _is_short(raised, wanted, limits):
        return _told_short(raised, wanted, limits=limits, state=state)
    state = replace(state, asked_seconds=None, asked_requests_per_second=0.0)
    lowered = _lowered(raised, wanted, limits=limits, state=state)
    return _answer(lowered, state, wanted, _verdict(placements, lowered, wanted, limits))


def _at_most(placements: tuple[Placement, ...], most: int) -> tuple[Placement, ...]:
    while replicas(placements) > most:
        placements = step.fewest(placements)
    return placements


def _gap(placements: tuple[Placement, ...], wanted: Wanted) -> float:
    """Return the capacity missing, in requests per second. The plan's counts stand until load was ever observed."""
    if not wanted.is_observed or replicas(placements) == 0:
        return 0.0
    missing = wanted.requests_per_second - capacity(placements)
    return missing if missing > _TOLERANCE * wanted.requests_per_second else 0.0


def _raised(
    placements: tuple[Placement, ...], wanted: Wanted, *, limits: Limits, room: step.Room
) -> tuple[Placement, ...]:
    while (slots := limits.max_replicas - replicas(placements)) > 0:
        gap = _gap(placements, wanted)
        if gap <= 0 and replicas(placements) >= limits.min_replicas:
            break
        grown = step.more(placements, gap, room=room, slots=slots, limits=limits)
        if grown is None:
            break
        placements, room = grown
    return placements


def _is_short(placements: tuple[Placement, ...], wanted: Wanted, limits: Limits) -> bool:
    return _gap(placements, wanted) > 0 or replicas(placements) < limits.min_replicas


def _lowered(
    placements: tuple[Placement, ...], wanted: Wanted, *, limits: Limits, state: ScaleState
) -> tuple[Placement, ...]:
    if not (wanted.is_complete and state.has_held(wanted.at_seconds, limits.scale_down_delay_seconds)):
        return placements
    needed = state.peak_requests_per_second / DOWN_FRACTION
    # The last replica stays, whatever the minimum: once it is gone no request is seen that could ask for it.
    while replicas(placements) > max(limits.min_replicas, 1):
        shrunk = step.fewer(placements, needed, ready_by_place=wanted.ready_by_place, limits=limits)
        if shrunk is None:
            break
        placements = shrunk
    return placements


def _told_raised(
    before: tuple[Placement, ...], after: tuple[Placement, ...], wanted: Wanted, *, limits: Limits, state: ScaleState
) -> Scaled:
    reason = (
        f"{wanted.cause} wants {wanted.requests_per_second:.3g} requests/s of capacity: from {replicas(before)} to"
        f" {replicas(after)} replicas, {capacity(before):.3g} to {capacity(after):.3g} requests/s"
    )
    state, needs_replan = _asked(after, wanted, limits=limits, state=state)
    return _answer(after, state, wanted, (Verdict.RAISED, reason), needs_replan=needs_replan)


def _told_short(placements: tuple[Placement, ...], wanted: Wanted, *, limits: Limits, state: ScaleState) -> Scaled:
    is_most = replicas(placements) >= limits.max_replicas
    cause = "maxReplicas is reached" if is_most else "no pool of the plan has room for another replica"
    reason = (
        f"{wanted.cause} wants {wanted.requests_per_second:.3g} requests/s of capacity,"
        f" {replicas(placements)} replicas hold {capacity(placements):.3g}: {cause}"
    )
    state, needs_replan = _asked(placements, wanted, limits=limits, state=state)
    verdict = Verdict.AT_MAXIMUM if is_most else Verdict.FULL
    return _answer(placements, state, wanted, (verdict, reason), needs_replan=needs_replan)


def _asked(
    placements: tuple[Placement, ...], wanted: Wanted, *, limits: Limits, state: ScaleState
) -> tuple[ScaleState, bool]:
    """Return whether to ask for a new plan now, and remember it."""
    if not _is_short(placements, wanted, limits):
        return replace(state, asked_seconds=None, asked_requests_per_second=0.0), False
    is_due = (
        state.asked_seconds is None
        or wanted.at_seconds - state.asked_seconds >= ASK_AGAIN_SECONDS
        or wanted.requests_per_second > state.asked_requests_per_second * ASK_AGAIN_FACTOR
    )
    if not is_due:
        return state, False
    asked = replace(state, asked_seconds=wanted.at_seconds, asked_requests_per_second=wanted.requests_per_second)
    return asked, True


def _verdict(
    before: tuple[Placement, ...], after: tuple[Placement, ...], wanted: Wanted, limits: Limits
) -> tuple[Verdict, str]:
    if replicas(before) > limits.max_replicas:
        return (
            Verdict.LOWERED,
            f"from {replicas(before)} to {replicas(after)} replicas: maxReplicas is {limits.max_replicas}",
        )
    if replicas(after) < replicas(before):
        return Verdict.LOWERED, (
            f"from {replicas(before)} to {replicas(after)} replicas: {capacity(after):.3g} requests/s"
            " would have borne every peak of the whole delay"
        )
    if wanted.gap:
        return Verdict.SIGNALS_MISSING, f"{wanted.gap}: nothing is taken away"
    if not wanted.is_observed:
        return Verdict.NOT_OBSERVED, "no load was observed yet: the plan's counts stand"
    return Verdict.HELD, (
        f"{replicas(after)} replicas hold {capacity(after):.3g} requests/s, {wanted.requests_per_second:.3g} wanted"
    )


def _answer(
    placements: tuple[Placement, ...],
    state: ScaleState,
    wanted: Wanted,
    told: tuple[Verdict, str],
    *,
    needs_replan: bool = False,
) -> Scaled:
    return Scaled(
        placements=placements,
        state=state,
        needs_replan=needs_replan,
        requests_per_second=state.peak_requests_per_second,
        verdict=told[0],
        reason=told[1],
        signals="" if wanted.is_aside else wanted.gap,
    )
