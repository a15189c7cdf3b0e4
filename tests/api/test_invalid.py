"""Invalid objects: the API server and the offline reader refuse each with the field and the remedy."""

from pathlib import Path

import pytest

from quartermaster.api.parse import InvalidDocumentError, parse_document
from tests.api.documents import INVALID_FILES, Invalid, refusal
from tests.lab.cluster import Cluster


def test_there_are_enough_of_them() -> None:
    """At least forty, for every kind."""
    assert len(INVALID_FILES) >= 40
    assert {Invalid.read(path).document["kind"] for path in INVALID_FILES} == {
        "InferenceDeployment",
        "AcceleratorPool",
        "ModelProfile",
    }


@pytest.mark.lab
@pytest.mark.parametrize("path", INVALID_FILES, ids=lambda path: path.stem)
def test_an_invalid_object_is_refused_with_its_field_and_the_remedy(path: Path, api: Cluster) -> None:
    """By the API server, in one message."""
    invalid = Invalid.read(path)
    message = refusal(api, invalid.document)
    assert message is not None, f"{path.name} was accepted"
    assert invalid.field.split(".")[-1] in message
    assert invalid.field in message or "unknown field" in message, message
    assert invalid.remedy in message, message


@pytest.mark.parametrize("path", INVALID_FILES, ids=lambda path: path.stem)
def test_an_invalid_object_is_refused_offline_with_the_same_remedy(path: Path) -> None:
    """By the reader, as a problem at that very field."""
    invalid = Invalid.read(path)
    with pytest.raises(InvalidDocumentError) as refused:
        parse_document(invalid.document)
    at_field = [problem for problem in refused.value.problems if problem.path.startswith(invalid.field)]
    assert any(invalid.remedy_offline in str(problem) for problem in at_field), str(refused.value)
