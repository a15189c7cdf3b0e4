"""Objects, from files or from a cluster → one look at the world. Offline and live verbs go through the same door."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from quartermaster.api import names
from quartermaster.api.parse import InvalidDocumentError, parse_document
from quartermaster.api.v1alpha1 import AcceleratorPool, InferenceDeployment, ModelProfile
from quartermaster.cli.files import BadInputError, Located
from quartermaster.cluster import trim
from quartermaster.reconcile.declared import declared
from quartermaster.reconcile.observation import Observed

_CLUSTER = names.LOCAL_CLUSTER
_CHILD_KINDS = frozenset({"Deployment", "Service", "PodDisruptionBudget", "EndpointSlice"})
_DECLARED = {
    "InferenceDeployment": InferenceDeployment,
    "AcceleratorPool": AcceleratorPool,
    "ModelProfile": ModelProfile,
}
_DEFAULT_NAMESPACE = "default"


def check(located: Sequence[Located]) -> None:
    """Refuse objects of ours that are not valid.

    Raises:
        BadInputError: naming file, line, field, what was wanted and found, and what to do; every problem at once.
    """
    lines = []
    for entry in located:
        if entry.object["kind"] not in _DECLARED:
            continue
        try:
            parse_document(entry.object)
        except InvalidDocumentError as invalid:
            lines += [f"{entry.path}:{entry.line_of(p.path)}: {entry.name}: {p}" for p in invalid.problems]
    if lines:
        raise BadInputError("\n".join(lines))


def observed(objects: Iterable[dict[str, Any]], *, now: datetime | None = None) -> Observed:
    """Return a look at a world that holds these objects. A later object replaces an earlier one of the same name."""
    by_identity: dict[tuple[str, str, str], dict[str, Any]] = {}
    for given in objects:
        document = _completed(given)
        metadata = document["metadata"]
        by_identity[document["kind"], metadata.get("namespace", ""), metadata["name"]] = document
    of_kind: dict[str, list[dict[str, Any]]] = {}
    for (kind, _, _), document in sorted(by_identity.items()):
        of_kind.setdefault(kind, []).append(document)
    return Observed(
        now=now or datetime.now(UTC),
        now_seconds=0.0,
        nodes=tuple(trim.node(_CLUSTER)(document) for document in of_kind.get("Node", ())),
        pods=tuple(trim.pod(_CLUSTER)(document) for document in of_kind.get("Pod", ())),
        children=tuple(
            trim.child(_CLUSTER, kind)(document) for kind in sorted(_CHILD_KINDS) for document in of_kind.get(kind, ())
        ),
        deployments=tuple(
            declared(_CLUSTER, InferenceDeployment, document) for document in of_kind.get("InferenceDeployment", ())
        ),
        pools=tuple(declared(_CLUSTER, AcceleratorPool, document) for document in of_kind.get("AcceleratorPool", ())),
        profiles=tuple(declared(_CLUSTER, ModelProfile, document) for document in of_kind.get("ModelProfile", ())),
    )


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    """Return the object with what an API server would have filled in: namespace, uid, and a node's readiness."""
    metadata = dict(document.get("metadata") or {})
    kind = document["kind"]
    if kind in _CHILD_KINDS | {"Pod", "InferenceDeployment"}:
        metadata.setdefault("namespace", _DEFAULT_NAMESPACE)
    metadata.setdefault("uid", f"{kind}/{metadata.get('namespace', '')}/{metadata.get('name', '')}")
    completed = {**document, "metadata": metadata}
    if kind == "Node":
        status = dict(document.get("status") or {})
        conditions = status.get("conditions") or []
        if not any(condition.get("type") == "Ready" for condition in conditions):
            # Whoever writes a node into a file means one that works.
            status["conditions"] = [*conditions, {"type": "Ready", "status": "True"}]
        status.setdefault("allocatable", status.get("capacity") or {})
        completed["status"] = status
    return completed
