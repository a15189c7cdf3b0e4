"""Disturbing a cluster: its components can be killed, frozen and restarted one by one, and it recovers."""

import pytest

from tests.lab import components
from tests.lab.client import UnreachableError
from tests.lab.cluster import Cluster
from tests.lab.objects import has_condition
from tests.lab.processes import ProcessError
from tests.lab_tests import samples


def configmap(name: str, namespace: str) -> dict[str, object]:
    """Return an empty ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}


def test_a_killed_api_server_comes_back_with_its_objects(cluster: Cluster, namespace: str) -> None:
    """After kill -9 nobody answers; after a restart, on the same port, everything is there and can be changed."""
    cluster.apply(configmap("before", namespace))
    server = cluster.component(components.API_SERVER)
    pid = server.pid
    server.kill()
    with pytest.raises(UnreachableError):
        cluster.get("configmap", "before", namespace)
    server.restart()
    assert server.pid != pid
    assert cluster.get("configmap", "before", namespace)["metadata"]["name"] == "before"
    cluster.apply(configmap("after", namespace))


def test_a_killed_etcd_loses_nothing(cluster: Cluster, namespace: str) -> None:
    """What was acknowledged before the kill is there after the restart, also without fsync."""
    cluster.apply([configmap(f"note-{number}", namespace) for number in range(20)])
    etcd = cluster.component(components.ETCD)
    etcd.kill()
    etcd.restart()
    names = cluster.wait(
        "the API server finds its objects again",
        lambda: {item["metadata"]["name"] for item in cluster.get("configmaps", None, namespace)},
    )
    assert names >= {f"note-{number}" for number in range(20)}


def test_a_frozen_scheduler_schedules_nothing_until_it_thaws(cluster: Cluster, namespace: str) -> None:
    """A frozen component exists and does nothing; thawed, it does what waited."""
    cluster.apply(samples.node("node-0"))
    cluster.wait("the node is Ready", lambda: has_condition(cluster.get("node", "node-0"), "Ready"))
    scheduler = cluster.component(components.SCHEDULER)
    scheduler.freeze()
    try:
        assert scheduler.is_running
        cluster.apply(samples.deployment("server", namespace, replicas=2))
        cluster.wait("two pods exist", lambda: len(cluster.get("pods", None, namespace)) == 2)
        assert all("nodeName" not in pod["spec"] for pod in cluster.get("pods", None, namespace))
    finally:
        scheduler.thaw()
    cluster.wait(
        "the pods are Ready", lambda: all(has_condition(pod, "Ready") for pod in cluster.get("pods", None, namespace))
    )


def test_restarted_kwok_keeps_the_addresses_of_running_pods(cluster: Cluster, namespace: str) -> None:
    """The player of kubelets may come and go: running pods keep their addresses and new pods get others."""
    cluster.apply(samples.node("node-0"))
    cluster.apply(samples.deployment("server", namespace, replicas=3))

    def addresses(replicas: int) -> set[str]:
        pods = [pod for pod in cluster.get("pods", None, namespace) if has_condition(pod, "Ready")]
        found = {str(pod["status"]["podIP"]) for pod in pods}
        return found if len(found) == len(pods) == replicas else set()

    before = cluster.wait("three pods are Ready", lambda: addresses(3))
    cluster.component(components.KWOK).restart()
    cluster.patch("deployment", "server", {"spec": {"replicas": 6}}, namespace=namespace)
    assert cluster.wait("six pods are Ready", lambda: addresses(6)) > before


def test_a_component_that_ended_cannot_be_frozen(cluster: Cluster) -> None:
    """The error says what the component last logged."""
    manager = cluster.component(components.CONTROLLER_MANAGER)
    manager.kill()
    with pytest.raises(ProcessError, match="kube-controller-manager ended with exit code -9"):
        manager.freeze()
    manager.restart()
    assert manager.is_running


def test_an_unknown_component_is_named_with_those_that_exist(cluster: Cluster) -> None:
    """A typing error is answered with the right names."""
    with pytest.raises(LookupError, match="wanted component apiserver, found etcd, kube-apiserver"):
        cluster.component("apiserver")
