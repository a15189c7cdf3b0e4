"""What is applied and deleted for one deployment: as little as makes it so."""

import copy
from typing import Any

import pytest

from quartermaster.cluster import trim
from quartermaster.manifests import drift
from quartermaster.reconcile.observed import ChildSeen
from quartermaster.reconcile.writes import writes

SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "chat", "namespace": "default", "labels": {"app": "chat"}},
    "spec": {"ports": [{"name": "http", "port": 80}]},
}


def seen(**changes: Any) -> ChildSeen:
    """Return the Service as an API server shows it after an apply, with other parts at its root."""
    live = copy.deepcopy(drift.stamped(SERVICE))
    live["metadata"] |= {"uid": "one", "resourceVersion": "1"}
    live["spec"]["clusterIP"] = "10.0.0.1"
    return trim.child("local", "Service")({**live, **changes})


def test_a_child_of_which_only_the_status_changed_stays_as_it_is_known() -> None:
    """It need not be compared anew, and nothing is written."""
    first = writes([SERVICE], [seen()])
    assert (first.apply, first.delete, len(first.clean)) == ((), (), 1)
    metadata = {**seen().object["metadata"], "resourceVersion": "2"}
    second = writes([SERVICE], [seen(metadata=metadata, status={"loadBalancer": {}})], clean=first.clean)
    assert (second.apply, second.delete) == ((), ())
    assert second.clean.keys() == first.clean.keys()


@pytest.mark.parametrize(
    "changes",
    [
        {"spec": {"ports": [{"name": "http", "port": 8080}]}},
        {"metadata": {**seen().object["metadata"], "labels": {}}},
        {"metadata": {**seen().object["metadata"], "annotations": {}}},
    ],
    ids=["spec", "labels", "stamp"],
)
def test_a_child_that_was_edited_is_applied_though_it_was_known_to_be_right(changes: dict[str, Any]) -> None:
    """What is remembered never hides an edit."""
    known = writes([SERVICE], [seen()]).clean
    assert len(writes([SERVICE], [seen(**changes)], clean=known).apply) == 1


def test_another_wish_is_applied_though_the_child_is_as_before() -> None:
    """What was right for one wish is not right for the next."""
    known = writes([SERVICE], [seen()]).clean
    other = {**SERVICE, "spec": {"ports": [{"name": "http", "port": 81}]}}
    found = writes([other], [seen()], clean=known)
    assert [entry.manifest for entry in found.apply] == [other]
    assert not found.clean
