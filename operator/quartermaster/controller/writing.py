"""Apply: an outcome is sent, and the next decision waits until the caches show it. What failed is told."""

import asyncio
import logging

from quartermaster.cluster import apply, resources
from quartermaster.cluster.apply import Result
from quartermaster.cluster.call import Victim
from quartermaster.cluster.client import Client
from quartermaster.cluster.errors import ApiError
from quartermaster.cluster.events import Notice, Publisher
from quartermaster.controller.watching import Caches
from quartermaster.reconcile.outcome import Outcome, Reference

logger = logging.getLogger(__name__)

_SEEN_TIMEOUT_SECONDS = 5.0


class Writer:
    """Sends outcomes to one cluster."""

    def __init__(self, client: Client, caches: Caches, *, instance: str) -> None:
        """``instance`` names this process in events."""
        self._client = client
        self._caches = caches
        self._publisher = Publisher(client, instance=instance)

    async def write(self, outcome: Outcome) -> list[str]:
        """Write what can be written, statuses always; returns what failed, a sentence each."""
        applied = await apply.apply_objects(self._client, [entry.manifest for entry in outcome.apply])
        deleted = await apply.delete_objects(self._client, [_victim(entry.reference) for entry in outcome.delete])
        statuses = await apply.apply_status(
            self._client,
            [_with_status(entry.reference, dict(entry.status)) for entry in outcome.statuses],
        )
        results = [*applied, *deleted, *(s for s in statuses if not _is_gone(s))]
        errors = [f"{r.resource.kind} {r.namespace}/{r.name}: {r.error}" for r in results if r.error is not None]
        errors += await self._publish(outcome)
        await self._until_seen([*applied, *statuses])
        return errors

    async def _publish(self, outcome: Outcome) -> list[str]:
        errors = []
        for note in outcome.events:
            try:
                await self._publisher.publish(
                    Notice(
                        regarding=note.regarding,
                        reason=note.reason,
                        note=note.message,
                        action="Decide",
                        change=note.change,
                        is_warning=note.is_warning,
                    )
                )
            except ApiError as error:
                errors.append(f"event {note.reason}: {error}")
        return errors

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


def _victim(reference: Reference) -> Victim:
    resource = resources.of({"apiVersion": reference.api_version, "kind": reference.kind})
    return Victim(resource, reference.namespace, reference.name, reference.uid)


def _with_status(reference: Reference, status: dict[str, object]) -> dict[str, object]:
    metadata: dict[str, str] = {"name": reference.name, "uid": reference.uid}
    if reference.namespace:
        metadata["namespace"] = reference.namespace
    return {"apiVersion": reference.api_version, "kind": reference.kind, "metadata": metadata, "status": status}


def _is_gone(result: Result) -> bool:
    """A status that could not be written because its object is gone, or is another by now, is no failure."""
    return result.error is not None and (result.error.is_not_found or result.error.is_conflict)
