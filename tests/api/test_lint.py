"""The conventions of the API, judged over the generated schema."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from quartermaster.api.crd import crds
from quartermaster.api.rule import VALIDATIONS
from quartermaster.api.schema import LIST_KEYS, LIST_TYPE, MAP_TYPE

CAMEL_CASE = re.compile(r"[A-Z][A-Za-z0-9]*")
FIELD_NAME = re.compile(r"[a-z][a-zA-Z0-9]*")
DURATION_WORDS = re.compile(r"(delay|timeout|period|duration|latency|interval|time(?!stamp))", re.IGNORECASE)
POINTS_IN_TIME = frozenset({"lastTransitionTime", "time"})
STANDARD_CONDITION = frozenset({"type", "status", "reason", "message", "lastTransitionTime", "observedGeneration"})


@dataclass(frozen=True)
class Node:
    """One schema with its path: ``Kind.spec.model.name``, ``[]`` for items, ``.*`` for values of a map."""

    path: str
    schema: dict[str, Any]
    name: str = ""
    """The field's name; empty for items and values."""

    def __str__(self) -> str:
        """Name the node in the test's identifier."""
        return self.path


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and everything below it."""
    yield node
    for name, child in node.schema.get("properties", {}).items():
        yield from walk(Node(f"{node.path}.{name}", child, name))
    if "items" in node.schema:
        yield from walk(Node(f"{node.path}[]", node.schema["items"]))
    if "additionalProperties" in node.schema:
        yield from walk(Node(f"{node.path}.*", node.schema["additionalProperties"]))


ROOTS = [Node(crd["spec"]["names"]["kind"], crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]) for crd in crds()]
NODES = [node for root in ROOTS for node in walk(root)]
OWN_NODES = [node for node in NODES if node.name not in {"apiVersion", "kind", "metadata"} or node.path.count(".") > 1]


def offenders(nodes: list[Node]) -> list[str]:
    """Return the paths of the nodes, for a readable failure."""
    return [node.path for node in nodes]


def test_there_is_something_to_judge() -> None:
    """The walk reaches the depth of every kind."""
    assert len(NODES) > 200
    assert any(node.path == "InferenceDeployment.spec.serving.engines[].args[]" for node in NODES)


def test_no_field_is_a_float() -> None:
    """Money, rates and ratios are decimal strings or integers."""
    assert offenders([node for node in NODES if node.schema["type"] == "number"]) == []


def test_every_string_is_bounded() -> None:
    """Each has a longest length, an enumeration or a format."""
    unbounded = [
        node
        for node in OWN_NODES
        if node.schema["type"] == "string" and not {"maxLength", "enum", "format"} & node.schema.keys()
    ]
    assert offenders(unbounded) == []


def test_every_list_is_bounded_and_says_how_it_merges() -> None:
    """Each has ``maxItems`` and a list type, and a map-list has keys that its items require."""
    for node in NODES:
        if node.schema["type"] != "array":
            continue
        assert "maxItems" in node.schema, node.path
        assert node.schema[LIST_TYPE] in {"atomic", "set", "map"}, node.path
        assert (node.schema[LIST_TYPE] == "map") == (LIST_KEYS in node.schema), node.path
        for key in node.schema.get(LIST_KEYS, ()):
            assert key in node.schema["items"]["required"], node.path


def test_every_list_of_scalars_that_is_no_argument_list_holds_each_once() -> None:
    """Only the order and repetition of arguments means something."""
    repeating = [
        node
        for node in NODES
        if node.schema["type"] == "array"
        and node.schema["items"]["type"] != "object"
        and node.schema[LIST_TYPE] != "set"
        and node.name != "args"
    ]
    assert offenders(repeating) == []


def test_every_map_is_bounded_and_says_how_it_merges() -> None:
    """Each has ``maxProperties`` and a map type."""
    for node in NODES:
        if "additionalProperties" in node.schema:
            assert "maxProperties" in node.schema, node.path
            assert node.schema[MAP_TYPE] in {"atomic", "granular"}, node.path


def test_every_field_is_described() -> None:
    """A description ends as a sentence does; the API server lets ``metadata`` have none."""
    mute = [
        node
        for node in NODES
        if node.name and node.name != "metadata" and not node.schema.get("description", "").endswith(".")
    ]
    assert offenders(mute) == []


def test_field_names_are_camel_case() -> None:
    """They begin with a small letter and hold no hyphen or underscore."""
    assert offenders([node for node in NODES if node.name and not FIELD_NAME.fullmatch(node.name)]) == []


def test_enumerations_are_camel_case_words() -> None:
    """Values such as OnDemand or BF16; nothing with spaces, hyphens or small initials."""
    for node in NODES:
        for value in node.schema.get("enum", ()):
            assert CAMEL_CASE.fullmatch(value), f"{node.path}: {value}"


def test_durations_are_integers_that_name_their_unit() -> None:
    """A field that speaks of a length of time ends in Seconds or Milliseconds and is an integer."""
    for node in OWN_NODES:
        if DURATION_WORDS.search(node.name) and node.name not in POINTS_IN_TIME:
            assert node.name.endswith(("Seconds", "Milliseconds")), node.path
        if node.name.endswith(("Seconds", "Milliseconds")) and node.schema["type"] != "integer":
            # A measured coefficient of nanoseconds cannot be an integer: a decimal string then.
            assert node.path.startswith("ModelProfile.spec."), node.path


def test_every_integer_is_bounded_and_has_a_format() -> None:
    """In a spec from both sides; in a status from below."""
    for node in NODES:
        if node.schema["type"] == "integer":
            assert node.schema["format"] in {"int32", "int64"}, node.path
            assert "minimum" in node.schema, node.path
            assert "maximum" in node.schema or ".status" in node.path, node.path


def test_there_is_no_boolean() -> None:
    """An enumeration instead: a second word is easy to add, a third truth value is not."""
    assert offenders([node for node in NODES if node.schema["type"] == "boolean"]) == []


def test_there_are_no_defaults() -> None:
    """A default in the schema is written into every object for ever; ours apply when a document is read."""
    assert offenders([node for node in NODES if "default" in node.schema]) == []


def test_nothing_is_nullable_and_no_unknown_field_is_kept() -> None:
    """What is unset is absent."""
    keywords = {"nullable", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"}
    assert offenders([node for node in NODES if keywords & node.schema.keys()]) == []


def test_everything_in_status_is_optional() -> None:
    """Nothing is required of a status but what identifies the items of its lists."""
    for root in ROOTS:
        assert "status" not in root.schema["required"]
        status = root.schema["properties"].get("status")
        for node in walk(Node(f"{root.path}.status", status)) if status else ():
            parent = next((other for other in NODES if f"{other.path}[]" == node.path), None)
            keys = parent.schema.get(LIST_KEYS, []) if parent else []
            assert set(node.schema.get("required", ())) == set(keys), node.path


@pytest.mark.parametrize("kind", ["InferenceDeployment", "AcceleratorPool"])
def test_conditions_are_a_map_list_keyed_by_type(kind: str) -> None:
    """As metav1.Condition, so that kstatus, Argo CD and Flux read them."""
    conditions = next(node.schema for node in NODES if node.path == f"{kind}.status.conditions")
    assert conditions[LIST_TYPE] == "map"
    assert conditions[LIST_KEYS] == ["type"]
    assert conditions["items"]["properties"].keys() == STANDARD_CONDITION
    assert not any(node.name == "phase" for node in NODES)


def test_every_rule_says_what_was_wanted_and_what_to_do() -> None:
    """A message reads "wanted ...: do this"; a rule among fields names the field that it judges."""
    for node in NODES:
        for rule in node.schema.get(VALIDATIONS, ()):
            assert re.fullmatch(r"wanted .{4,}: .{4,}", rule["message"]), f"{node.path}: {rule['message']}"
            if "fieldPath" in rule:
                name = rule["fieldPath"].split(".")[-1]
                assert name in rule["message"], f"{node.path}: {rule['message']}"


def test_no_string_is_refused_by_a_bare_expression() -> None:
    """What a person writes is judged by a rule with a remedy; ``pattern`` is left to what only we write."""
    assert offenders([node for node in NODES if "pattern" in node.schema and ".status" not in node.path]) == []
