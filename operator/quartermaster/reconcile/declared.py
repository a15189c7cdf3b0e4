"""An object of ours as declared: parsed once, or refused with a sentence. One broken object stops no other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from quartermaster.api import names
from quartermaster.api.parse import InvalidDocumentError, parse_document
from quartermaster.api.v1alpha1 import AcceleratorPool, InferenceDeployment, ModelProfile
from quartermaster.reconcile.outcome import Reference

D = TypeVar("D", InferenceDeployment, AcceleratorPool, ModelProfile)


@dataclass(frozen=True, slots=True)
class Declared(Generic[D]):
    """One object of ours: its document, or why it is refused."""

    cluster: str
    reference: Reference
    generation: int
    is_deleting: bool
    status: Mapping[str, Any] = field(hash=False)
    """The status as it was seen, raw."""
    document: D | None
    refusal: str = ""


def declared(cluster: str, kind: type[D], object_seen: Mapping[str, Any]) -> Declared[D]:
    """Return the object as declared; ``status`` is kept raw, because whoever wrote it cannot break us."""
    metadata = object_seen["metadata"]
    document: D | None = None
    refusal = ""
    try:
        # Objects in a list of the API server do not say their kind themselves.
        named = {"apiVersion": names.API_VERSION, "kind": kind.__name__, **object_seen}
        parsed = parse_document({field: value for field, value in named.items() if field != "status"})
        if isinstance(parsed, kind):
            document = parsed
        else:
            refusal = f"wanted {kind.__name__}, found {type(parsed).__name__}"
    except InvalidDocumentError as invalid:
        refusal = str(invalid)
    return Declared(
        cluster=cluster,
        reference=Reference(
            names.API_VERSION,
            kind.__name__,
            metadata.get("namespace", ""),
            metadata["name"],
            metadata.get("uid", ""),
        ),
        generation=metadata.get("generation", 0),
        is_deleting="deletionTimestamp" in metadata,
        status=object_seen.get("status") or {},
        document=document,
        refusal=refusal,
    )
