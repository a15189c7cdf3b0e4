"""Our own metrics, on a registry of their own. Labels are bounded; a deployment takes its series with it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

MOST_DEPLOYMENTS: Final = 2000
"""Deployments with series of their own; the others are only in the totals."""

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_DEPLOYMENT: Final = ("namespace", "name")


@dataclass(frozen=True, slots=True)
class DeploymentFigures:
    """What is shown of one InferenceDeployment."""

    namespace: str
    name: str
    desired_replicas: int
    ready_replicas: int
    tokens_per_second: float
    """Generated tokens per second that were observed."""
    capacity_tokens_per_second: float
    dollars_per_hour: float
    waiting_requests: float


class Metrics:
    """Everything that the process tells of itself."""

    CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        """Register every metric; nothing has a value yet."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library gives it no types
        self.registry = CollectorRegistry()
        self.reconcile_seconds = Histogram(
            "quartermaster_reconcile_seconds",
            "Time of one turn of the loop: observe, decide, apply.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.decide_seconds = Histogram(
            "quartermaster_decide_seconds",
            "Time of one decision.",
            ("replanned",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.plan_gap = Gauge(
            "quartermaster_plan_gap_fraction",
            "Proven fraction by which the plan may be above the optimum.",
            registry=self.registry,
        )
        self.plan_cost = Gauge("quartermaster_plan_dollars_per_hour", "Cost of all placements.", registry=self.registry)
        self.plan_shortfalls = Gauge(
            "quartermaster_plan_shortfalls", "Deployments that the plan cannot serve whole.", registry=self.registry
        )
        self.writes = Counter(
            "quartermaster_writes", "Objects written, by what was done.", ("kind",), registry=self.registry
        )
        self.api_requests = Counter(
            "quartermaster_api_requests",
            "Requests to the API server.",
            ("verb", "resource", "code"),
            registry=self.registry,
        )
        self.scrapes = Counter(
            "quartermaster_scrapes", "Scrapes of engines, by what came of them.", ("result",), registry=self.registry
        )
        self.cache_age_seconds = Gauge(
            "quartermaster_cache_age_seconds",
            "Time since the API server was last heard of.",
            ("resource",),
            registry=self.registry,
        )
        self.cached_objects = Gauge(
            "quartermaster_cached_objects", "Objects in a cache.", ("resource",), registry=self.registry
        )
        self.is_leader = Gauge("quartermaster_leader", "1 where this process writes, else 0.", registry=self.registry)
        self._by_field = {
            field: Gauge(f"quartermaster_deployment_{field}", text, _DEPLOYMENT, registry=self.registry)
            for field, text in (
                ("desired_replicas", "Replicas wanted."),
                ("ready_replicas", "Replicas seen ready."),
                ("tokens_per_second", "Generated tokens per second, observed."),
                ("capacity_tokens_per_second", "Generated tokens per second that the wanted replicas sustain."),
                ("dollars_per_hour", "Cost of the wanted replicas."),
                ("waiting_requests", "Requests waiting in engines' queues, observed."),
            )
        }
        self._shown: set[tuple[str, str]] = set()

    def exposition(self) -> bytes:
        """Return every metric in the text format of Prometheus."""
        return generate_latest(self.registry)

    def observe_request(self, *, verb: str, resource: str, code: str) -> None:
        """Count one request to the API server."""
        self.api_requests.labels(verb, resource, code).inc()

    def observe_scrapes(self, results: Iterable[str]) -> None:
        """Count scrapes by their results."""
        for result in results:
            self.scrapes.labels(result).inc()

    def show_deployments(self, figures: Collection[DeploymentFigures]) -> None:
        """Show these deployments and no others."""
        shown = sorted(figures, key=lambda f: (f.namespace, f.name))[:MOST_DEPLOYMENTS]
        identities = {(figure.namespace, figure.name) for figure in shown}
        for gone in self._shown - identities:
            for gauge in self._by_field.values():
                gauge.remove(*gone)
        for figure in shown:
            for field, gauge in self._by_field.items():
                gauge.labels(figure.namespace, figure.name).set(getattr(figure, field))
        self._shown = identities

    def describe(self) -> list[tuple[str, str, str]]:
        """Return name, type and help of every metric, for the reference."""
        return [
            (family.name + ("_total" if family.type == "counter" else ""), family.type, family.documentation)
            for family in self.registry.collect()
        ]
