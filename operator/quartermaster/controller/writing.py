"""Apply: an outcome is sent, and the next decision waits until the caches show it. What failed is told.

A write that failed is tried again later, each after a delay of its own: an object that nobody can write (a quota, a
webhook, a namespace that is being deleted) holds up no other. Writing does not go on for long without another look at
the world: what is left then is decided again, as it is by then.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from quartermaster.cluster import apply, resources
from quartermaster.cluster.apply import Result
from quartermaster.cluster.call import Victim
from quartermaster.cluster.client import Client
from quartermaster.cluster.errors import ApiError
from quartermaster.cluster.events import Notice, Publisher
from quartermaster.controller.patience import Patience
from quartermaster.controller.watching import Caches
from quartermaster.reconcile.outcome import Apply, Delete, EventNote, Outcome, Reference, StatusWrite

logger = logging.getLogger(__name__)

Write = Apply | Delete | StatusWrite | EventNote

Item = TypeVar("Item")

_SEEN_TIMEOUT_SECONDS = 5.0
LONGEST_SECONDS = 30.0
"""How long children are written, before what is left waits for the next decision."""
_STATUS_FRACTION = 1 / 3
"""How long statuses are written, as a part of that: while children come and go they soon change again."""
CHUNK = 4 * apply.CONCURRENCY
"""Objects that are written whatever the time."""


@dataclass(frozen=True, slots=True)
class Written:
    """What came of an outcome."""

    outcome: Outcome
    """The part of it that was tried."""
    errors: tuple[str, ...]
    """What failed, a sentence each."""
    is_whole: bool
    """Whether nothing was left for the next decision."""


class Writer:
    """Sends outcomes to one cluster."""

    def __init__(
        self,
        client: Client,
        caches: Caches,
        *,
        instance: str,
        progressed: Callable[[], None],
        longest_seconds: float = LONGEST_SECONDS,
    ) -> None:
        """Nothing is sent yet.

        Args:
            client: of the cluster.
            caches: that show what was written.
            instance: name of this process in events.
            progressed: called whenever some writes have ended.
            longest_seconds: how long children are written, before what is left has to wait; statuses a third of it.
        """
        self._client = client
        self._longest_seconds = longest_seconds
        self._left: frozenset[str] = frozenset()
        """UIDs of objects whose statuses found no time; they come first in the next turn."""
        self._caches = caches
        self._publisher = Publisher(client, instance=instance)
        self._progressed = progressed
        self._patience = Patience()

    def due(self, outcome: Outcome) -> Outcome:
        """Return the outcome without what failed so lately that it is not to be tried again yet."""
        writes: tuple[Write, ...] = (*outcome.apply, *outcome.delete, *outcome.statuses, *outcome.events)
        self._patience.keep_only({_identity(write) for write in writes})
        return replace(
            outcome,
            apply=tuple(entry for entry in outcome.apply if self._is_due(entry)),
            delete=tuple(entry for entry in outcome.delete if self._is_due(entry)),
            statuses=tuple(entry for entry in outcome.statuses if self._is_due(entry)),
            events=tuple(entry for entry in outcome.events if self._is_due(entry)),
        )

    def _is_due(self, write: Write) -> bool:
        return self._patience.is_due(_identity(write), _content(write))

    async def write(self, outcome: Outcome) -> Written:
        """Write what can be written in its time, some statuses always."""
        outcome = replace(outcome, statuses=tuple(sorted(outcome.statuses, key=self._is_not_left)))
        deadline_seconds = time.monotonic() + self._longest_seconds
        applied = await self._in_time(outcome.apply, self._apply, deadline_seconds)
        deleted = await self._in_time(outcome.delete, self._delete, deadline_seconds)
        deadline_seconds = time.monotonic() + self._longest_seconds * _STATUS_FRACTION
        statuses = await self._in_time(outcome.statuses, self._tell, deadline_seconds)
        self._left = frozenset(entry.reference.uid for entry in outcome.statuses[len(statuses) :])
        tried = _tried(outcome, applied=len(applied), deleted=len(deleted), statuses=len(statuses))
        errors = self._note(tried.apply, applied)
        errors += self._note(tried.delete, deleted)
        errors += self._note(tried.statuses, statuses)
        errors += await self._publish(tried)
        await self._until_seen([*applied, *statuses])
        is_whole = len(applied) + len(deleted) + len(statuses) == _size(outcome)
        return Written(tried, tuple(errors), is_whole)

    def _is_not_left(self, entry: StatusWrite) -> bool:
        return entry.reference.uid not in self._left

    async def _in_time(
        self,
        items: Sequence[Item],
        write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        until_seconds: float,
    ) -> list[Result]:
        """Write some items after others while there is time; returns the results of those that were tried."""
        results: list[Result] = []
        while len(results) < len(items) and (not results or time.monotonic() < until_seconds):
            results += await write(items[len(results) : len(results) + CHUNK])
            self._progressed()
        return results

    async def _apply(self, entries: Sequence[Apply]) -> Sequence[Result]:
        return await apply.apply_objects(self._client, [entry.manifest for entry in entries])

    async def _delete(self, entries: Sequence[Delete]) -> Sequence[Result]:
        return await apply.delete_objects(self._client, [_victim(entry.reference) for entry in entries])

    async def _tell(self, entries: Sequence[StatusWrite]) -> Sequence[Result]:
        documents = [_with_status(entry.reference, dict(entry.status)) for entry in entries]
        return await apply.apply_status(self._client, documents)

    def _note(self, writes: Sequence[Write], results: Sequence[Result]) -> list[str]:
        """Remember what failed; returns a sentence for each."""
        errors = []
        for write, result in zip(writes, results, strict=True):
            if result.error is None or (isinstance(write, StatusWrite) and _is_gone(result.error)):
                self._patience.succeeded(_identity(write))
            else:
                self._failed(write, result.error)
                errors.append(f"{result.resource.kind} {result.namespace}/{result.name}: {result.error}")
        return errors

    def _failed(self, write: Write, error: ApiError) -> None:
        self._patience.failed(_identity(write), _content(write), is_temporary=error.is_temporary)

    async def _publish(self, outcome: Outcome) -> list[str]:
        """Tell every event, a few at a time, so that requests for anything else find their way between them."""
        slots = asyncio.Semaphore(apply.CONCURRENCY)
        told = await asyncio.gather(*(self._publish_one(note, slots) for note in outcome.events))
        return [error for error in told if error]

    async def _publish_one(self, note: EventNote, slots: asyncio.Semaphore) -> str:
        """Tell one event; returns what failed, empty when nothing did."""
        notice = Notice(
            regarding=note.regarding,
            reason=note.reason,
            note=note.message,
            action="Decide",
            change=note.change,
            is_warning=note.is_warning,
        )
        try:
            async with slots:
                await self._publisher.publish(notice)
        except ApiError as error:
            self._failed(note, error)
            return f"event {note.reason}: {error}"
        self._patience.succeeded(_identity(note))
        return ""

    async def _until_seen(self, results: list[Result]) -> None:
        """Wait until the caches show what was written, so that nothing is decided twice."""
        waits = [
            self._caches.informer_of(result.resource.kind).wait_seen(result.resource_version)
            for result in results
            if result.is_done and result.resource_version
        ]
        try:
            async with asyncio.timeout(_SEEN_TIMEOUT_SECONDS):
                await asyncio.gather(*waits)
        except TimeoutError:
            logger.warning("the caches do not show our own writes yet; deciding all the same")


def _size(outcome: Outcome) -> int:
    return len(outcome.apply) + len(outcome.delete) + len(outcome.statuses)


def _tried(outcome: Outcome, *, applied: int, deleted: int, statuses: int) -> Outcome:
    """Return the part of an outcome that was tried; what is told of a deployment goes with its status."""
    left = {entry.reference.uid for entry in outcome.statuses[statuses:]}
    return replace(
        outcome,
        apply=outcome.apply[:applied],
        delete=outcome.delete[:deleted],
        statuses=outcome.statuses[:statuses],
        events=tuple(note for note in outcome.events if note.regarding.uid not in left),
    )


def _identity(write: Write) -> Hashable:
    """Return what tells a write from every other, whatever it says."""
    match write:
        case Apply():
            return ("apply", write.manifest["kind"], _name(write.manifest))
        case Delete():
            return ("delete", write.reference.uid)
        case StatusWrite():
            return ("status", write.reference.uid)
        case EventNote():
            return ("event", write.regarding.uid, write.reason, write.change)


def _content(write: Write) -> Any:
    """Return what a write says, as far as its change makes another try worth while."""
    match write:
        case Apply():
            return write.manifest
        case StatusWrite():
            return write.status.get("observedGeneration")
        case _:
            return None


def _name(manifest: Mapping[str, Any]) -> tuple[str, str]:
    return manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]


def _victim(reference: Reference) -> Victim:
    resource = resources.of({"apiVersion": reference.api_version, "kind": reference.kind})
    return Victim(resource, reference.namespace, reference.name, reference.uid)


def _with_status(reference: Reference, status: dict[str, object]) -> dict[str, object]:
    metadata: dict[str, str] = {"name": reference.name, "uid": reference.uid}
    if reference.namespace:
        metadata["namespace"] = reference.namespace
    return {"apiVersion": reference.api_version, "kind": reference.kind, "metadata": metadata, "status": status}


def _is_gone(error: ApiError) -> bool:
    """A status that could not be written because its object is gone, or is another by now, is no failure."""
    return error.is_not_found or error.is_conflict
