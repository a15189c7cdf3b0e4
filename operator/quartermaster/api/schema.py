"""Pydantic model → structural schema of a CRD. A small converter that refuses what it does not know.

The API server refuses ``$ref``, ``anyOf`` with null, ``additionalProperties: false`` beside ``properties``, ``const``
and more; what can be said without them is rewritten, everything else is an error: the model changes, not the converter.
Defaults are told in the description and applied when a document is read, so that no object holds them for ever.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from quartermaster.api.names import API_VERSION
from quartermaster.api.rule import VALIDATIONS

Schema = dict[str, Any]

LIST_TYPE: Final = "x-kubernetes-list-type"
LIST_KEYS: Final = "x-kubernetes-list-map-keys"
MAP_TYPE: Final = "x-kubernetes-map-type"

_INT32_MAX: Final = 2**31 - 1

_ANNOTATIONS: Final = frozenset({"title", "default", "description"})
_KEYWORDS_BY_TYPE: Final[Mapping[str, frozenset[str]]] = {
    "string": frozenset({"minLength", "maxLength", "pattern", "enum", "format", VALIDATIONS}),
    "integer": frozenset({"minimum", "maximum", VALIDATIONS}),
    "boolean": frozenset(),
    "array": frozenset({"items", "minItems", "maxItems", LIST_TYPE, LIST_KEYS, VALIDATIONS}),
    "object": frozenset(
        {"properties", "required", "additionalProperties", "minProperties", "maxProperties", MAP_TYPE, VALIDATIONS}
    ),
}
_COPIED_KEYWORDS: Final = (
    "enum",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    LIST_TYPE,
    LIST_KEYS,
    MAP_TYPE,
)


class UnsupportedSchemaError(ValueError):
    """A model says something that a structural schema cannot hold."""


def root_schema(model: type[BaseModel]) -> Schema:
    """Return the ``openAPIV3Schema`` of a kind: ``apiVersion``, ``kind`` and ``metadata`` as the API server wants them.

    Raises:
        UnsupportedSchemaError: when the model uses something that the API server would refuse.
    """
    generated = model.model_json_schema(by_alias=True)
    definitions = generated.pop("$defs", {})
    properties = dict(generated["properties"])
    own_names = ("apiVersion", "kind", "metadata")
    for name in own_names:
        properties.pop(name)
    required = [name for name in generated["required"] if name not in own_names]
    own = _Converter(definitions)
    schema: Schema = {
        "description": generated["description"],
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string", "description": f"Version of the schema: {API_VERSION}."},
            "kind": {"type": "string", "description": f"Kind of the object: {model.__name__}."},
            "metadata": {"type": "object"},  # the API server allows nothing more here
            **{name: own.convert(value, name) for name, value in properties.items()},
        },
        "required": required,
    }
    if VALIDATIONS in generated:
        schema[VALIDATIONS] = generated[VALIDATIONS]
    if "status" in schema["properties"]:
        _make_optional(schema["properties"]["status"], ())
    return schema


class _Converter:
    """Converts the schemas of one document, whose definitions it inlines."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        """Remember the document's definitions."""
        self._definitions = definitions

    def convert(self, source: Schema, path: str) -> Schema:
        """Return the structural form of one schema; ``path`` names it in errors."""
        schema = self._inlined(_without_null(source, path))
        kind = str(schema.get("type"))
        if kind not in _KEYWORDS_BY_TYPE:
            raise UnsupportedSchemaError(f"{path}: wanted one of {sorted(_KEYWORDS_BY_TYPE)}, found type {kind!r}")
        unknown = schema.keys() - _KEYWORDS_BY_TYPE[kind] - _ANNOTATIONS - {"type"}
        if unknown:
            raise UnsupportedSchemaError(f"{path}: a structural {kind} cannot hold {sorted(unknown)}: change the model")
        result: Schema = {"type": kind}
        if description := _described(source, schema):
            result["description"] = description
        if kind == "integer":
            result["format"] = _integer_format(schema)
        result |= {keyword: schema[keyword] for keyword in _COPIED_KEYWORDS if keyword in schema}
        if kind == "array":
            result["items"] = self.convert(schema["items"], f"{path}[]")
        elif kind == "object":
            result |= self._object(schema, path)
        if VALIDATIONS in schema:
            result[VALIDATIONS] = schema[VALIDATIONS]
        return result

    def _object(self, schema: Schema, path: str) -> Schema:
        if "properties" not in schema:
            values = schema.get("additionalProperties")
            if not isinstance(values, dict):
                raise UnsupportedSchemaError(f"{path}: wanted an object with fields or with bounded values")
            return {"additionalProperties": self.convert(values, f"{path}.*")}
        result: Schema = {
            "properties": {name: self.convert(value, f"{path}.{name}") for name, value in schema["properties"].items()}
        }
        if schema.get("required"):
            result["required"] = list(schema["required"])
        return result

    def _inlined(self, schema: Schema) -> Schema:
        if "$ref" not in schema:
            return schema
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        definition: Schema = self._definitions[schema["$ref"].removeprefix("#/$defs/")]
        return definition | beside


def _without_null(schema: Schema, path: str) -> Schema:
    """Return the schema without its null branch: optional means not required."""
    if "anyOf" not in schema:
        return schema
    branches = [branch for branch in schema["anyOf"] if branch != {"type": "null"}]
    if len(branches) != 1:
        raise UnsupportedSchemaError(f"{path}: wanted one type or none, found a union of {len(branches)}")
    branch: Schema = branches[0]
    return branch | {key: value for key, value in schema.items() if key != "anyOf"}


def _described(source: Schema, inlined: Schema) -> str:
    """Return the description, with a scalar default told at its end."""
    description = str(inlined.get("description", ""))
    default = source.get("default")
    if isinstance(default, str | int) and description:
        return f"{description} {default} when unset."
    return description


def _integer_format(schema: Schema) -> str:
    largest = schema.get("maximum")
    return "int32" if largest is not None and largest <= _INT32_MAX else "int64"


def _make_optional(schema: Schema, keys: tuple[str, ...]) -> None:
    """Require nothing of a status but what identifies a list's items, so that every version can read every status."""
    required = [name for name in schema.get("required", ()) if name in keys]
    schema.pop("required", None)
    if required:
        schema["required"] = required
    for value in schema.get("properties", {}).values():
        _make_optional(value, ())
    if "items" in schema:
        _make_optional(schema["items"], tuple(schema.get(LIST_KEYS, ())))
