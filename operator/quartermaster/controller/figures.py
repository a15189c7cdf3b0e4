"""What the process tells of itself after each turn: outcomes, caches and answers as figures of our own metrics."""

from collections.abc import Iterable, Sequence
from typing import Any

from quartermaster.cluster.call import Answered
from quartermaster.cluster.informer import Informer
from quartermaster.planner.fleet import Key, Source
from quartermaster.planner.plan import Placement
from quartermaster.reconcile.outcome import Outcome
from quartermaster.telemetry.metrics import DeploymentFigures, Metrics


def tell_answer(metrics: Metrics, answer: Answered) -> None:
    """Count one request to the API server."""
    metrics.observe_request(verb=answer.verb, resource=answer.resource, code=str(answer.code))


def tell_caches(metrics: Metrics, informers: Iterable[Informer[Any]], *, is_leader: bool) -> None:
    """Show how fresh every cache is, and whether this process writes."""
    for informer in informers:
        metrics.cache_age_seconds.labels(informer.resource.label).set(informer.age_seconds)
        metrics.cached_objects.labels(informer.resource.label).set(len(informer.store))
    metrics.is_leader.set(float(is_leader))


def tell_outcome(metrics: Metrics, outcome: Outcome, *, decide_seconds: float, turn_seconds: float) -> None:
    """Show what was decided, and how long it took."""
    metrics.reconcile_seconds.observe(turn_seconds)
    metrics.decide_seconds.labels(str(outcome.has_replanned).lower()).observe(decide_seconds)
    metrics.plan_gap.set(outcome.plan.gap_fraction)
    metrics.plan_cost.set(outcome.plan.dollars_per_hour)
    metrics.plan_shortfalls.set(len(outcome.plan.shortfalls))
    for kind, count in (
        ("apply", len(outcome.apply)),
        ("delete", len(outcome.delete)),
        ("status", len(outcome.statuses)),
        ("event", len(outcome.events)),
    ):
        metrics.writes.labels(kind).inc(count)
    placements_by_key = outcome.plan.placements_by_key()
    metrics.show_deployments(
        [_figures(outcome, key, placements_by_key.get(key, ())) for key in outcome.memory.demand_by_key]
    )


def _figures(outcome: Outcome, key: Key, placements: Sequence[Placement]) -> DeploymentFigures:
    demand = outcome.memory.demand_by_key[key]
    is_observed = demand.source is Source.MEASURED
    return DeploymentFigures(
        namespace=key.namespace,
        name=key.name,
        desired_replicas=sum(p.replicas for p in placements if not p.candidate.is_external),
        ready_replicas=outcome.ready_replicas_by_key.get(key, 0),
        tokens_per_second=demand.requests_per_second * demand.output_tokens if is_observed else 0.0,
        capacity_tokens_per_second=sum(p.tokens_per_second for p in placements),
        dollars_per_hour=sum(p.dollars_per_hour for p in placements),
        waiting_requests=demand.waiting_requests,
    )
