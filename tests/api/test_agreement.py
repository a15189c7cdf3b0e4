"""The API server and the offline reader judge every document alike, so what is planned offline can be applied."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from quartermaster.api.parse import InvalidDocumentError, parse_document
from tests.api.documents import HERE, Document, read_all, refusal
from tests.api.mutations import Mutation, mutations
from tests.lab.cluster import Cluster

PARALLEL_REQUESTS = 4


def refusal_offline(document: Document) -> str | None:
    """Return the reader's words when it refuses the document, and None when it does not."""
    try:
        parse_document(document)
    except InvalidDocumentError as refused:
        return str(refused)
    return None


@pytest.mark.lab
@pytest.mark.parametrize(
    "name", ["every-field", "three-thirds", "pool-every-field", "pool-that-only-could-grow", "pool-external", "profile"]
)
def test_the_api_server_and_the_reader_agree_on_every_damage_to_a_document(name: str, api: Cluster) -> None:
    """Each field removed, mistyped, stretched or emptied: both refuse, or both accept."""
    (document,) = read_all(HERE / "valid" / f"{name}.yaml")
    damaged = list(mutations(document))

    def judge(mutation: Mutation) -> str | None:
        by_server, offline = refusal(api, mutation.document), refusal_offline(mutation.document)
        if (by_server is None) == (offline is None):
            return None
        return f"{mutation.deed}: server {by_server or 'accepts'}; offline {offline or 'accepts'}"

    with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
        disagreements = [verdict for verdict in pool.map(judge, damaged) if verdict]
    assert disagreements == []
    refused = sum(refusal_offline(mutation.document) is not None for mutation in damaged)
    assert 0 < refused < len(damaged)
