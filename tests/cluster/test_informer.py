"""A cache that stays true whatever happens to its watch, on the real API server."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from quartermaster.cluster import resources
from quartermaster.cluster.change import Change
from quartermaster.cluster.client import Client
from quartermaster.cluster.informer import Informer, Scope, Timing
from tests.cluster.meddler import Meddler
from tests.lab.cluster import Cluster

Make = Callable[..., dict[str, Any]]
MAPS = resources.CONFIG_MAPS
QUICK = Timing(stall_seconds=5.0, steady_seconds=0.0, backoff_base_seconds=0.01, backoff_cap_seconds=0.1)


def _data(document: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((document.get("data") or {}).items()))


class Watched:
    """An informer that runs, the changes that it told, and patience."""

    def __init__(self, client: Client, namespace: str, timing: Timing, **selectors: str) -> None:
        """Watch the ConfigMaps that the test made."""
        self.changes: list[Change[tuple[tuple[str, str], ...]]] = []
        scope = Scope(namespace=namespace, selector="made-by=test", **selectors)
        self.informer = Informer(client, MAPS, _data, scope=scope, on_change=self.changes.append, timing=timing)

    @property
    def data_by_name(self) -> dict[str, dict[str, str]]:
        """What the store holds."""
        return {name: dict(kept) for (_, name), kept in self.informer.store.items()}

    async def until(self, predicate: Callable[[], bool]) -> None:
        """Wait until something holds; what was is told where it never does."""
        try:
            async with asyncio.timeout(20):
                while not predicate():  # noqa: ASYNC110  # what is waited for has no event of its own
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pytest.fail(f"never held: {self.data_by_name}, {self.informer.tally}")

    async def holds(self, **data_by_name: dict[str, str]) -> None:
        """Wait until the store is so."""
        await self.until(lambda: self.data_by_name == data_by_name)


@asynccontextmanager
async def watching(client: Client, namespace: str, timing: Timing = QUICK, **selectors: str) -> AsyncIterator[Watched]:
    """Run an informer until it has its list, and end it afterwards."""
    watched = Watched(client, namespace, timing, **selectors)
    task = asyncio.create_task(watched.informer.run())
    try:
        async with asyncio.timeout(20):
            await watched.informer.synced.wait()
        yield watched
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_it_lists_and_then_follows(client: Client, namespace: str, config_map: Make, cluster: Cluster) -> None:
    """What was there, what comes, what differs, what goes; only what matches the selector."""
    await client.apply(MAPS, config_map("before", x="1"))
    async with watching(client, namespace) as watched:
        assert watched.data_by_name == {"before": {"x": "1"}}
        await client.apply(MAPS, config_map("after", x="2"))
        await client.apply(MAPS, config_map("before", x="3"))
        await watched.holds(before={"x": "3"}, after={"x": "2"})
        cluster.delete("configmaps", "before", namespace)
        cluster.patch("configmaps", "after", {"metadata": {"labels": {"made-by": "other"}}}, namespace=namespace)
        await watched.holds()
    key = (namespace, "before")
    told = [change for change in watched.changes if change.key == key]
    assert told == [
        Change(key, None, (("x", "1"),)),
        Change(key, (("x", "1"),), (("x", "3"),)),
        Change(key, (("x", "3"),), None),
    ]


async def test_it_lists_by_pages_where_the_server_does_not_stream_lists(
    meddler: Meddler, meddled: Client, namespace: str, config_map: Make
) -> None:
    """An older API server refuses the question; the answer is remembered."""
    await meddled.apply(MAPS, config_map("a", x="1"))
    refusal = {
        "kind": "Status",
        "code": 422,
        "reason": "Invalid",
        "message": "sendInitialEvents is forbidden for watch",
    }
    meddler.answer("GET", 422, json.dumps(refusal).encode(), Content_Type="application/json")
    async with watching(meddled, namespace) as watched:
        assert watched.data_by_name == {"a": {"x": "1"}}
        await meddled.apply(MAPS, config_map("b", x="2"))
        await watched.holds(a={"x": "1"}, b={"x": "2"})
    assert meddler.count("GET", "sendInitialEvents") == 1
    assert meddler.count("GET", "limit=") == 1


async def test_a_bookmark_without_a_name_moves_only_the_version(
    meddler: Meddler, meddled: Client, namespace: str, config_map: Make
) -> None:
    """It may be the first object of a watch."""
    await meddled.apply(MAPS, config_map("a"))
    async with watching(meddled, namespace) as watched:
        bookmark = {"type": "BOOKMARK", "object": {"kind": "ConfigMap", "metadata": {"resourceVersion": "999999999"}}}
        await meddler.inject(json.dumps(bookmark).encode() + b"\n")
        await watched.until(lambda: watched.informer.has_seen("999999999"))
        assert watched.data_by_name == {"a": {}}
        assert watched.informer.tally.failures == 0


async def test_a_version_too_old_asks_for_a_new_list_and_the_store_stays_whole_meanwhile(
    meddler: Meddler, meddled: Client, client: Client, namespace: str, config_map: Make, cluster: Cluster
) -> None:
    """What vanished while nobody watched is told as gone, and what did not change is not told again."""
    for name in ("stays", "vanishes"):
        await client.apply(MAPS, config_map(name))
    async with watching(meddled, namespace) as watched:
        watched.changes.clear()
        meddler.hold()
        cluster.delete("configmaps", "vanishes", namespace)
        await client.apply(MAPS, config_map("comes"))
        expired = {
            "type": "ERROR",
            "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"},
        }
        await meddler.inject(json.dumps(expired).encode() + b"\n")
        await watched.until(lambda: watched.informer.tally.failures == 1)
        assert set(watched.data_by_name) == {"stays", "vanishes"}
        meddler.flow()
        await watched.holds(stays={}, comes={})
        assert watched.informer.tally.lists == 2
    assert [(change.key[1], change.after) for change in watched.changes] == [("vanishes", None), ("comes", ())]


async def test_a_410_in_answer_to_a_watch_asks_for_a_new_list(
    meddler: Meddler, meddled: Client, namespace: str, config_map: Make
) -> None:
    """The same, told by the HTTP status."""
    await meddled.apply(MAPS, config_map("a"))
    async with watching(meddled, namespace) as watched:
        meddler.answer("GET", 410, b'{"reason":"Expired"}')
        meddler.cut()
        await watched.until(lambda: watched.informer.tally.lists == 2)
        assert watched.data_by_name == {"a": {}}


async def test_an_api_server_that_went_back_in_time_is_noticed(
    client: Client, namespace: str, config_map: Make
) -> None:
    """Restored from a backup, it is silent about a version that it never had; a new list tells."""
    await client.apply(MAPS, config_map("a"))
    watched = Watched(client, namespace, replace(QUICK, watch_seconds=1))
    watched.informer._resource_version = "999999999999"
    task = asyncio.create_task(watched.informer.run())
    try:
        await watched.holds(a={})
    finally:
        task.cancel()
    assert watched.informer.tally.lists == 1
    assert watched.informer.tally.failures == 0
    assert not watched.informer.has_seen("999999999999")


async def test_a_silent_stall_is_noticed_and_nothing_is_missed(
    meddler: Meddler, meddled: Client, client: Client, namespace: str, config_map: Make
) -> None:
    """The connection is open, and nothing comes: neither event nor bookmark nor end."""
    await client.apply(MAPS, config_map("a"))
    timing = Timing(stall_seconds=0.5, steady_seconds=0.0, backoff_base_seconds=0.01)
    async with watching(meddled, namespace, timing) as watched:
        meddler.hold()
        await client.apply(MAPS, config_map("b"))
        await watched.until(lambda: watched.informer.tally.failures > 0)
        assert watched.informer.tally.last_error is not None
        assert watched.informer.tally.last_error.reason == "TimedOut"
        meddler.flow()
        await watched.holds(a={}, b={})
        assert watched.informer.tally.lists == 1


async def test_a_connection_cut_in_the_middle_of_an_event_loses_nothing(
    meddler: Meddler, meddled: Client, namespace: str, config_map: Make
) -> None:
    """Half an event is none; the watch goes on from the last whole one, without a new list."""
    async with watching(meddled, namespace) as watched:
        await meddler.inject(b'{"type":"ADDED","object":{"metadata":{"na')
        meddler.cut()
        await watched.until(lambda: watched.informer.tally.failures > 0)
        await meddled.apply(MAPS, config_map("a"))
        await watched.holds(a={})
        assert watched.informer.tally.lists == 1


@pytest.mark.parametrize("garbage", [b"<html>503</html>\n", b'{"type":"ADDED"}\n', b"\xff\xfe\n"])
async def test_garbage_in_the_stream_is_survived(
    meddler: Meddler, meddled: Client, namespace: str, config_map: Make, garbage: bytes
) -> None:
    """It is named, and the watch begins anew."""
    async with watching(meddled, namespace) as watched:
        await meddler.inject(garbage)
        await watched.until(lambda: watched.informer.tally.failures == 1)
        await meddled.apply(MAPS, config_map("a"))
        await watched.holds(a={})
        assert watched.informer.tally.last_error is not None
        assert watched.informer.tally.last_error.reason == "Garbled"


async def test_a_list_that_breaks_off_is_begun_again(
    meddler: Meddler, meddled: Client, namespace: str, config_map: Make
) -> None:
    """Nobody sees the half of it."""
    await meddled.apply(MAPS, config_map("a"))
    meddler.answer("GET", 200, b'{"type":"ADDED","object":{"metadata":{"name":"ghost","namespace":"x"}}}\n')
    async with watching(meddled, namespace) as watched:
        assert watched.data_by_name == {"a": {}}
        assert meddler.count("GET", "sendInitialEvents") == 2


async def test_a_quiet_watch_ends_and_goes_on_as_a_matter_of_course(
    client: Client, namespace: str, config_map: Make
) -> None:
    """The API server ends each watch after the time asked for: that is no failure."""
    timing = Timing(watch_seconds=1, stall_seconds=10.0, steady_seconds=0.0, backoff_base_seconds=0.01)
    async with watching(client, namespace, timing) as watched:
        await watched.until(lambda: watched.informer.tally.watches >= 3)
        await client.apply(MAPS, config_map("a"))
        await watched.holds(a={})
        assert (watched.informer.tally.failures, watched.informer.tally.lists) == (0, 1)


async def test_what_was_written_is_waited_for(client: Client, namespace: str, config_map: Make) -> None:
    """The loop knows when its own write shows in the cache, and that an older one does."""
    async with watching(client, namespace) as watched:
        first = await client.apply(MAPS, config_map("a", x="1"))
        second = await client.apply(MAPS, config_map("a", x="2"))
        async with asyncio.timeout(20):
            await watched.informer.wait_seen(second["metadata"]["resourceVersion"])
        assert watched.data_by_name == {"a": {"x": "2"}}
        assert watched.informer.has_seen(first["metadata"]["resourceVersion"])
        assert not watched.informer.has_seen("999999999999")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await watched.informer.wait_seen("999999999999")
        assert watched.informer._waiters == []


async def test_a_stale_cache_is_known_as_such(meddler: Meddler, meddled: Client, namespace: str) -> None:
    """By a clock that is given: first never heard of, then fresh, then too long ago."""
    now = [1000.0]
    timing = Timing(stale_seconds=90.0, clock=lambda: now[0], stall_seconds=30.0)
    before = Watched(meddled, namespace, timing).informer
    assert (before.is_fresh, before.age_seconds) == (False, float("inf"))
    async with watching(meddled, namespace, timing) as watched:
        meddler.hold()
        assert watched.informer.is_fresh
        now[0] += 90.0
        assert watched.informer.is_fresh
        now[0] += 1.0
        assert not watched.informer.is_fresh


async def test_refused_credentials_are_read_again(
    meddler: Meddler, meddled: Client, namespace: str, config_map: Make
) -> None:
    """A token may expire between two watches."""
    async with watching(meddled, namespace) as watched:
        good = meddler.kubeconfig.read_text()
        meddler.kubeconfig.write_text(good.replace("token: ", "token: not-"))
        await meddled._connection.read_credentials()
        meddler.cut()
        await watched.until(lambda: watched.informer.tally.failures >= 2)
        assert watched.informer.tally.last_error is not None
        assert watched.informer.tally.last_error.is_unauthorized
        meddler.kubeconfig.write_text(good)
        await watched.until(lambda: watched.informer.tally.failures >= 3)
        await meddled.apply(MAPS, config_map("a"))
        await watched.holds(a={})


async def test_a_kubeconfig_that_vanishes_for_a_while_is_waited_for(
    meddler: Meddler, meddled: Client, namespace: str, config_map: Make
) -> None:
    """Someone writes it anew just when the token is refused."""
    async with watching(meddled, namespace) as watched:
        good = meddler.kubeconfig.read_text()
        meddler.kubeconfig.unlink()
        meddler.answer("GET", 401)
        meddler.cut()
        await watched.until(lambda: "NoCredentials" in str(watched.informer.tally.last_error))
        meddler.kubeconfig.write_text(good)
        await meddled.apply(MAPS, config_map("a"))
        await watched.holds(a={})


async def test_an_api_server_that_is_killed_and_comes_back_leaves_no_gap(
    client: Client, namespace: str, config_map: Make, cluster: Cluster
) -> None:
    """What the store holds afterwards is what a new list holds."""
    await client.apply(MAPS, config_map("before"))
    async with watching(client, namespace) as watched:
        api_server = cluster.component("kube-apiserver")
        await asyncio.to_thread(api_server.kill)
        await watched.until(lambda: watched.informer.tally.failures > 0)
        assert watched.data_by_name == {"before": {}}
        await asyncio.to_thread(api_server.restart)
        written = await client.apply(MAPS, config_map("after", x="1"))
        async with asyncio.timeout(30):
            await watched.informer.wait_seen(written["metadata"]["resourceVersion"])
        listed = await client.list(MAPS, namespace, query={"labelSelector": "made-by=test"})
        assert watched.data_by_name == {item["metadata"]["name"]: item.get("data") or {} for item in listed}


async def test_a_frozen_api_server_is_noticed(client: Client, namespace: str, cluster: Cluster) -> None:
    """Its kernel still takes connections, and nobody answers them."""
    timing = Timing(stall_seconds=0.5, steady_seconds=0.0, backoff_base_seconds=0.01, backoff_cap_seconds=0.1)
    async with watching(client, namespace, timing) as watched:
        api_server = cluster.component("kube-apiserver")
        api_server.freeze()
        try:
            await watched.until(lambda: watched.informer.tally.failures >= 2)
        finally:
            api_server.thaw()
        watches = watched.informer.tally.watches
        await watched.until(lambda: watched.informer.tally.watches > watches)
