"""One event per change, on the real API server."""

from datetime import UTC, datetime
from typing import Any

from quartermaster.cluster import events, resources
from quartermaster.cluster.client import Client
from quartermaster.cluster.events import Notice, Publisher
from quartermaster.reconcile.outcome import Reference
from tests.lab.cluster import Cluster

MOMENT = datetime(2026, 11, 21, 10, 0, 0, 5, tzinfo=UTC)


def _notice(namespace: str, change: str = "1", **words: Any) -> Notice:
    regarding = Reference("apps/v1", "Deployment", namespace, "llama", "5f1d9c2e-0000-4000-8000-000000000001")
    told = {"reason": "Placed", "note": "2 replicas in eu-west", "action": "Place", **words}
    return Notice(regarding, change=change, **told)


def _publisher(client: Client) -> Publisher:
    return Publisher(client, instance="quartermaster-0", now=lambda: MOMENT)


async def test_an_event_is_created_once_per_change(client: Client, namespace: str) -> None:
    """Repeated, also by another process, it stays one; another change of the same words is another."""
    publisher, successor = _publisher(client), _publisher(client)
    assert await publisher.publish(_notice(namespace))
    assert not await publisher.publish(_notice(namespace))
    assert not await successor.publish(_notice(namespace))
    assert await successor.publish(_notice(namespace, change="2"))
    found = await client.list(resources.EVENTS, namespace)
    assert len(found) == 2
    event = found[0]
    assert (event["reason"], event["type"], event["action"]) == ("Placed", "Normal", "Place")
    assert (event["eventTime"], event["reportingInstance"]) == ("2026-11-21T10:00:00.000005Z", "quartermaster-0")
    assert event["regarding"]["name"] == "llama"


async def test_a_repetition_costs_no_request(client: Client, cluster: Cluster, namespace: str) -> None:
    """The loop may tell the same at every turn: a settled world gets no write."""
    publisher = _publisher(client)
    await publisher.publish(_notice(namespace))
    mark = cluster.audit.mark()
    await publisher.publish(_notice(namespace))
    assert not cluster.audit.writes(since=mark, resource="events")


async def test_kubectl_shows_it_with_the_object(client: Client, cluster: Cluster, namespace: str) -> None:
    """Where people look."""
    await _publisher(client).publish(_notice(namespace, is_warning=True, note="no H200 is free"))
    shown = cluster.kubectl("events", "-n", namespace, "--for", "deployment/llama").stdout
    assert "Warning" in shown
    assert "no H200 is free" in shown


async def test_an_object_without_a_namespace_has_its_events_in_default(client: Client) -> None:
    """There kubectl looks for them."""
    pool = Reference("quartermaster.dev/v1alpha1", "AcceleratorPool", "", "h200", "uid-1")
    await _publisher(client).publish(Notice(pool, "Discovered", "8 nodes", "Discover", "1"))
    found = await client.list(resources.EVENTS, "default", query={"fieldSelector": "regarding.name=h200"})
    assert [event["note"] for event in found] == ["8 nodes"]


async def test_any_words_fit(client: Client, namespace: str) -> None:
    """A long note is cut where a character ends; a long name still makes a valid one."""
    notice = _notice(namespace, note="ä" * 2000)
    assert await _publisher(client).publish(notice)
    stored = await client.get(resources.EVENTS, namespace, notice.name)
    assert len(stored["note"].encode()) <= events.NOTE_BYTES
    assert stored["note"].endswith("ä…")
    regarding = Reference("apps/v1", "Deployment", namespace, f"{'a' * 199}.{'b' * 53}", "uid-1")
    assert await _publisher(client).publish(Notice(regarding, "Placed", "", "Place", "1"))


async def test_only_so_many_are_remembered(client: Client, namespace: str) -> None:
    """An operator runs for months."""
    publisher = _publisher(client)
    publisher._published.update(dict.fromkeys(map(str, range(5000))))
    await publisher.publish(_notice(namespace))
    assert len(publisher._published) <= events._REMEMBERED
