"""The objects that an informer keeps: what a trim left of them, by namespace and name.

Only keeping and comparing live here; where objects come from is `informer`, what is kept of them is `trim`.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic

from quartermaster.cluster.change import Change, Key, T

Trim = Callable[[dict[str, Any]], T | None]
"""What is kept of an object; None where it is not kept at all. A `ValueError` refuses the object, with the reason."""


class Store(Mapping[Key, T], Generic[T]):
    """A mapping of what is kept. It changes in place, between two awaits: copy what has to stay as it is.

    `refused_by_key` says why an object that exists is not kept, so that it can be reported instead of being lost.
    """

    def __init__(self, trim: Trim[T], on_change: Callable[[Change[T]], None] | None) -> None:
        """Start empty; `on_change` is called for each change, after it was made."""
        self._trim = trim
        self._on_change = on_change
        self._kept: dict[Key, T] = {}
        self.refused_by_key: dict[Key, str] = {}

    def __getitem__(self, key: Key) -> T:
        """What is kept of an object."""
        return self._kept[key]

    def __iter__(self) -> Iterator[Key]:
        """The keys, in the order in which the objects came."""
        return iter(self._kept)

    def __len__(self) -> int:
        """How many objects are kept."""
        return len(self._kept)

    def put(self, document: dict[str, Any]) -> None:
        """Keep what the trim leaves of an object, in place of what was kept of it before."""
        self._set(key_of(document), _trimmed(self._trim, document, self.refused_by_key))

    def remove(self, document: dict[str, Any]) -> None:
        """Forget an object."""
        key = key_of(document)
        self.refused_by_key.pop(key, None)
        self._set(key, None)

    def draft(self) -> "Draft[T]":
        """A new list in the making: the store stays as it is until `become` is called with it."""
        return Draft(self, self._trim)

    def become(self, draft: "Draft[T]") -> None:
        """Be as a complete list is, and tell what vanished unseen, what came, and what differs."""
        self.refused_by_key = draft.refused_by_key
        for key in [key for key in self._kept if key not in draft.kept_by_key]:
            self._set(key, None)
        for key, kept in draft.kept_by_key.items():
            self._set(key, kept)

    def _set(self, key: Key, after: T | None) -> None:
        before = self._kept.get(key)
        # Most events change nothing that is kept (heartbeats, for one): they end here.
        if before == after:
            return
        if after is None:
            del self._kept[key]
        else:
            self._kept[key] = after
        if self._on_change is not None:
            self._on_change(Change(key, before, after))


class Draft(Generic[T]):
    """A list that is still coming in."""

    def __init__(self, store: Mapping[Key, T], trim: Trim[T]) -> None:
        """Start with nothing seen; `store` is what is kept so far."""
        self._store = store
        self._trim = trim
        self.kept_by_key: dict[Key, T] = {}
        self.refused_by_key: dict[Key, str] = {}

    def put(self, document: dict[str, Any]) -> None:
        """Take note of an object; one that the store has already, unchanged, is not held twice."""
        key = key_of(document)
        kept = _trimmed(self._trim, document, self.refused_by_key)
        if kept is None:
            self.kept_by_key.pop(key, None)
            return
        before = self._store.get(key)
        self.kept_by_key[key] = before if before is not None and before == kept else kept

    def remove(self, document: dict[str, Any]) -> None:
        """Forget an object that went away while the list came in."""
        key = key_of(document)
        self.kept_by_key.pop(key, None)
        self.refused_by_key.pop(key, None)


def key_of(document: Mapping[str, Any]) -> Key:
    """The namespace and name of an object; namespaces are few, so each is held once."""
    metadata = document["metadata"]
    return sys.intern(metadata.get("namespace") or ""), metadata["name"]


def _trimmed(trim: Trim[T], document: dict[str, Any], refused_by_key: dict[Key, str]) -> T | None:
    """What is kept of an object; a refusal is noted, and forgotten once the object can be read."""
    key = key_of(document)
    try:
        kept = trim(document)
    except ValueError as error:
        refused_by_key[key] = str(error)
        return None
    refused_by_key.pop(key, None)
    return kept
