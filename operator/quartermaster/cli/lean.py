"""Ordinary YAML read quickly: values without their places, straight from the parser's events. Nothing is judged here.

What is not ordinary (tags, merged or repeated keys, keys that are no text, what holds itself, broken text) is left to
the slow way, which knows the line of everything. What is read here is what the slow way would make of it.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import yaml

_TEXT: Final = "tag:yaml.org,2002:str"
_MERGE: Final = "<<"


class NotOrdinaryError(Exception):
    """The text needs the slow way."""


class Loader(yaml.CSafeLoader):
    """YAML as the API server reads it: dates stay text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def documents(text: str) -> list[Any]:
    """Return the documents of a text.

    Raises:
        NotOrdinaryError: when the slow way has to read it.
    """
    loader = Loader(text)
    try:
        return _Reading(loader.get_event).documents()
    except (yaml.YAMLError, ValueError, RecursionError):
        raise NotOrdinaryError from None
    finally:
        loader.dispose()


class _Reading:
    """One text being read."""

    def __init__(self, get: Callable[[], Any]) -> None:
        self._get = get
        self._value_by_anchor: dict[str, Any] = {}

    def documents(self) -> list[Any]:
        found: list[Any] = []
        while (event := self._get()).__class__ is not yaml.StreamEndEvent:
            if event.__class__ is yaml.DocumentStartEvent:
                self._value_by_anchor.clear()
                found.append(self._value(self._get()))
        return found

    def _value(self, event: Any) -> Any:
        """Return the value that begins with an event."""
        kind = event.__class__
        if kind is yaml.AliasEvent:
            if event.anchor not in self._value_by_anchor:
                raise NotOrdinaryError
            return self._value_by_anchor[event.anchor]
        if event.tag is not None:
            raise NotOrdinaryError
        if kind is yaml.ScalarEvent:
            value = _plain(event.value) if event.implicit[0] else event.value
        elif kind is yaml.MappingStartEvent:
            value = self._mapping()
        else:
            value = self._sequence()
        if event.anchor is not None:
            self._value_by_anchor[event.anchor] = value
        return value

    def _mapping(self) -> dict[str, Any]:
        get, found = self._get, dict[str, Any]()
        while (event := get()).__class__ is not yaml.MappingEndEvent:
            key = self._value(event)
            if key.__class__ is not str or key in found or key == _MERGE:
                raise NotOrdinaryError
            found[key] = self._value(get())
        return found

    def _sequence(self) -> list[Any]:
        get, found = self._get, list[Any]()
        while (event := get()).__class__ is not yaml.SequenceEndEvent:
            found.append(self._value(event))
        return found


@lru_cache(maxsize=65_536)
def _plain(text: str) -> Any:
    """Return what a text without quotes stands for: nothing, a truth, a number, or itself."""
    resolver = _Scalars()
    tag = resolver.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call] # not typed by PyYAML
    return text if tag == _TEXT else resolver.construct_object(yaml.ScalarNode(tag, text))


class _Scalars(yaml.resolver.Resolver, yaml.constructor.SafeConstructor):
    """What a text without quotes is, and its value."""

    yaml_implicit_resolvers = Loader.yaml_implicit_resolvers

    def __init__(self) -> None:
        yaml.resolver.Resolver.__init__(self)
        yaml.constructor.SafeConstructor.__init__(self)
