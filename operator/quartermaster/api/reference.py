"""The reference of fields as Markdown, made from the same schemas as the CustomResourceDefinitions. Pure text."""

from collections.abc import Iterator
from typing import Any, Final

from quartermaster.api.crd import KINDS, Kind
from quartermaster.api.rule import VALIDATIONS
from quartermaster.api.schema import root_schema

_HEADER: Final = ("| field | type | what it says |", "| --- | --- | --- |")


def markdown(*, with_status: bool = True) -> str:
    """Return one table of fields per kind, spec before status, and under each the rules that hold among its fields.

    A field in bold is required where its parent is given. Text ends with a line break.
    """
    return "\n".join(line for kind in KINDS for line in _section(kind, with_status=with_status)) + "\n"


def _section(kind: Kind, *, with_status: bool) -> Iterator[str]:
    schema = root_schema(kind.model)
    names = f"`kubectl get {kind.short_names[0]}`"
    scope = "namespaced" if kind.is_namespaced else "cluster-scoped"
    yield f"### {kind.name}"
    yield ""
    yield f"{schema['description']} ({scope}, {names})"
    yield ""
    yield from _HEADER
    parts = ("spec", "status") if with_status else ("spec",)
    for part in parts:
        if part in schema["properties"]:
            yield from _rows(schema["properties"][part], part)
    rules = [
        rule for part in parts if part in schema["properties"] for rule in _rules(schema["properties"][part], part)
    ]
    if rules:
        yield ""
        yield "Rules among fields:"
        yield ""
        yield from rules
    yield ""


def _rows(schema: dict[str, Any], path: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        place = f"{path}.{name}"
        shown = f"**`{place}`**" if name in required else f"`{place}`"
        yield f"| {shown} | {_type(field)} | {_cell(field['description'])} |"
        yield from _rows(field.get("items", field), f"{place}[]" if "items" in field else place)


def _rules(schema: dict[str, Any], path: str) -> Iterator[str]:
    if "properties" in schema:
        for rule in schema.get(VALIDATIONS, ()):
            yield f"- `{path}`: {rule['message']}."
    for name, field in schema.get("properties", {}).items():
        place = f"{path}.{name}"
        yield from _rules(field.get("items", field), f"{place}[]" if "items" in field else place)


def _type(field: dict[str, Any]) -> str:
    kind = field["type"]
    if "enum" in field:
        return "one of " + ", ".join(f"`{value}`" for value in field["enum"])
    if kind == "array":
        return f"list of {_type(field['items'])}, at most {field['maxItems']}"
    if kind == "integer":
        lowest, highest = field.get("minimum"), field.get("maximum")
        bounds = f"{lowest:,} to {highest:,}" if highest is not None else f"at least {lowest:,}"
        return f"integer, {bounds}"
    if "additionalProperties" in field:
        return f"map of strings, at most {field['maxProperties']}"
    return "object" if kind == "object" else f"{kind}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
