"""Speaking to the real API server, also through a proxy that misbehaves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from quartermaster.cluster import resources
from quartermaster.cluster.call import Answered, Call, Limits, Victim
from quartermaster.cluster.client import Client
from quartermaster.cluster.credentials import Source
from quartermaster.cluster.errors import ApiError
from tests.cluster.meddler import Meddler
from tests.lab.cluster import Cluster

Make = Callable[..., dict[str, Any]]
MAPS = resources.CONFIG_MAPS


async def test_an_object_is_created_read_listed_and_deleted(client: Client, namespace: str, config_map: Make) -> None:
    """The whole life of an object."""
    created = await client.create(MAPS, config_map("a", x="1"))
    assert (await client.get(MAPS, namespace, "a"))["data"] == {"x": "1"}
    listed = await client.list(MAPS, namespace, query={"labelSelector": "made-by=test"})
    assert [item["metadata"]["name"] for item in listed] == ["a"]
    await client.delete(Victim(MAPS, namespace, "a", created["metadata"]["uid"]))
    with pytest.raises(ApiError) as caught:
        await client.get(MAPS, namespace, "a")
    assert caught.value.is_not_found


async def test_a_list_in_pages_is_whole(client: Client, namespace: str, config_map: Make) -> None:
    """Every page is of the same version, and nothing is lost between them."""
    for number in range(7):
        await client.create(MAPS, config_map(f"m{number}"))
    query = {"labelSelector": "made-by=test"}
    pages = [page async for page in client.pages(MAPS, namespace, query=query, page_size=3)]
    assert [len(page["items"]) for page in pages] == [3, 3, 1]
    assert len({page["metadata"]["resourceVersion"] for page in pages}) == 1


async def test_apply_takes_over_what_it_declares_and_drops_what_it_declares_no_more(
    client: Client, cluster: Cluster, namespace: str, config_map: Make
) -> None:
    """One field manager, forced; what others added stays."""
    await client.apply(MAPS, config_map("a", x="1", y="2"))
    cluster.patch("configmaps", "a", {"data": {"x": "edited", "theirs": "3"}}, namespace=namespace)
    applied = await client.apply(MAPS, config_map("a", x="1"))
    assert applied["data"] == {"x": "1", "theirs": "3"}
    managers = {entry["manager"] for entry in applied["metadata"]["managedFields"] if entry["operation"] == "Apply"}
    assert managers == {"quartermaster"}


async def test_an_apply_that_changes_nothing_keeps_the_version(client: Client, config_map: Make) -> None:
    """The API server writes nothing then."""
    first = await client.apply(MAPS, config_map("a", x="1"))
    second = await client.apply(MAPS, config_map("a", x="1"))
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


async def test_an_apply_with_a_uid_never_touches_a_namesake(client: Client, namespace: str, config_map: Make) -> None:
    """An object that was deleted and made anew is another one."""
    document = config_map("a", x="1")
    old = await client.apply(MAPS, document)
    uid = old["metadata"]["uid"]
    await client.delete(Victim(MAPS, namespace, "a", uid))
    bound = {**document, "metadata": {**document["metadata"], "uid": uid}}
    with pytest.raises(ApiError) as while_gone:
        await client.apply(MAPS, bound)
    assert while_gone.value.is_conflict
    await client.apply(MAPS, document)
    with pytest.raises(ApiError, match=r"metadata\.uid") as when_replaced:
        await client.apply(MAPS, bound)
    assert when_replaced.value.is_invalid


async def test_status_is_written_alone(client: Client, cluster: Cluster, namespace: str) -> None:
    """Whatever else the document says is not sent, and a status is merged by our own field manager."""
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "a", "namespace": namespace},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"a": "b"}}},
    }
    (stored,) = cluster.apply(budget)
    condition = {
        "type": "Example",
        "status": "True",
        "reason": "Test",
        "message": "",
        "lastTransitionTime": "2026-11-21T10:00:00Z",
    }
    written = await client.patch_status(
        resources.POD_DISRUPTION_BUDGETS,
        {**stored, "spec": {"maxUnavailable": 5}, "status": {"conditions": [condition]}},
    )
    assert written["spec"]["maxUnavailable"] == 1
    assert condition["type"] in {found["type"] for found in written["status"]["conditions"]}


async def test_a_delete_refuses_a_replaced_object(client: Client, namespace: str, config_map: Make) -> None:
    """The UID, and the version where it is given, must be those that were seen."""
    first = await client.create(MAPS, config_map("a"))
    uid = first["metadata"]["uid"]
    await client.apply(MAPS, config_map("a", x="1"))
    for victim in (
        Victim(MAPS, namespace, "a", "00000000-0000-0000-0000-000000000000"),
        Victim(MAPS, namespace, "a", uid, resource_version=first["metadata"]["resourceVersion"]),
    ):
        with pytest.raises(ApiError) as caught:
            await client.delete(victim)
        assert caught.value.is_conflict
    await client.delete(Victim(MAPS, namespace, "a", uid))


async def test_every_answer_is_counted(
    client: Client, namespace: str, config_map: Make, answers: list[Answered]
) -> None:
    """By verb, resource and code."""
    await client.apply(MAPS, config_map("a"))
    with pytest.raises(ApiError):
        await client.get(MAPS, namespace, "absent")
    told = [(answer.cluster, answer.verb, answer.resource, answer.code) for answer in answers]
    assert told == [("local", "apply", "configmaps", 201), ("local", "get", "configmaps", 404)]


async def test_an_invalid_object_is_refused_with_the_servers_words(client: Client, config_map: Make) -> None:
    """The message names the field; asking again is of no use."""
    with pytest.raises(ApiError, match="Not_Valid") as caught:
        await client.apply(MAPS, config_map("Not_Valid"))
    assert caught.value.is_invalid


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 0])
async def test_what_fails_for_the_moment_is_tried_again(
    meddler: Meddler, meddled: Client, answers: list[Answered], config_map: Make, status: int
) -> None:
    """Overload, a restarting API server, a load balancer without a backend, a closed connection."""
    meddler.answer("PATCH", status)
    meddler.answer("PATCH", status)
    await meddled.apply(MAPS, config_map("a"))
    assert [answer.code for answer in answers] == [status, status, 201]


async def test_retry_after_is_minded(meddler: Meddler, config_map: Make) -> None:
    """Up to a bound: then the caller shall know, and decide for itself."""
    limits = Limits(backoff_base_seconds=0.0, retry_after_cap_seconds=0.01)
    async with Client(Source(kubeconfig=str(meddler.kubeconfig)), limits=limits) as client:
        meddler.answer("PATCH", 429, Retry_After="3600")
        await client.apply(MAPS, config_map("a"))
    assert meddler.count("PATCH") == 2


async def test_a_lasting_failure_is_told_after_the_last_try(meddler: Meddler, meddled: Client) -> None:
    """The number of tries is bounded."""
    for _ in range(5):
        meddler.answer("GET", 503, b"no backend")
    with pytest.raises(ApiError, match="no backend"):
        await meddled.get(MAPS, "default", "a")
    assert meddler.count("GET") == 5


async def test_a_create_without_an_answer_is_not_repeated(meddler: Meddler, meddled: Client, config_map: Make) -> None:
    """The object may be there: the next round looks."""
    meddler.lose_answer("POST")
    with pytest.raises(ApiError) as caught:
        await meddled.create(MAPS, config_map("a"))
    assert caught.value.is_unreachable
    assert meddler.count("POST") == 1


async def test_a_lost_answer_to_an_apply_or_a_delete_does_no_harm(
    meddler: Meddler, meddled: Client, namespace: str, config_map: Make
) -> None:
    """Both may be sent twice; a delete then finds nothing, which is what was wanted."""
    meddler.lose_answer("PATCH")
    applied = await meddled.apply(MAPS, config_map("a", x="1"))
    assert applied["data"] == {"x": "1"}
    meddler.lose_answer("DELETE")
    with pytest.raises(ApiError) as caught:
        await meddled.delete(Victim(MAPS, namespace, "a", applied["metadata"]["uid"]))
    assert caught.value.is_not_found


async def test_a_renewed_token_is_read_after_a_401(cluster: Cluster, tmp_path: Path) -> None:
    """Once per request: a token that stays bad is an error."""
    path = tmp_path / "kubeconfig"
    good = cluster.kubeconfig().read_text()
    document = yaml.safe_load(good)
    document["users"][0]["user"] = {"token": "expired"}
    path.write_text(yaml.safe_dump(document))
    async with Client(Source(kubeconfig=str(path))) as client:
        with pytest.raises(ApiError) as caught:
            await client.list(resources.NAMESPACES)
        assert caught.value.is_unauthorized
        path.write_text(good)
        assert await client.list(resources.NAMESPACES)


async def test_credentials_that_cannot_be_renewed_are_used_as_long_as_they_are_good(
    cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The file is away just when it is due to be read again."""
    path = tmp_path / "kubeconfig"
    path.write_text(cluster.kubeconfig().read_text())
    async with Client(Source(kubeconfig=str(path))) as client:
        path.unlink()
        client._connection._credentials._read_at_seconds = None
        assert await client.list(resources.NAMESPACES)
        assert await client.list(resources.NAMESPACES)
    assert [record.message[:33] for record in caplog.records] == ["credentials of local are not rene"]


async def test_an_unreachable_server_is_told_as_such(tmp_path: Path, cluster: Cluster) -> None:
    """Nobody listens there."""
    document = yaml.safe_load(cluster.kubeconfig().read_text())
    document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    limits = Limits(attempts=2, backoff_base_seconds=0.0)
    async with Client(Source(kubeconfig=str(path)), limits=limits) as client:
        with pytest.raises(ApiError) as caught:
            await client.get(MAPS, "default", "a")
    assert (caught.value.is_unreachable, caught.value.reason) == (True, "Unreachable")


async def test_a_request_that_hangs_ends(meddler: Meddler) -> None:
    """Each request has a bound of its own."""
    limits = Limits(attempts=1)
    async with Client(Source(kubeconfig=str(meddler.kubeconfig)), limits=limits) as client:
        meddler.hold()
        with pytest.raises(ApiError) as caught:
            await client.send(Call("get", "GET", "/readyz", "readyz", timeout_seconds=0.2))
        assert caught.value.reason == "TimedOut"
        meddler.flow()
        assert await client.send(Call("get", "GET", "/readyz", "readyz")) == "ok"


async def test_a_closed_client_says_so(cluster: Cluster) -> None:
    """It does not open connections that nobody would close."""
    client = Client(Source(kubeconfig=str(cluster.kubeconfig())))
    await client.close()
    with pytest.raises(Exception, match="found a closed one"):
        await client.list(resources.NAMESPACES)
