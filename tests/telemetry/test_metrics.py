"""Our own metrics: bounded, gone with their deployment, and readable."""

from collections.abc import Iterable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from quartermaster.telemetry import metrics as metrics_file
from quartermaster.telemetry.metrics import DeploymentFigures, Metrics
from quartermaster.telemetry.scrape import ScrapeResult


def figures(name: str, *, desired: int = 2) -> DeploymentFigures:
    """Return what is shown of a deployment."""
    return DeploymentFigures("team", name, desired, 1, 120.0, 400.0, 8.5, 3.0)


def shown(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Return every sample by its name and label values, in order of the labels' names, as a scraper reads them."""
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
    }


def names_of(deployments: Iterable[tuple[str, ...]]) -> set[str]:
    """Return the deployments that have any series."""
    return {key[1] for key in deployments if key[0].startswith("quartermaster_deployment_")}


def test_a_deployment_has_its_figures() -> None:
    """Desired, ready, tokens per second, capacity, cost and queue."""
    metrics = Metrics()
    metrics.show_deployments([figures("chat")])
    found = shown(metrics)
    assert found["quartermaster_deployment_desired_replicas", "chat", "team"] == 2
    assert found["quartermaster_deployment_ready_replicas", "chat", "team"] == 1
    assert found["quartermaster_deployment_tokens_per_second", "chat", "team"] == 120.0
    assert found["quartermaster_deployment_capacity_tokens_per_second", "chat", "team"] == 400.0
    assert found["quartermaster_deployment_dollars_per_hour", "chat", "team"] == 8.5
    assert found["quartermaster_deployment_waiting_requests", "chat", "team"] == 3.0


def test_a_deployment_takes_its_series_with_it() -> None:
    """What is gone is not shown at its last value for ever; what stays, and comes back, is."""
    metrics = Metrics()
    metrics.show_deployments([figures("chat"), figures("code")])
    metrics.show_deployments([figures("code", desired=5)])
    assert names_of(shown(metrics)) == {"code"}
    assert shown(metrics)["quartermaster_deployment_desired_replicas", "code", "team"] == 5
    metrics.show_deployments([figures("chat")])
    assert names_of(shown(metrics)) == {"chat"}


def test_deployments_with_series_are_bounded_and_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first by name, whatever the order in which they are told."""
    monkeypatch.setattr(metrics_file, "MOST_DEPLOYMENTS", 2)
    metrics = Metrics()
    metrics.show_deployments([figures(name) for name in ("c", "a", "b")])
    assert names_of(shown(metrics)) == {"a", "b"}


def test_requests_and_scrapes_are_counted_by_what_came_of_them() -> None:
    """Each under its own label."""
    metrics = Metrics()
    metrics.observe_request(verb="apply", resource="deployments.apps", code="200")
    metrics.observe_request(verb="apply", resource="deployments.apps", code="409")
    metrics.observe_scrapes([ScrapeResult.OK.value, ScrapeResult.OK.value, ScrapeResult.TIMEOUT.value])
    found = shown(metrics)
    assert found["quartermaster_api_requests_total", "409", "deployments.apps", "apply"] == 1
    assert found["quartermaster_scrapes_total", "ok"] == 2
    assert found["quartermaster_scrapes_total", "timeout"] == 1


def test_two_processes_in_one_do_not_share_figures() -> None:
    """Each has a registry of its own."""
    one, other = Metrics(), Metrics()
    one.is_leader.set(1)
    assert shown(other)["quartermaster_leader",] == 0


def test_every_metric_is_described_under_the_name_that_it_is_shown_by() -> None:
    """With a type, a sentence, and our prefix; nothing is described that is never shown."""
    metrics = Metrics()
    described = metrics.describe()
    assert all(name.startswith("quartermaster_") and kind and text.endswith(".") for name, kind, text in described)
    assert len({name for name, _, _ in described}) == len(described)
    metrics.show_deployments([figures("chat")])
    stems = {key[0] for key in shown(metrics)}
    plain = {name for name, kind, _ in described if kind == "gauge" and "cache" not in name}
    assert plain <= stems
