"""Lists and watches as the API server streams them, turned into events one at a time.

A watch is one JSON object per line. Only reading and splitting live here; what an event means to a cache is `informer`.
"""

import json
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any

from quartermaster.cluster import errors
from quartermaster.cluster.errors import ApiError

INITIAL_EVENTS_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a watch: `type` is `ADDED`, `MODIFIED`, `DELETED` or `BOOKMARK`; an `ERROR` is raised instead."""

    type: str
    object: dict[str, Any]

    @property
    def resource_version(self) -> str:
        """The version of the object, or, for a bookmark and a deletion, of the moment; empty where it is not told."""
        return str(self.object.get("metadata", {}).get("resourceVersion") or "")

    @property
    def ends_initial_events(self) -> bool:
        """Whether this bookmark ends the list with which a streaming list begins."""
        annotations = self.object.get("metadata", {}).get("annotations") or {}
        return self.type == "BOOKMARK" and annotations.get(INITIAL_EVENTS_END) == "true"


async def lines(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Split what comes in chunks of any size into lines, without their ends; an unfinished last line is dropped.

    A line cut off by a closed connection is no event: the watch goes on from the last whole one.
    """
    unfinished: list[bytes] = []
    async for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        if whole:
            yield b"".join([*unfinished, whole[0]])
            for line in whole[1:]:
                yield line
            unfinished = []
        if rest:
            unfinished.append(rest)


async def events(chunks: AsyncIterable[bytes]) -> AsyncIterator[Event]:
    """The events of a watch.

    Raises:
        ApiError: the API server ended the watch with an error (`is_gone` asks for a new list), or what came is no
            watch event.
    """
    async for line in lines(chunks):
        if not line.strip():
            continue
        event = _event(line)
        if event.type == "ERROR":
            raise errors.from_status(event.object, request="watch")
        yield event


def _event(line: bytes) -> Event:
    try:
        document = json.loads(line)
        event = Event(document["type"], document["object"])
    except (ValueError, KeyError, TypeError) as error:
        beginning = line[:80].decode("utf-8", "replace")
        message = (
            f"wanted a watch event as one line of JSON, found {beginning!r}: something between here and there alters it"
        )
        raise ApiError(errors.NO_ANSWER, "Garbled", message, "watch") from error
    if not isinstance(event.object, dict):
        raise ApiError(errors.NO_ANSWER, "Garbled", "wanted an object in a watch event, found none", "watch")
    return event
