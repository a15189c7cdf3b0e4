"""Valid objects: no valid one is refused, neither by the API server nor offline."""

from pathlib import Path

import pytest

from quartermaster.api.parse import parse_document
from tests.api.documents import VALID_FILES, read_all, refusal
from tests.lab.cluster import Cluster


@pytest.mark.lab
@pytest.mark.parametrize("path", VALID_FILES, ids=lambda path: path.stem)
def test_a_valid_object_is_accepted_by_the_api_server(path: Path, api: Cluster) -> None:
    """With strict field validation."""
    for document in read_all(path):
        assert refusal(api, document) is None


@pytest.mark.parametrize("path", VALID_FILES, ids=lambda path: path.stem)
def test_a_valid_object_is_read_offline(path: Path) -> None:
    """Into a model of its kind and name."""
    for document in read_all(path):
        parsed = parse_document(document)
        assert (parsed.kind, parsed.metadata.name) == (document["kind"], document["metadata"]["name"])
