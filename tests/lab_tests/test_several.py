"""Several clusters at once, smaller ones, and clusters that were there before."""

import ipaddress
import stat
import time
from pathlib import Path

import pytest

from tests.lab import components, identities
from tests.lab.client import RefusedError
from tests.lab.cluster import Cluster, Options
from tests.lab.objects import Object, Objects, has_condition
from tests.lab_tests import samples

pytestmark = pytest.mark.lab


def test_two_clusters_live_side_by_side() -> None:
    """Each has its own addresses, its own pods and its own authority: a token of one is worth nothing at the other."""
    started_seconds = time.monotonic()
    with Cluster.start() as first, Cluster.start() as second:
        print(f"two clusters after {time.monotonic() - started_seconds:.1f} s")  # noqa: T201 - a figure for the log
        assert not first.pod_cidr.overlaps(second.pod_cidr)
        assert first.url != second.url
        for cluster in (first, second):
            cluster.apply([samples.node("node-0"), samples.pod("server", "default")])
        for cluster in (first, second):
            assert ipaddress.IPv4Address(_ready_pod(cluster)["status"]["podIP"]) in cluster.pod_cidr
        token = first.service_account_token("default", "default")
        answer = second.kubectl("auth", "whoami", f"--token={token}", "--kubeconfig=/dev/null", check=False)
        assert answer.returncode != 0


def _ready_pod(cluster: Cluster) -> Object:
    cluster.wait("the pod is Ready", lambda: has_condition(cluster.get("pod", "server", "default"), "Ready"))
    return cluster.get("pod", "server", "default")


def test_a_cluster_may_lack_components() -> None:
    """An API server alone is enough to check schemas, and starts sooner."""
    without = frozenset({components.CONTROLLER_MANAGER, components.SCHEDULER, components.KWOK})
    started_seconds = time.monotonic()
    with Cluster.start(Options(without=without, is_durable=True)) as cluster:
        print(f"etcd and API server after {time.monotonic() - started_seconds:.1f} s")  # noqa: T201 - a figure for the log
        assert cluster.create_namespace("alone") == "alone"
        with pytest.raises(LookupError, match="wanted component kwok, found etcd, kube-apiserver"):
            cluster.component(components.KWOK)


def test_the_default_delay_of_readiness_is_an_option() -> None:
    """A pool whose models load slowly: pods run long before they are Ready."""
    with Cluster.start(Options(pod_ready_delay_seconds=600.0)) as cluster:
        cluster.apply(
            [samples.node("node-0"), samples.pod("slow", "default"), samples.pod("quick", "default", ready_delay="0s")]
        )
        cluster.wait("the quick pod is Ready", lambda: has_condition(cluster.get("pod", "quick", "default"), "Ready"))
        cluster.wait("the slow pod runs", lambda: cluster.get("pod", "slow", "default")["status"]["phase"] == "Running")
        assert has_condition(cluster.get("pod", "slow", "default"), "Ready", "False")


def test_a_cluster_that_was_there_before_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a kubeconfig only KWOK is started; other identities are impersonated; there is no audit log to read."""
    with Cluster.start(Options(without=frozenset({components.KWOK}))) as theirs:
        monkeypatch.setenv("QUARTERMASTER_LAB_KUBECONFIG", str(theirs.kubeconfig()))
        with Cluster.start(people=[identities.person("reader", "readers")]) as ours:
            assert ours.url == theirs.url
            assert not ours.pod_cidr.overlaps(theirs.pod_cidr)
            ours.apply([samples.node("node-0"), samples.pod("server", "default")])
            ours.wait("the pod is Ready", lambda: has_condition(theirs.get("pod", "server", "default"), "Ready"))
            _check_impersonation(ours.acting_as("reader"))
            answer = ours.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}", identity="reader")
            assert answer.stdout == "reader"
            with pytest.raises(LookupError, match="found a cluster that was given"):
                _ = ours.audit
            with pytest.raises(LookupError, match="wanted component etcd"):
                ours.component(components.ETCD)


def _check_impersonation(reader: Objects) -> None:
    with pytest.raises(RefusedError, match='User "reader" cannot list resource') as refused:
        reader.get("pods")
    assert refused.value.code == 403


def test_the_binaries_of_kubebuilder_assets_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where KUBEBUILDER_ASSETS has etcd and kube-apiserver, those are started."""
    with Cluster.start(Options(without=frozenset(components.ALL[2:]))) as cluster:
        binary = cluster.component(components.ETCD).argv[0]
    for name in (components.ETCD, components.API_SERVER):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\ntouch "$0.started"\nexec "{binary}" {name} "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    with Cluster.start() as cluster:
        cluster.create_namespace("assets")
    assert {path.name for path in tmp_path.glob("*.started")} == {"etcd.started", "kube-apiserver.started"}
