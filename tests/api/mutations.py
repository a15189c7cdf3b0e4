"""Small damages to a valid document: every field removed, mistyped, stretched, emptied. Values only, no judgement."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
Location = tuple[str | int, ...]

_TEXTS: tuple[Any, ...] = (
    "",
    "x" * 5000,
    "two words",
    "UPPER",
    "ends-",
    "a\n",
    "größe",
    "0",
    "1",
    "1.5",
    "01",
    "1e3",
    "-1",
    "2027-02-30",
)
_NUMBERS: tuple[Any, ...] = (-1, 0, 1, 10**6, 10**12, 2**63, 1.5)
_OTHER_TYPES: tuple[Any, ...] = (None, True, "text", 3, 2.5, [], {}, ["text"], {"unknown": "text"})
_ITEMS = 200


@dataclass(frozen=True)
class Mutation:
    """A damaged document and what was done to it."""

    deed: str
    document: Document


def mutations(document: Document) -> Iterator[Mutation]:
    """Yield every damage to the spec, one at a time."""
    for location, value in _walk(document["spec"], ("spec",)):
        yield Mutation(f"{_shown(location)} removed", _without(document, location))
        for damaged in _damages(value):
            text = repr(damaged)
            yield Mutation(
                f"{_shown(location)} = {text[:60]} ({len(text)} characters)", _with(document, location, damaged)
            )


def _damages(value: Any) -> Iterator[Any]:
    yield from _OTHER_TYPES
    if isinstance(value, str):
        yield from _TEXTS
    elif isinstance(value, int):
        yield from _NUMBERS
    elif isinstance(value, list):
        yield [*value, value[0]]
        yield [*value, None]
        yield [value[0]] * _ITEMS
    elif isinstance(value, dict):
        yield {**value, "not_a_field": "text"}
        yield {**value, "notAField": "text"}
        yield {f"key-{number}": "text" for number in range(_ITEMS)}


def _walk(value: Any, location: Location) -> Iterator[tuple[Location, Any]]:
    yield location, value
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _walk(child, (*location, key))
    elif isinstance(value, list):
        for index, child in enumerate(value[:2]):
            yield from _walk(child, (*location, index))


def _with(document: Document, location: Location, value: Any) -> Document:
    changed = copy.deepcopy(document)
    _parent(changed, location)[location[-1]] = copy.deepcopy(value)
    return changed


def _without(document: Document, location: Location) -> Document:
    changed = copy.deepcopy(document)
    del _parent(changed, location)[location[-1]]
    return changed


def _parent(document: Any, location: Location) -> Any:
    for step in location[:-1]:
        document = document[step]
    return document


def _shown(location: Location) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).strip(".")
