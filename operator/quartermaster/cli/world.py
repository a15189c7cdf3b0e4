"""Objects, from files or from a cluster → one look at the world. Offline and live verbs go through the same door."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from quartermaster.api import names
from quartermaster.api.parse import MODEL_BY_KIND, InvalidDocumentError, parse_document
from quartermaster.api.problem import Problem
from quartermaster.api.v1alpha1 import AcceleratorPool, InferenceDeployment, ModelProfile
from quartermaster.cli.files import BadInputError, Located
from quartermaster.cli.outline import OUTLINE_BY_TYPE
from quartermaster.cluster import trim
from quartermaster.reconcile.declared import declared
from quartermaster.reconcile.observation import Observed

Object = dict[str, Any]
Identity = tuple[str, str, str]
"""Kind, namespace, name."""

_CLUSTER = names.LOCAL_CLUSTER
_NAMESPACED = frozenset({"Pod", "Deployment", "InferenceDeployment"})
_VERSION_BY_KIND = {kind: version for version, kind in OUTLINE_BY_TYPE}
_DEFAULT_NAMESPACE = "default"


def known(located: Sequence[Located]) -> tuple[list[Located], Counter[str]]:
    """Return the objects that a plan is made from, and a count by kind of those that it is not.

    Raises:
        BadInputError: naming file, line, field, what was wanted and found, and what to do; every problem at once.
    """
    kept: list[Located] = []
    skipped: Counter[str] = Counter()
    lines: list[str] = []
    for entry in located:
        if not _matters(entry.object):
            skipped[entry.object["kind"]] += 1
            continue
        kept.append(entry)
        told = [(entry.line_of(problem.path), problem) for problem in _problems(entry.object)]
        told.sort(key=lambda one: one[0])
        lines += [f"{entry.path}:{line}: {entry.name}: {problem}" for line, problem in told]
    if not lines:
        lines = [
            f"{again.place()}: {again.name}: wanted each object once, found it at {first.place()} as well: "
            "remove one of them"
            for first, again in _repeated(kept)
        ]
    if lines:
        raise BadInputError("\n".join(lines))
    return kept, skipped


def _matters(document: Object) -> bool:
    """Whether the object is of a kind that a plan is made from. One of our own group is, if only to be refused."""
    version, kind = document.get("apiVersion"), document["kind"]
    is_of_our_group = isinstance(version, str) and version.startswith(f"{names.GROUP}/")
    # Without an apiVersion the kind alone tells what was meant; another group may have a kind of the same name.
    is_of_kubernetes = kind in _VERSION_BY_KIND and version in {None, _VERSION_BY_KIND[kind]}
    return is_of_our_group or is_of_kubernetes or kind in MODEL_BY_KIND


def _problems(document: Object) -> Iterator[Problem]:
    version, kind = document.get("apiVersion"), document["kind"]
    if kind not in _VERSION_BY_KIND:
        try:
            parse_document(document)
        except InvalidDocumentError as invalid:
            yield from invalid.problems
    elif version is None:
        wanted = _VERSION_BY_KIND[kind]
        yield Problem("apiVersion", wanted, "nothing", f"set apiVersion to {wanted}")
    else:
        yield from OUTLINE_BY_TYPE[version, kind](document, "")


def _repeated(located: Sequence[Located]) -> Iterator[tuple[Located, Located]]:
    first_by_identity: dict[Identity, Located] = {}
    for entry in located:
        first = first_by_identity.setdefault(identity(entry.object), entry)
        if first is not entry:
            yield first, entry


def identity(document: Object) -> Identity:
    """Return what tells an object from others."""
    metadata, kind = document["metadata"], document["kind"]
    namespace = metadata.get("namespace") or _DEFAULT_NAMESPACE if kind in _NAMESPACED else ""
    return kind, namespace, metadata["name"]


def observed(objects: Iterable[Object], *, now: datetime | None = None) -> Observed:
    """Return a look at a world that holds these objects. A later object replaces an earlier one of the same name."""
    of_kind: dict[str, list[Object]] = {}
    document_by_identity = {identity(document): document for document in objects}
    for (kind, _, _), document in sorted(document_by_identity.items(), key=lambda entry: entry[0]):
        of_kind.setdefault(kind, []).append(_completed(document))
    return Observed(
        now=now or datetime.now(UTC),
        now_seconds=0.0,
        nodes=tuple(trim.node(_CLUSTER)(document) for document in of_kind.get("Node", ())),
        pods=tuple(trim.pod(_CLUSTER)(document) for document in of_kind.get("Pod", ())),
        children=tuple(trim.child(_CLUSTER, "Deployment")(document) for document in of_kind.get("Deployment", ())),
        deployments=tuple(
            declared(_CLUSTER, InferenceDeployment, document) for document in of_kind.get("InferenceDeployment", ())
        ),
        pools=tuple(declared(_CLUSTER, AcceleratorPool, document) for document in of_kind.get("AcceleratorPool", ())),
        profiles=tuple(declared(_CLUSTER, ModelProfile, document) for document in of_kind.get("ModelProfile", ())),
    )


def _completed(document: Object) -> Object:
    """Return the object with what an API server would have filled in: namespace, uid, and a node's readiness."""
    kind, namespace, name = identity(document)
    metadata = {"uid": f"{kind}/{namespace}/{name}", **document["metadata"]}
    if namespace:
        metadata["namespace"] = namespace
    completed = {**document, "metadata": metadata}
    if kind == "Deployment":
        completed["spec"] = {"replicas": 1, **(document.get("spec") or {})}
        completed["status"] = document.get("status") or {}
    if kind == "Node":
        status = dict(document.get("status") or {})
        conditions = status.get("conditions") or []
        if not any(condition["type"] == "Ready" for condition in conditions):
            # Whoever writes a node into a file means one that works.
            status["conditions"] = [*conditions, {"type": "Ready", "status": "True"}]
        status["allocatable"] = status.get("allocatable") or status.get("capacity") or {}
        completed["status"] = status
    return completed
