"""Whether a live object still is as declared: what counts as a difference, and what does not."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from quartermaster.manifests import drift
from tests.manifests.cases import CASES

Path = tuple[str | int, ...]


def _document(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a", "namespace": "prod"}, "spec": spec}


def _changed(wanted: dict[str, Any], **found: Any) -> str | None:
    """Where the first difference is, between a spec that we declare and one that is found."""
    desired = _document(**wanted)
    seen = drift.stamped(desired) | {"spec": found}
    different = drift.difference(desired, seen)
    return different.path if different else None


def _leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of everything that is declared and has no parts."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not parts or not value:
        yield path
    for key, part in parts:
        yield from _leaves(part, (*path, key))


def _parent(value: Any, path: Path) -> Any:
    for key in path[:-1]:
        value = value[key]
    return value


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_declared_field_counts(name: str) -> None:
    """Whichever single value is another one, or is gone, is found: nothing that we declare is passed over."""
    for desired in CASES[name]():
        settled = drift.stamped(desired)
        assert drift.difference(desired, settled) is None
        for path in _leaves({key: desired[key] for key in desired if key not in {"apiVersion", "kind"}}):
            altered, removed = copy.deepcopy(settled), copy.deepcopy(settled)
            _parent(altered, path)[path[-1]] = "something else"
            del _parent(removed, path)[path[-1]]
            assert drift.differs(desired, altered), path
            before = _parent(desired, path)[path[-1]]
            # What is declared as nothing may be absent: the API server leaves it out.
            if before not in ("", {}, []):
                assert drift.differs(desired, removed), path


def test_what_we_do_not_declare_is_not_ours() -> None:
    """Defaults of the API server, and additions of others to what server-side apply merges."""
    assert _changed({"replicas": 2}, replicas=2, paused=True) is None
    assert _changed({"labels": {"a": "1"}}, labels={"a": "1", "theirs": "2"}) is None
    containers = [{"name": "server", "image": "x", "terminationMessagePath": "/dev/log"}, {"name": "injected"}]
    assert _changed({"containers": [{"name": "server", "image": "x"}]}, containers=containers) is None


def test_lists_merged_by_key_do_not_depend_on_order() -> None:
    """Others may put theirs first."""
    wanted = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert _changed({"env": wanted}, env=[{"name": "X", "value": "0"}, *reversed(wanted)]) is None
    assert _changed({"env": wanted}, env=[wanted[0], {"name": "B", "value": "3"}]) == "spec.env[B].value"
    assert _changed({"env": wanted}, env=[wanted[0]]) == "spec.env[B]"


def test_ports_are_told_apart_by_number_and_protocol() -> None:
    """Of a container and of a Service alike; TCP is what is meant where none is said."""
    assert (
        _changed({"ports": [{"port": 80}]}, ports=[{"port": 80, "protocol": "UDP"}, {"port": 80, "protocol": "TCP"}])
        is None
    )
    assert _changed({"ports": [{"port": 80}]}, ports=[{"port": 80, "protocol": "UDP"}]) == "spec.ports[80,TCP]"
    assert _changed({"ports": [{"containerPort": 80, "name": "a"}]}, ports=[{"containerPort": 80, "name": "b"}])


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"args": ["--a"]}, {"args": ["--a", "--b"]}),
        ({"args": ["--a", "--b"]}, {"args": ["--b", "--a"]}),
        ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "a"}, {"operator": "Exists"}]}),
        ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "a", "tolerationSeconds": 60}]}),
        ({"selector": {"a": "1"}}, {"selector": {"a": "1", "b": "2"}}),
        ({"nodeSelector": {"a": "1"}}, {"nodeSelector": {"a": "1", "b": "2"}}),
        ({"capabilities": {"drop": ["ALL"]}}, {"capabilities": {"drop": ["ALL", "KILL"]}}),
    ],
)
def test_what_is_replaced_whole_must_be_equal(wanted: dict[str, Any], found: dict[str, Any]) -> None:
    """Additions to these lists and maps would be removed by an apply, so they are differences."""
    assert _changed(wanted, **found) is not None


def test_terms_of_node_affinity_are_compared_whole() -> None:
    """A term more would let pods leave their pool."""
    term = {"matchExpressions": [{"key": "region", "operator": "In", "values": ["eu-west-1"]}]}
    wanted = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    found = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term, {}]}}
    assert _changed(wanted, **wanted) is None
    assert _changed(wanted, **found) is not None


@pytest.mark.parametrize(
    ("wanted", "found", "is_same"),
    [
        ("1024Mi", "1Gi", True),
        ("1000m", "1", True),
        (1, "1", True),
        ("0.5", "500m", True),
        ("1Gi", "1G", False),
        ("2", "1", False),
    ],
)
def test_quantities_are_compared_by_value(wanted: str | int, found: str, *, is_same: bool) -> None:
    """The API server writes them in its own way."""
    assert (_changed({"limits": {"memory": wanted}}, limits={"memory": found}) is None) is is_same
    assert (_changed({"sizeLimit": wanted}, sizeLimit=found) is None) is is_same


def test_a_missing_request_is_a_difference() -> None:
    """And one more, of another's, is not."""
    assert _changed({"requests": {"cpu": "1"}}, requests={}) == "spec.requests.cpu"
    assert _changed({"requests": {"cpu": "1"}}, requests={"cpu": "1", "memory": "1Gi"}) is None


def test_values_of_another_type_differ() -> None:
    """A port is not a port's name, and true is not one."""
    assert _changed({"targetPort": 80}, targetPort="80") == "spec.targetPort"
    assert _changed({"replicas": 1}, replicas=True) == "spec.replicas"
    assert _changed({"volumes": [{"name": "a", "emptyDir": {}}]}, volumes=[{"name": "a", "emptyDir": "x"}])


def test_nothing_declared_may_be_absent() -> None:
    """The API server leaves out empty lists and maps, and the zeros of some fields."""
    assert _changed({"volumes": [], "env": [{"name": "A", "value": ""}]}, env=[{"name": "A"}]) is None
    assert _changed({"minReadySeconds": 0, "hostNetwork": False}) is None
    assert _changed({"replicas": 0}) == "spec.replicas"
    assert _changed({"automountServiceAccountToken": False}) == "spec.automountServiceAccountToken"


def test_what_is_declared_no_more_shows_by_the_digest() -> None:
    """Only an apply can remove it: nothing in the live object says that it was ours."""
    before = _document(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])
    after = _document(env=[{"name": "A", "value": "1"}])
    different = drift.difference(after, drift.stamped(before))
    assert different is not None
    assert different.path == f"metadata.annotations.{drift.DIGEST_ANNOTATION}"


def test_the_digest_depends_on_content_and_not_on_order() -> None:
    """Two builders of the same object agree."""
    assert drift.digest({"a": 1, "b": {"c": 2, "d": 3}}) == drift.digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert drift.digest({"a": [1, 2]}) != drift.digest({"a": [2, 1]})


def test_stamping_leaves_the_document_alone() -> None:
    """It gives a new one, with the annotations that were there."""
    document = _document()
    document["metadata"]["annotations"] = {"theirs": "1"}
    before = copy.deepcopy(document)
    assert set(drift.stamped(document)["metadata"]["annotations"]) == {"theirs", drift.DIGEST_ANNOTATION}
    assert document == before


def test_type_and_status_are_not_compared() -> None:
    """Items of a list have no `apiVersion` and `kind`, and a status is not declared with the rest."""
    desired = _document(replicas=1)
    seen = drift.stamped({"metadata": desired["metadata"], "spec": {"replicas": 1}, "status": {"x": 1}})
    seen["metadata"]["annotations"][drift.DIGEST_ANNOTATION] = drift.digest(desired)
    assert not drift.differs(desired, seen)


def test_a_difference_says_where_what_and_what_not() -> None:
    """It becomes a log line."""
    desired = _document(replicas=2)
    different = drift.difference(desired, drift.stamped(_document(replicas=3)))
    assert str(different) == "spec.replicas: wanted 2, found 3"
