"""The door for documents: what it lets through, and how it says what is wrong."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from quartermaster.api.names import API_VERSION
from quartermaster.api.parse import InvalidDocumentError, parse_document
from quartermaster.api.problem import Problem
from quartermaster.api.v1alpha1 import AcceleratorPool, InferenceDeployment


def document(kind: str = "InferenceDeployment", **spec: Any) -> dict[str, Any]:
    """Return a document with this spec."""
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "chat", "namespace": "default"}, "spec": spec}


def problems(obj: dict[str, Any]) -> tuple[Problem, ...]:
    """Return what is wrong with a document that must be refused."""
    with pytest.raises(InvalidDocumentError) as refused:
        parse_document(obj)
    return refused.value.problems


def test_every_problem_of_a_document_is_named_at_once() -> None:
    """With its path in the words of the manifest, what was wanted, what was found and what to do."""
    found = problems(
        document(
            model={"name": "Llama"},
            scaling={"minReplicas": "two"},
            serving={"shapes": [{"name": "a"}, {"name": "b", "tensorParallelism": 0}]},
        )
    )
    assert [problem.path for problem in found] == [
        "spec.model.name",
        "spec.serving.shapes[1].tensorParallelism",
        "spec.scaling.minReplicas",
    ]
    assert str(found[2]) == (
        'spec.scaling.minReplicas: wanted a whole number, found "two", a string: '
        "write it without quotes, decimals or unit"
    )


def test_a_broken_rule_names_the_field_and_the_values_of_both_sides() -> None:
    """A default that nobody wrote is shown as unset."""
    (problem,) = problems(document(model={"name": "phi-4"}, scaling={"maxReplicas": 0}))
    assert problem.path == "spec.scaling.maxReplicas"
    assert problem.found == "maxReplicas 0, minReplicas unset"
    assert problem.remedy == "raise maxReplicas or lower minReplicas"


def test_two_broken_rules_of_one_object_are_two_problems() -> None:
    """Neither hides the other."""
    found = problems(document("AcceleratorPool", external=EXTERNAL, region="us-west-2", limits={"maxNodes": 1}))
    assert [problem.path for problem in found] == ["spec.limits", "spec.limits"]
    assert {problem.remedy.split(";")[0] for problem in found} == {
        "set both so that nodes that do not exist yet can be planned on, or neither",
        "remove limits",
    }


EXTERNAL = {
    "endpoint": "https://api.example.com",
    "models": ["phi-4"],
    "tokensPerSecond": 1000,
    "dollarsPerMillionInputTokens": "0.1",
    "dollarsPerMillionOutputTokens": "0.4",
}


def test_no_word_of_the_parser_reaches_the_user() -> None:
    """Neither pydantic's names of errors nor Python's names of fields."""
    with pytest.raises(InvalidDocumentError) as refused:
        parse_document(document(model={"name": 3, "facts": {"layers": None}}, unknownField=1, serving=[], priority=-1))
    text = str(refused.value).lower()
    for word in ("pydantic", "validation error", "input should", "valid string", "extra inputs", "kv_heads", "tuple"):
        assert word not in text
    assert text.startswith("inferencedeployment/chat: ")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"kind": "Deployment"}, "kind"),
        ({"kind": None}, "kind"),
        ({"apiVersion": "quartermaster.dev/v2"}, "apiVersion"),
        ({"metadata": {}}, "metadata.name"),
        ({"metadata": "chat"}, "metadata"),
        ({"spec": None}, "spec"),
        ({"spec": []}, "spec"),
    ],
)
def test_a_document_of_the_wrong_form_is_refused_at_the_field(change: dict[str, Any], path: str) -> None:
    """Also where the envelope itself is broken."""
    assert problems({**document(model={"name": "phi-4"}), **change})[0].path == path


def test_an_unquoted_date_is_the_text_that_the_api_server_would_see() -> None:
    """YAML libraries make a date of it; kubectl does not."""
    certification = {"id": "c5", "evidence": "archive", "validUntil": date(2027, 3, 31)}
    parsed = parse_document(document("AcceleratorPool", nodeSelector={"a": "b"}, certifications=[certification]))
    assert isinstance(parsed, AcceleratorPool)
    assert parsed.spec.certifications[0].valid_until == "2027-03-31"


def test_a_timestamp_of_the_yaml_library_is_read_as_text() -> None:
    """As metadata.creationTimestamp of a snapshot."""
    obj = document(model={"name": "phi-4"})
    obj["metadata"]["creationTimestamp"] = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert parse_document(obj).metadata.creation_timestamp == "2026-01-02T03:04:05Z"


def test_a_status_that_cannot_be_read_does_not_stop_the_object() -> None:
    """Another version wrote it; it is judged anew from what is seen."""
    parsed = parse_document({**document(model={"name": "phi-4"}), "status": {"phase": "Running"}})
    assert isinstance(parsed, InferenceDeployment)
    assert parsed.status is None


def test_a_status_that_can_be_read_is_kept() -> None:
    """With the fields that are there."""
    parsed = parse_document({**document(model={"name": "phi-4"}), "status": {"replicas": 3, "observedGeneration": 2}})
    assert isinstance(parsed, InferenceDeployment)
    assert parsed.status is not None
    assert (parsed.status.replicas, parsed.status.observed_generation) == (3, 2)


def test_metadata_of_others_is_passed_over() -> None:
    """Managed fields, owner references and whatever Kubernetes adds."""
    obj = document(model={"name": "phi-4"})
    obj["metadata"] |= {"managedFields": [{"manager": "kubectl"}], "selfLink": "x", "labels": {"a": "b"}}
    assert parse_document(obj).metadata.labels == {"a": "b"}


def test_defaults_are_applied_when_a_document_is_read() -> None:
    """Not by the API server: the stored object says only what its author said."""
    parsed = parse_document(document(model={"name": "phi-4"}))
    assert isinstance(parsed, InferenceDeployment)
    assert parsed.spec.scaling.min_replicas == 1
    assert parsed.spec.serving.engine.value == "Auto"
