"""One cluster's API server, spoken to in plain JSON: the verbs, their retries, and the limit on concurrency.

Typed models are not used, because they are slow and large. What to write, and when, is decided elsewhere.
"""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Self

import aiohttp

from quartermaster.cluster import connection
from quartermaster.cluster.backoff import Backoff
from quartermaster.cluster.call import APPLY, FIELD_MANAGER, MERGE_PATCH, Answered, Call, Limits, Victim
from quartermaster.cluster.credentials import Source
from quartermaster.cluster.errors import ApiError
from quartermaster.cluster.resources import Resource

_RETRIED_STATUSES = frozenset(
    {
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


_LARGE_BYTES = 64 * 1024


class Client:
    """Speaks to one cluster, under its name in the fleet. Use it as an asynchronous context manager, or `close` it."""

    def __init__(
        self,
        source: Source,
        *,
        cluster: str = "local",
        limits: Limits | None = None,
        on_answer: Callable[[Answered], None] | None = None,
    ) -> None:
        """Nothing is read or sent yet; `on_answer` is called after every answer, also after every failed try."""
        self.cluster = cluster
        self._limits = limits or Limits()
        self._connection = connection.Connection(source, cluster=cluster, on_answer=on_answer)
        self._slots = asyncio.Semaphore(self._limits.concurrency)

    async def __aenter__(self) -> Self:
        """Read the credentials, so that a wrong kubeconfig is known at once."""
        await self._connection.read_credentials()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close every connection, also those that still stream."""
        await self._connection.close()

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        """One object.

        Raises:
            ApiError: `is_not_found` where there is none.
        """
        found: dict[str, Any] = await self.send(Call("get", "GET", resource.path(namespace, name), resource.label))
        return found

    async def list(
        self, resource: Resource, namespace: str | None = None, *, query: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """All objects of a kind, of all namespaces or of one; for small kinds, or for parts chosen by `query`."""
        return [item async for page in self.pages(resource, namespace, query=query) for item in page["items"]]

    async def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        query: Mapping[str, str] | None = None,
        page_size: int = 100,
    ) -> AsyncIterator[dict[str, Any]]:
        """A list in pages of one and the same resource version; each page is a Kubernetes `List`."""
        wanted = {**(query or {}), "limit": str(page_size)}
        while True:
            page = await self.send(Call("list", "GET", resource.path(namespace), resource.label, query=wanted))
            page["items"] = page.get("items") or []
            yield page
            following = page.get("metadata", {}).get("continue")
            if not following:
                return
            wanted = {**wanted, "continue": following}

    async def create(self, resource: Resource, document: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object; not repeated when no answer came, because it may have been created.

        Raises:
            ApiError: `is_already_exists` where one of this name is there.
        """
        path = resource.path(document["metadata"].get("namespace"))
        query = {"fieldManager": FIELD_MANAGER}
        return await self._write(Call("create", "POST", path, resource.label, query=query, body=document))

    async def replace(
        self, resource: Resource, document: Mapping[str, Any], *, field_manager: str = FIELD_MANAGER
    ) -> dict[str, Any]:
        """Replace an object whole, if it still is at the resource version that the document names.

        Raises:
            ApiError: `is_conflict` where it is not.
        """
        metadata = document["metadata"]
        path = resource.path(metadata.get("namespace"), metadata["name"])
        call = Call("update", "PUT", path, resource.label, query={"fieldManager": field_manager}, body=document)
        return await self._write(call)

    async def merge_patch(
        self, resource: Resource, namespace: str | None, name: str, patch: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A JSON merge patch of one object; with a `metadata.resourceVersion` in it, only of that version.

        Raises:
            ApiError: `is_conflict` where the object is at another version.
        """
        path = resource.path(namespace, name)
        query = {"fieldManager": FIELD_MANAGER}
        return await self._write(
            Call("patch", "PATCH", path, resource.label, query=query, body=patch, content_type=MERGE_PATCH)
        )

    async def apply(self, resource: Resource, document: Mapping[str, Any]) -> dict[str, Any]:
        """Server-side apply of what the document declares, taking over fields that others set; the object then.

        Fields declared before and no longer are removed; fields of others that were never declared stay.
        A `metadata.uid` in the document makes it apply to that very object only.

        Raises:
            ApiError: `is_invalid` where the API server refuses it or the UID is that of a forebear, `is_conflict` where
                a UID is given and there is no object.
        """
        return await self._apply(resource, document)

    async def patch_status(self, resource: Resource, document: Mapping[str, Any]) -> dict[str, Any]:
        """Server-side apply of the document's `status`; besides it only name, namespace and UID are sent."""
        metadata = {
            key: document["metadata"][key] for key in ("name", "namespace", "uid") if key in document["metadata"]
        }
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": metadata,
            "status": document["status"],
        }
        return await self._apply(resource, body, subresource="status")

    async def delete(self, victim: Victim) -> dict[str, Any]:
        """Delete one very object and what it owns; the object while it lingers, a `Status` once it is gone.

        Raises:
            ApiError: `is_not_found` where it is gone already, `is_conflict` where another object bears its name.
        """
        preconditions = {"uid": victim.uid}
        if victim.resource_version is not None:
            preconditions["resourceVersion"] = victim.resource_version
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": preconditions,
            "propagationPolicy": victim.propagation,
        }
        path = victim.resource.path(victim.namespace or None, victim.name)
        answer: dict[str, Any] = await self.send(Call("delete", "DELETE", path, victim.resource.label, body=body))
        return answer

    async def send(self, call: Call) -> Any:
        """Send a request and return the JSON of its answer, retrying what may be retried.

        Retried are 429 always (it was not begun), and 5xx and missing answers where the call is idempotent; with
        exponential backoff and jitter, never sooner than a `Retry-After` asks. A 401 makes the credentials be read
        again, once.

        Raises:
            ApiError: the answer, or the lack of one, after the last try.
            CredentialsError: the credentials cannot be read.
        """
        backoff = Backoff(self._limits.backoff_base_seconds, self._limits.backoff_cap_seconds)
        has_read_again = False
        while True:
            try:
                return await self._send_once(call)
            except ApiError as error:
                if error.is_unauthorized and not has_read_again:
                    has_read_again = True
                    await self._connection.read_credentials()
                    continue
                wait_seconds = self._wait_seconds(call, error, backoff)
                if wait_seconds is None:
                    raise
            await asyncio.sleep(wait_seconds)

    @asynccontextmanager
    async def stream(self, call: Call, *, stall_seconds: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body of a long answer as it comes; tried once, outside the limit on concurrency.

        A 401 makes the credentials be read again for the next try.

        Raises:
            ApiError: a refusal or no answer; while reading, a connection that broke or was silent for `stall_seconds`.
        """
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self._limits.connect_timeout_seconds, sock_read=stall_seconds
        )
        try:
            response = await self._connection.open(call, timeout)
        except ApiError as error:
            if error.is_unauthorized:
                await self._connection.read_credentials()
            raise
        try:
            yield connection.chunks(response, call)
        finally:
            response.close()

    async def _send_once(self, call: Call) -> Any:
        timeout = aiohttp.ClientTimeout(total=call.timeout_seconds, sock_connect=self._limits.connect_timeout_seconds)
        async with self._slots:
            response = await self._connection.open(call, timeout)
            try:
                with connection.translated(call):
                    body = await response.read()
            finally:
                response.release()
        # `/readyz` and its like answer in plain text.
        return _parsed(body) if response.content_type == "application/json" else body.decode()

    async def _write(self, call: Call) -> dict[str, Any]:
        """Send what must not be sent twice."""
        written: dict[str, Any] = await self.send(replace(call, is_idempotent=False))
        return written

    async def _apply(
        self, resource: Resource, document: Mapping[str, Any], *, subresource: str | None = None
    ) -> dict[str, Any]:
        metadata = document["metadata"]
        call = Call(
            "apply",
            "PATCH",
            resource.path(metadata.get("namespace"), metadata["name"], subresource=subresource),
            f"{resource.label}/{subresource}" if subresource else resource.label,
            query={"fieldManager": FIELD_MANAGER, "force": "true"},
            body=document,
            content_type=APPLY,
        )
        applied: dict[str, Any] = await self.send(call)
        return applied

    def _wait_seconds(self, call: Call, error: ApiError, backoff: Backoff) -> float | None:
        """How long to wait before the next try; None where there is none."""
        is_retried = error.status == HTTPStatus.TOO_MANY_REQUESTS or (
            call.is_idempotent and (error.is_unreachable or error.status in _RETRIED_STATUSES)
        )
        if not is_retried or backoff.failures >= self._limits.attempts - 1:
            return None
        asked_seconds = min(error.retry_after_seconds or 0.0, self._limits.retry_after_cap_seconds)
        return asked_seconds + backoff.next_seconds()


def _parsed(body: bytes) -> Any:
    """The JSON of an answer.

    Parsing a large one makes hundreds of thousands of containers, all of them alive and none in a cycle: the garbage
    collector would walk them again and again in vain, which takes as long as the parsing.
    """
    if len(body) < _LARGE_BYTES or not gc.isenabled():
        return json.loads(body)
    gc.disable()
    try:
        return json.loads(body)
    finally:
        gc.enable()
