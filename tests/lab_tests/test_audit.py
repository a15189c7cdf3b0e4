"""The audit log: it sees who wrote what, and only that."""

from collections.abc import Sequence

import pytest

from tests.lab import identities
from tests.lab.client import RefusedError
from tests.lab.cluster import Cluster
from tests.lab.identities import Identity


@pytest.fixture(scope="module")
def cluster_people() -> Sequence[Identity]:
    """Return two people: one with every right, one with none."""
    return [identities.person("writer", identities.MASTERS), identities.person("stranger")]


def configmap(name: str, namespace: str) -> dict[str, object]:
    """Return an empty ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}


def test_a_write_is_seen_with_its_author(cluster: Cluster, namespace: str) -> None:
    """The event says who, what, where, and how it ended."""
    mark = cluster.audit.mark()
    cluster.acting_as("writer").apply(configmap("note", namespace))
    (event,) = cluster.audit.writes(since=mark, user="writer")
    assert (event.verb, event.resource, event.namespace, event.name) == ("patch", "configmaps", namespace, "note")
    assert event.code == 201
    assert event.user_agent == "quartermaster-lab"


def test_a_refused_write_is_seen_with_its_code(cluster: Cluster, namespace: str) -> None:
    """What was only attempted counts, too: missing rights show themselves here."""
    mark = cluster.audit.mark()
    with pytest.raises(RefusedError, match="cannot patch"):
        cluster.acting_as("stranger").apply(configmap("note", namespace))
    codes = [event.code for event in cluster.audit.events(since=mark, user="stranger", resource="configmaps")]
    assert codes == [403]


def test_a_mark_hides_what_was_before_it(cluster: Cluster, namespace: str) -> None:
    """Reading and marking leave no trace of their own, and an earlier write is not counted again."""
    cluster.acting_as("writer").apply(configmap("early", namespace))
    mark = cluster.audit.mark()
    cluster.acting_as("writer").get("configmaps", None, namespace)
    assert cluster.audit.writes(since=mark, user="writer") == []
    assert [event.verb for event in cluster.audit.events(since=mark, user="writer", resource="configmaps")] == ["list"]
    assert cluster.audit.events(since=mark, user="admin") == []


def test_a_service_account_and_a_subresource_are_told_apart(cluster: Cluster, namespace: str) -> None:
    """Asking for a token is a write to a subresource, and the account's own requests carry its full name."""
    mark = cluster.audit.mark()
    path = cluster.service_account_kubeconfig(namespace, "default")
    cluster.kubectl("auth", "whoami", f"--kubeconfig={path}")
    assert len(cluster.audit.writes(since=mark, user="admin", resource="serviceaccounts/token")) == 1
    account = f"system:serviceaccount:{namespace}:default"
    assert [event.resource for event in cluster.audit.writes(since=mark, user=account)] == ["selfsubjectreviews"]
