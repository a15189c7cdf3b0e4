"""Make objects so, and make objects go: many at once, with the failure of one held apart from the rest.

What is written is decided elsewhere; here it is only sent, kind by kind in a stated order, and each end is told.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from quartermaster.cluster import resources
from quartermaster.cluster.backoff import Backoff
from quartermaster.cluster.call import REPAIR_MANAGER, Victim
from quartermaster.cluster.client import Client
from quartermaster.cluster.errors import ApiError
from quartermaster.cluster.resources import Resource
from quartermaster.manifests import drift

# What others lean on comes first: a Service is there before its pods, and a budget before what it protects.
ORDER: tuple[str, ...] = (
    "Namespace",
    "ConfigMap",
    "Secret",
    "Service",
    "EndpointSlice",
    "PodDisruptionBudget",
    "Deployment",
)
CONCURRENCY = 16
_REPAIR_TRIES = 8


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one write.

    `uid` and `resource_version` are those of the object as it is now, to wait until a cache shows it; both are empty
    where it is gone or the write failed. `error` is set where it failed: then nothing is known to have changed, and
    the next round repairs it.
    """

    resource: Resource
    namespace: str
    name: str
    uid: str = ""
    resource_version: str = ""
    error: ApiError | None = None

    @property
    def is_done(self) -> bool:
        """Whether the world is now as was asked."""
        return self.error is None


async def apply_objects(
    client: Client, documents: Iterable[Mapping[str, Any]], *, concurrency: int = CONCURRENCY
) -> tuple[Result, ...]:
    """Server-side apply each document, kinds in the order of `ORDER` and others last; results in the order given.

    Each document is stamped first, so that `manifests.drift` can tell later whether it is still what is declared.
    A failed kind does not hold up the next one: each object says for itself what it lacks.

    Raises:
        LookupError: a document is of a kind that is not handled.
        CredentialsError: the credentials cannot be read.
    """
    numbered = list(enumerate(documents))
    resource_by_number = {number: resources.of(document) for number, document in numbered}
    result_by_number: dict[int, Result] = {}
    for rank in sorted({_rank(document) for _, document in numbered}):
        batch = [(number, document) for number, document in numbered if _rank(document) == rank]
        writes = [_writer(client, resource_by_number[number], document) for number, document in batch]
        ended = await _bounded(writes, concurrency)
        result_by_number.update(zip((number for number, _ in batch), ended, strict=True))
    return tuple(result_by_number[number] for number, _ in numbered)


async def apply_status(
    client: Client, documents: Iterable[Mapping[str, Any]], *, concurrency: int = CONCURRENCY
) -> tuple[Result, ...]:
    """Server-side apply the `status` of each document.

    Give `metadata.uid`, or an object that was replaced gets its forebear's status.
    """
    writes = [_status_writer(client, resources.of(document), document) for document in documents]
    return await _bounded(writes, concurrency)


async def delete_objects(
    client: Client, victims: Iterable[Victim], *, concurrency: int = CONCURRENCY
) -> tuple[Result, ...]:
    """Delete each very object; one that is gone already is done, one that was replaced is an error (`is_conflict`).

    Raises:
        CredentialsError: the credentials cannot be read.
    """
    return await _bounded([_deleter(client, victim) for victim in victims], concurrency)


Write = Callable[[], Coroutine[Any, Any, Result]]


async def _bounded(writes: Sequence[Write], concurrency: int) -> tuple[Result, ...]:
    """Run writes side by side, at most so many at once."""
    slots = asyncio.Semaphore(concurrency)

    async def run(write: Write) -> Result:
        async with slots:
            return await write()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(write)) for write in writes]
    return tuple(task.result() for task in tasks)


def _writer(client: Client, resource: Resource, document: Mapping[str, Any]) -> Write:
    async def write() -> Result:
        stamped = drift.stamped(document)
        try:
            return _done(resource, await client.apply(resource, stamped))
        except ApiError as error:
            if not error.is_invalid:
                return _failed(resource, document, error)
            refusal = error
        try:
            return _done(resource, await _replace_and_apply(client, resource, stamped))
        except ApiError:
            return _failed(resource, document, refusal)

    return write


async def _replace_and_apply(client: Client, resource: Resource, stamped: Mapping[str, Any]) -> dict[str, Any]:
    """Mend what an apply cannot: an edit that, merged with what we declare, makes no valid object.

    For example a container port with another number: both ports would bear the same name. The spec is replaced whole,
    under a field manager of its own, which is then forgotten, or what it owns could never be removed by an apply
    again.

    Raises:
        ApiError: the object is not there, or not ours, or what we declare is itself not valid.
    """
    metadata = stamped["metadata"]
    namespace, name = metadata.get("namespace"), metadata["name"]

    async def replace() -> dict[str, Any]:
        live = await client.get(resource, namespace, name)
        if not drift.is_stamped(live) or "spec" not in stamped:
            raise ApiError(HTTPStatus.FORBIDDEN, "NotOurs", "wanted an object that we applied before, found another's")
        return await client.replace(resource, {**live, "spec": stamped["spec"]}, field_manager=REPAIR_MANAGER)

    async def forget() -> dict[str, Any]:
        live = (await client.get(resource, namespace, name))["metadata"]
        kept = [entry for entry in live["managedFields"] if entry["manager"] != REPAIR_MANAGER]
        patch = {"metadata": {"managedFields": kept, "resourceVersion": live["resourceVersion"]}}
        return await client.merge_patch(resource, namespace, name, patch)

    await _despite_conflicts(replace)
    await client.apply(resource, stamped)
    return await _despite_conflicts(forget)


async def _despite_conflicts(write: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> dict[str, Any]:
    """Read and write again while others, such as the controller that keeps the status, come in between.

    Raises:
        ApiError: of the last try.
    """
    backoff = Backoff(base_seconds=0.05, cap_seconds=0.5)
    while True:
        try:
            return await write()
        except ApiError as error:
            if not error.is_conflict or backoff.failures >= _REPAIR_TRIES:
                raise
        await asyncio.sleep(backoff.next_seconds())


def _status_writer(client: Client, resource: Resource, document: Mapping[str, Any]) -> Write:
    async def write() -> Result:
        try:
            return _done(resource, await client.patch_status(resource, document))
        except ApiError as error:
            return _failed(resource, document, error)

    return write


def _deleter(client: Client, victim: Victim) -> Write:
    async def write() -> Result:
        try:
            await client.delete(victim)
        except ApiError as error:
            if not error.is_not_found:
                return Result(victim.resource, victim.namespace, victim.name, error=error)
        return Result(victim.resource, victim.namespace, victim.name)

    return write


def _done(resource: Resource, document: Mapping[str, Any]) -> Result:
    metadata = document["metadata"]
    return Result(
        resource,
        metadata.get("namespace", ""),
        metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
    )


def _failed(resource: Resource, document: Mapping[str, Any], error: ApiError) -> Result:
    metadata = document["metadata"]
    return Result(resource, metadata.get("namespace", ""), metadata["name"], error=error)


def _rank(document: Mapping[str, Any]) -> int:
    kind = str(document.get("kind"))
    return ORDER.index(kind) if kind in ORDER else len(ORDER)
