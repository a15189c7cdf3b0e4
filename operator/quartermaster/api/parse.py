"""The door: a document of ours becomes a model, or an error that says field by field what is wrong. No files here.

Offline this refuses exactly what the API server refuses; tests hold both against each other.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from pydantic import ValidationError

from quartermaster.api.names import API_VERSION
from quartermaster.api.problem import Problem, problems_of, shown
from quartermaster.api.v1alpha1 import AcceleratorPool, InferenceDeployment, ModelProfile

Document = InferenceDeployment | AcceleratorPool | ModelProfile

MODEL_BY_KIND: Final[Mapping[str, type[Document]]] = {
    "InferenceDeployment": InferenceDeployment,
    "AcceleratorPool": AcceleratorPool,
    "ModelProfile": ModelProfile,
}


class InvalidDocumentError(ValueError):
    """A document that the API refuses. ``problems`` lists everything that was found at once."""

    def __init__(self, kind: str, name: str, problems: tuple[Problem, ...]) -> None:
        """Name the object and keep its problems, of which there is at least one."""
        super().__init__(f"{kind}/{name}: " + "; ".join(str(problem) for problem in problems))
        self.kind = kind
        self.name = name
        self.problems = problems


def parse_document(obj: Mapping[str, Any]) -> Document:
    """Return the model of a document as YAML or JSON holds it.

    A status that another version wrote and this one cannot read is passed over: it is judged anew from what is seen.

    Raises:
        InvalidDocumentError: when the kind is not ours, or a field or a rule is broken.
    """
    kind, name = _identity(obj)
    model = MODEL_BY_KIND.get(kind)
    if model is None:
        raise _refused(kind, name, "kind", f"one of {', '.join(MODEL_BY_KIND)}", kind)
    if obj.get("apiVersion") != API_VERSION:
        raise _refused(kind, name, "apiVersion", API_VERSION, shown(obj.get("apiVersion")))
    stated = _without_nulls({key: value for key, value in obj.items() if key != "status"})
    try:
        parsed = _validated(model, stated)
    except ValidationError as refused:
        raise InvalidDocumentError(kind, name, problems_of(refused.errors(include_url=False))) from None
    status = obj.get("status")
    if not status or "status" not in model.model_fields:
        return parsed
    try:
        return _validated(model, {**stated, "status": status})
    except ValidationError:
        return parsed


def _validated(model: type[Document], obj: Mapping[str, Any]) -> Document:
    # Through JSON, because strict JSON is what the API server reads: "3" is no number, and a list is a list.
    return model.model_validate_json(json.dumps(obj, default=_plain), strict=True, by_alias=True, by_name=False)


def _plain(value: Any) -> str:
    """Return dates, which YAML makes of unquoted text, as the text that the API server would see."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"wanted a document of plain YAML or JSON, found a {type(value).__name__}: write plain values")


def _identity(obj: Mapping[str, Any]) -> tuple[str, str]:
    metadata = obj.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return str(obj.get("kind") or "object"), str(name or "?")


def _without_nulls(value: Any) -> Any:
    """Return the value without fields that are null: the API server drops them, too, but not from lists."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_without_nulls(child) for child in value]
    return value


def _refused(kind: str, name: str, path: str, wanted: str, found: str) -> InvalidDocumentError:
    remedy = f"set {path} to {wanted}"
    return InvalidDocumentError(kind, name, (Problem(path, wanted, found, remedy),))
