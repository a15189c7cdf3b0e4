"""The documents that the API's tests send: files with the words that their refusal must say, and mutations of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.lab.client import RefusedError
from tests.lab.cluster import Cluster

HERE = Path(__file__).parent
INVALID_FILES = sorted((HERE / "invalid").glob("*.yaml"))
VALID_FILES = sorted((HERE / "valid").glob("*.yaml"))

Document = dict[str, Any]

_PLURALS = {
    "InferenceDeployment": "namespaces/default/inferencedeployments",
    "AcceleratorPool": "acceleratorpools",
    "ModelProfile": "modelprofiles",
}


@dataclass(frozen=True)
class Invalid:
    """A document that must be refused, with what the refusal must say.

    The file's first lines are comments: ``# refused: <field>``, ``# says: <remedy>`` and, where the API server's own
    words differ from ours, ``# says offline: <remedy>``.
    """

    path: Path
    field: str
    remedy: str
    remedy_offline: str
    document: Document

    @classmethod
    def read(cls, path: Path) -> "Invalid":
        """Read a file of ``invalid/``; LookupError when its header is not there."""
        text = path.read_text(encoding="utf-8")
        said = {}
        for line in text.splitlines():
            if line.startswith("# ") and ": " in line:
                key, _, value = line.removeprefix("# ").partition(": ")
                said[key] = value
        if not {"refused", "says"} <= said.keys():
            raise LookupError(f"{path}: wanted '# refused: <field>' and '# says: <remedy>' at its head: add them")
        return cls(path, said["refused"], said["says"], said.get("says offline", said["says"]), next(read_all(path)))


class _Loader(yaml.SafeLoader):
    """Reads YAML as kubectl does: a date without quotes is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_all(path: Path) -> Iterator[Document]:
    """Yield the documents of a file."""
    documents = yaml.load_all(path.read_text(encoding="utf-8"), Loader=_Loader)
    yield from (document for document in documents if document)


def refusal(cluster: Cluster, document: Document) -> str | None:
    """Return the API server's words when it refuses to create the document, and None when it would; nothing is kept."""
    path = f"/apis/{document['apiVersion']}/{_PLURALS[document['kind']]}"
    query = {"dryRun": "All", "fieldValidation": "Strict"}
    try:
        cluster.client.request("POST", path, query=query, body=document)
    except RefusedError as refused:
        if refused.code not in {400, 422}:
            raise
        return refused.message
    return None
