"""The status of an InferenceDeployment as a document. Numbers are rounded: a settled world has a settled status."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from quartermaster.api import names
from quartermaster.api.v1alpha1.status import (
    MOST_PLACEMENTS,
    CapacityStatus,
    Condition,
    CostStatus,
    DecisionStatus,
    DemandStatus,
    InferenceDeploymentStatus,
    PlacementStatus,
    RejectionStatus,
)
from quartermaster.planner.eligibility.judged import Judged
from quartermaster.planner.fleet import Demand, Pool, Source
from quartermaster.planner.plan import Candidate, Placement
from quartermaster.reconcile.judgement import Seen
from quartermaster.reconcile.outcome import Decision

_REJECTIONS_SHOWN = 16
_TEXT_LIMIT = 1024
_PLANNED_DIGITS = 6
"""Digits of rates that only change with the plan: pages round them once more."""


def decimal(number: float, digits: int = 4) -> str:
    """Return a non-negative number with this many significant digits, as a decimal string of the API."""
    if number <= 0:
        return "0"
    value = Decimal(repr(float(f"{number:.{digits}g}")))
    text = f"{value:.9f}".rstrip("0").rstrip(".")
    return text or "0"


def cents(dollars: float) -> str:
    """Return an amount as a decimal string of the API: to the cent, and below a dollar with four digits."""
    return decimal(float(f"{dollars:.2f}"), 15) if dollars >= 1 else decimal(dollars)


def status(
    seen: Seen,
    decision: Decision,
    *,
    conditions: Sequence[Condition],
    pools_by_name: Mapping[str, Pool],
    rejections: tuple[RejectionStatus, ...],
    generation: int,
) -> InferenceDeploymentStatus:
    """Return the whole status of one deployment; ``rejections`` are those of ``summary``."""
    return InferenceDeploymentStatus(
        observed_generation=generation,
        conditions=tuple(conditions),
        replicas=sum(seen.existing_by_placement.values()),
        ready_replicas=sum(seen.ready_by_placement.values()),
        selector=f"{names.DEPLOYMENT_LABEL}={seen.workload.key.name}",
        accelerators=", ".join(sorted({p.candidate.accelerator for p in seen.placements}))[:512] or None,
        placements=_placements(seen, pools_by_name),
        demand=_demand(decision.demand),
        capacity=CapacityStatus(
            requests_per_second=decimal(sum(p.requests_per_second for p in seen.placements), _PLANNED_DIGITS),
            tokens_per_second=decimal(sum(p.tokens_per_second for p in seen.placements), _PLANNED_DIGITS),
            unserved_requests_per_second=decimal(seen.shortfall.requests_per_second if seen.shortfall else 0.0),
        ),
        cost=_cost(seen.placements, decision),
        rejections=rejections,
        decision=DecisionStatus(
            id=decision.id, time=decision.time.strftime("%Y-%m-%dT%H:%M:%SZ"), reason=decision.reason[:_TEXT_LIMIT]
        ),
    )


def _placements(seen: Seen, pools_by_name: Mapping[str, Pool]) -> tuple[PlacementStatus, ...]:
    capacity = sum(p.requests_per_second for p in seen.placements)
    rows = []
    for placement in _largest(seen.placements):
        candidate = placement.candidate
        pool = pools_by_name.get(candidate.pool)
        rows.append(
            PlacementStatus(
                cluster=candidate.cluster,
                region=candidate.region,
                pool=candidate.pool,
                accelerator=candidate.accelerator,
                shape=candidate.shape.key,
                zone=placement.zone,
                engine=candidate.shape.engine.value if not candidate.is_external else "External",
                desired=0 if candidate.is_external else placement.replicas,
                ready=seen.ready_by_placement.get(placement.place, 0),
                tokens_per_second=decimal(placement.tokens_per_second, _PLANNED_DIGITS),
                dollars_per_hour=cents(placement.dollars_per_hour),
                share=decimal(placement.requests_per_second / capacity if capacity else 0.0, 3),
                throughput_source=candidate.throughput.source.value,
                price_source=_price_source(candidate, pool),
                endpoint=pool.external.endpoint if pool and pool.external else None,
            )
        )
    return tuple(rows)


def _largest(placements: tuple[Placement, ...]) -> tuple[Placement, ...]:
    """Return as many of the placements as a status tells, in their order: those with the most capacity."""
    if len(placements) <= MOST_PLACEMENTS:
        return placements
    ranked = sorted(range(len(placements)), key=lambda i: -placements[i].requests_per_second)
    return tuple(placements[i] for i in sorted(ranked[:MOST_PLACEMENTS]))


def _price_source(candidate: Candidate, pool: Pool | None) -> str | None:
    """Return where the price comes from; that of a service is always declared."""
    if candidate.is_external:
        return Source.DECLARED.value
    return None if pool is None else pool.price_source.value


def _demand(demand: Demand) -> DemandStatus:
    return DemandStatus(
        requests_per_second=decimal(demand.requests_per_second, 3),
        input_tokens=round(demand.input_tokens),
        output_tokens=round(demand.output_tokens),
        waiting_requests=round(demand.waiting_requests),
        source=demand.source.value,
    )


_SECONDS_PER_HOUR = 3600.0


def _cost(placements: Sequence[Placement], decision: Decision) -> CostStatus:
    demand = decision.demand
    dollars = sum(p.dollars_per_hour for p in placements)
    capacity = sum(p.requests_per_second for p in placements)
    tokens_per_hour = min(demand.requests_per_second, capacity) * demand.output_tokens * _SECONDS_PER_HOUR
    return CostStatus(
        dollars_per_hour=cents(dollars),
        dollars_per_million_tokens=decimal(dollars / tokens_per_hour * 1e6 if tokens_per_hour else 0.0),
        fleet_gap=decimal(decision.gap_fraction),
        fleet_gap_dollars_per_hour=decimal(decision.gap_dollars_per_hour),
    )


def summary(judged: Judged | None) -> tuple[RejectionStatus, ...]:
    """Return why pools are refused, most frequent first, each reason with how many pools and its first example.

    Every pool that admits nothing counts once, by its shape that came nearest. Shapes refused on a pool that admits
    others are in the plan, not here.
    """
    if judged is None:
        return ()
    rows = []
    for group in judged.groups()[:_REJECTIONS_SHOWN]:
        example = judged.explain(group.first)
        rows.append(
            RejectionStatus(
                rule=group.rule,
                reason=group.reason,
                count=group.pools,
                message=example.message[:_TEXT_LIMIT],
                remedy=example.remedy[:_TEXT_LIMIT],
            )
        )
    return tuple(rows)
