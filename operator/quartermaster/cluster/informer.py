"""A cache of one kind of object in one cluster: a list, then a watch, for ever.

What can go wrong with a watch is handled here: bookmarks without a name, resource versions too old (410), connections
that end, break or fall silent, garbage, refused credentials. What is kept of an object is `trim`; what a change means
is the loop's.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic

from quartermaster.cluster import stream
from quartermaster.cluster.backoff import Backoff
from quartermaster.cluster.call import Call
from quartermaster.cluster.change import Change, T
from quartermaster.cluster.client import Client
from quartermaster.cluster.errors import NO_ANSWER, ApiError, CredentialsError
from quartermaster.cluster.resources import Resource
from quartermaster.cluster.store import Draft, Store, Trim

logger = logging.getLogger(__name__)

_REFUSALS_BEFORE_LIST = 3


@dataclass(frozen=True, slots=True)
class Scope:
    """Which objects of a kind are watched; by default all of them, in all namespaces."""

    namespace: str | None = None
    selector: str | None = None
    field_selector: str | None = None

    @property
    def query(self) -> dict[str, str]:
        """The selectors as the API server wants them."""
        selectors = {"labelSelector": self.selector, "fieldSelector": self.field_selector}
        return {name: text for name, text in selectors.items() if text}


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things may take, and where time and chance come from.

    The API server ends each watch after `watch_seconds`, so silence for `stall_seconds` means that nobody is there
    any more. Without contact for `stale_seconds` the cache must not be acted on. A watch that lasted `steady_seconds`
    was a good one.
    """

    watch_seconds: int = 55
    stall_seconds: float = 65.0
    stale_seconds: float = 90.0
    steady_seconds: float = 5.0
    backoff_base_seconds: float = 0.2
    backoff_cap_seconds: float = 10.0
    clock: Callable[[], float] = monotonic
    uniform: Callable[[], float] = random.random


@dataclass(slots=True)
class Tally:
    """What happened so far, for metrics and tests."""

    lists: int = 0
    watches: int = 0
    failures: int = 0
    last_error: ApiError | None = field(default=None)


class Informer(Generic[T]):
    """Keeps `store` as the API server's objects are. Run `run()` as a task; it returns only by being cancelled.

    `store` is first complete when `synced` is set, and it stays whole through every fault: a new list replaces it
    only when complete, and what vanished meanwhile is told as gone.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        trim: Trim[T],
        *,
        scope: Scope | None = None,
        on_change: Callable[[Change[T]], None] | None = None,
        timing: Timing | None = None,
    ) -> None:
        """Nothing is sent yet; `on_change` must be quick and must not fail: it is called between two events."""
        self.resource = resource
        self.cluster = client.cluster
        self.store: Store[T] = Store(trim, on_change)
        self.synced = asyncio.Event()
        self.tally = Tally()
        self._client = client
        self._scope = scope or Scope()
        self._timing = timing or Timing()
        self._resource_version: str | None = None
        self._can_stream_list = True
        self._contact_seconds: float | None = None
        self._refusals = 0
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def age_seconds(self) -> float:
        """How long ago the API server was last heard of by this cache; infinite before the first list is complete."""
        if self._contact_seconds is None:
            return float("inf")
        return self._timing.clock() - self._contact_seconds

    @property
    def is_fresh(self) -> bool:
        """Whether the cache may be acted on: complete, and in contact of late."""
        return self.synced.is_set() and self.age_seconds <= self._timing.stale_seconds

    def has_seen(self, resource_version: str) -> bool:
        """Whether what we wrote shows in the store: the `metadata.resourceVersion` of the answer to the write.

        Resource versions of one kind are comparable integers (KEP-5504, stable in Kubernetes 1.35, and so in practice
        since etcd 3).
        """
        reached = self._resource_version
        return reached is not None and _number(reached) >= _number(resource_version)

    async def wait_seen(self, resource_version: str) -> None:
        """Wait until what we wrote shows in the store; bound it with `asyncio.timeout`."""
        if self.has_seen(resource_version):
            return
        future = asyncio.get_running_loop().create_future()
        waiter = (_number(resource_version), future)
        self._waiters.append(waiter)
        try:
            await future
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    async def run(self) -> None:
        """List, watch, and begin again, until cancelled."""
        timing = self._timing
        backoff = Backoff(timing.backoff_base_seconds, timing.backoff_cap_seconds, uniform=timing.uniform)
        while True:
            began_seconds = timing.clock()
            error = await self._round()
            if timing.clock() - began_seconds >= timing.steady_seconds:
                backoff.reset()
                if error is None:
                    continue
            wait_seconds = backoff.next_seconds()
            if error is not None:
                self.tally.failures += 1
                self.tally.last_error = error
                what = (self.resource.label, self.cluster, error, wait_seconds)
                logger.warning("watching %s in %s failed: %s; again in %.1f s", *what)
            await asyncio.sleep(wait_seconds)

    async def _round(self) -> ApiError | None:
        """One list, if need be, and one watch; the error with which it ended, if one did."""
        try:
            if self._resource_version is None and not self._can_stream_list:
                await self._list()
            if not await self._watch():
                await self._verify()
        except ApiError as error:
            self._judge(error)
            return error
        except CredentialsError as error:
            return ApiError(NO_ANSWER, "NoCredentials", str(error), "watch")
        self._refusals = 0
        return None

    def _judge(self, error: ApiError) -> None:
        """Decide whether the next round begins with a list."""
        if self._resource_version is None:
            # An API server without streaming lists says so with a 400 or a 422.
            if error.is_invalid:
                self._can_stream_list = False
            return
        # Other refusals may pass (overload, a rolling upgrade); the third in a row asks for a new list all the same.
        self._refusals = 0 if error.is_unreachable else self._refusals + 1
        if error.is_gone or self._refusals >= _REFUSALS_BEFORE_LIST:
            self._refusals = 0
            self._resource_version = None

    async def _list(self) -> None:
        """Fill the store page by page, for API servers that do not stream lists."""
        draft = self.store.draft()
        version = ""
        async for page in self._client.pages(self.resource, self._scope.namespace, query=self._scope.query):
            for document in page["items"]:
                draft.put(document)
            version = page["metadata"]["resourceVersion"]
        self._complete(draft, version)

    async def _verify(self) -> None:
        """After a watch in which nothing came: make sure that the API server is not behind us.

        Restored from a backup it is, and a watch from a version of the future is not refused: it is silent.
        """
        query = {**self._scope.query, "limit": "1"}
        path = self.resource.path(self._scope.namespace)
        page = await self._client.send(Call("list", "GET", path, self.resource.label, query=query))
        if _number(page["metadata"]["resourceVersion"]) < _number(self._resource_version or ""):
            logger.warning("%s in %s went back in time: listing anew", self.resource.label, self.cluster)
            self._resource_version = None

    async def _watch(self) -> bool:
        """Follow the changes from where the store is, or from nothing: then the watch begins with the whole list.

        Whether anything came before the API server ended it.
        """
        has_heard = False
        draft = self.store.draft() if self._resource_version is None else None
        self.tally.watches += 1
        async with self._client.stream(self._call(), stall_seconds=self._timing.stall_seconds) as chunks:
            if draft is None:
                self._touch()
            async for event in stream.events(chunks):
                has_heard = True
                if draft is not None:
                    if event.type != "BOOKMARK":
                        _take(event, draft)
                    elif event.ends_initial_events:
                        self._complete(draft, event.resource_version)
                        draft = None
                    continue
                if event.type != "BOOKMARK":
                    _take(event, self.store)
                self._advance(event.resource_version)
        return has_heard

    def _call(self) -> Call:
        query = {
            **self._scope.query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(self._timing.watch_seconds),
        }
        if self._resource_version is None:
            # Without a resource version: as of now, not whatever some replica of the API server has cached.
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        else:
            query["resourceVersion"] = self._resource_version
        return Call("watch", "GET", self.resource.path(self._scope.namespace), self.resource.label, query=query)

    def _complete(self, draft: Draft[T], version: str) -> None:
        self.store.become(draft)
        self.tally.lists += 1
        self._advance(version)
        self.synced.set()

    def _advance(self, version: str) -> None:
        """The store is as of this version now; those who wait for it, or for an older one, may go on."""
        self._touch()
        if not version:
            return
        self._resource_version = version
        if self._waiters:
            reached = _number(version)
            for wanted, future in self._waiters:
                if wanted <= reached and not future.done():
                    future.set_result(None)

    def _touch(self) -> None:
        self._contact_seconds = self._timing.clock()


def _take(event: stream.Event, into: "Store[T] | Draft[T]") -> None:
    """Apply one event to a store or to a list in the making."""
    if event.type == "DELETED":
        into.remove(event.object)
    else:
        into.put(event.object)


def _number(resource_version: str) -> int:
    """A resource version as the integer that it is; -1 for what is none, so that it counts as seen."""
    return int(resource_version) if resource_version.isdigit() else -1
