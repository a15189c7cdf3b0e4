"""Doubles that follow pods: in steps over given pods, and behind a real API server with fake nodes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.lab.cluster import Cluster
from tests.lab.modelserver import ApiServer, Follower, ModelServers, PodFacts, PodWatch, ReplicaPhysics, follow
from tests.lab_tests import samples
from tests.modelserver.exposed import eventually
from tests.modelserver.requests import MODEL, complete, status_of

PHYSICS = ReplicaPhysics()
LABELS = {"app.kubernetes.io/managed-by": "quartermaster"}


def pod(name: str, address: str | None, *, phase: str = "Running", port: int = 8000) -> dict[str, Any]:
    """Return what matters of a pod."""
    status = {"phase": phase} | ({"podIP": address.partition(":")[0]} if address else {})
    ports = [{"name": "debug", "containerPort": 9}, {"name": "http", "containerPort": port}]
    return {
        "metadata": {"name": name, "uid": f"uid-{name}"},
        "spec": {"containers": [{"ports": ports}]},
        "status": status,
    }


def facts_of(pod: dict[str, Any]) -> tuple[str, str, ReplicaPhysics] | None:
    """Serve the model with vLLM on every pod but a gateway."""
    return None if pod["metadata"]["name"] == "gateway" else ("VLLM", MODEL, PHYSICS)


async def test_pods_get_doubles_at_their_addresses_and_lose_them(
    servers: ModelServers, addresses: Iterator[str]
) -> None:
    """Only running pods with an address that serve something have one; a pod that is gone has none."""
    first, second, third = (next(addresses) for _ in range(3))
    follower = Follower(servers, facts_of, drain_seconds=0)
    await follower.step([pod("a", first), pod("b", second, phase="Pending"), pod("c", None), pod("gateway", third)])
    assert servers.addresses == follower.addresses == [first]
    await follower.step([pod("a", first), pod("b", second)])
    assert servers.addresses == sorted([first, second])
    await follower.step([pod("b", second)])
    assert servers.addresses == [second]
    await follower.step([])
    assert servers.addresses == []


async def test_another_pod_at_the_same_address_gets_a_fresh_double(
    session: aiohttp.ClientSession, servers: ModelServers, addresses: Iterator[str]
) -> None:
    """Addresses are used again; counters are not."""
    address = next(addresses)
    follower = Follower(servers, facts_of, drain_seconds=0)
    await follower.step([pod("a", address)])
    await complete(session, address)
    await follower.step([pod("a", address)])
    assert (await servers.state(address)).generation_tokens == 10
    await follower.step([pod("b", address)])
    assert (await servers.state(address)).generation_tokens == 0


async def test_the_port_named_http_is_the_one_that_is_served(servers: ModelServers, addresses: Iterator[str]) -> None:
    """An engine may listen elsewhere than on 8000."""
    host = next(addresses).partition(":")[0]
    await Follower(servers, facts_of).step([pod("a", host, port=8123)])
    assert servers.addresses == [f"{host}:8123"]


async def test_a_pod_that_cannot_have_a_double_does_not_stop_the_others(
    servers: ModelServers, addresses: Iterator[str], caplog: pytest.LogCaptureFixture
) -> None:
    """An address outside loopback is refused once, one that is taken is tried again."""
    good, taken = next(addresses), next(addresses)
    follower = Follower(servers, facts_of)
    async with ModelServers() as others:
        await others.add(taken, engine="vllm", model=MODEL, physics=PHYSICS)
        for _ in range(2):
            await follower.step([pod("far", "10.0.0.7"), pod("taken", taken), pod("good", good)])
        assert servers.addresses == [good]
    assert sum("pod far gets no double" in message for message in caplog.messages) == 1
    await follower.step([pod("taken", taken), pod("good", good)])
    assert servers.addresses == sorted([good, taken])


async def test_a_list_that_fails_leaves_the_doubles_and_is_tried_again(
    servers: ModelServers, addresses: Iterator[str]
) -> None:
    """A stopped API server must not stop the model servers."""
    first, second = next(addresses), next(addresses)
    answers: list[list[dict[str, Any]] | OSError] = [[pod("a", first)], OSError("gone"), OSError("gone")]

    async def list_pods() -> list[dict[str, Any]]:
        answer = answers.pop(0) if answers else [pod("a", first), pod("b", second)]
        if isinstance(answer, OSError):
            assert servers.addresses == [first]
            raise answer
        return answer

    async def both_are_there() -> bool:
        return servers.addresses == sorted([first, second])

    task = asyncio.create_task(follow(servers, list_pods, facts_of, interval_seconds=0.01))
    await eventually(both_are_there)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_pods_of_a_real_cluster_are_served_and_scale_with_their_deployment(
    session: aiohttp.ClientSession, servers: ModelServers, cluster: Cluster, namespace: str
) -> None:
    """Pods on fake nodes answer at their addresses; doubles follow as they scale, also past a killed API server."""
    cluster.apply(samples.node("node-of-doubles"))
    deployment = samples.deployment("server", namespace, replicas=3)
    deployment["spec"]["template"]["metadata"]["labels"] |= LABELS
    other = samples.deployment("unmanaged", namespace, replicas=1)
    await asyncio.to_thread(cluster.apply, [deployment, other])
    server = ApiServer.from_kubeconfig(cluster.kubeconfig())
    async with PodWatch(server) as pods:
        task = asyncio.create_task(follow(servers, pods, facts_of, interval_seconds=0.05, drain_seconds=0))
        for count in (3, 1, 2):
            scale = {"spec": {"replicas": count}}
            await asyncio.to_thread(cluster.patch, "deployment", "server", scale, namespace=namespace)

            async def as_many(wanted: int = count) -> bool:
                return len(servers.addresses) == wanted

            await eventually(as_many)
            for address in servers.addresses:
                assert await status_of(session, address, "/health") == 200
            if count == 1:
                api_server = cluster.component("kube-apiserver")
                await asyncio.to_thread(api_server.kill)
                assert len(servers.addresses) == 1
                await asyncio.to_thread(api_server.restart)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_facts_of_a_pod_come_from_its_labels_and_arguments() -> None:
    """The engine is a label, the model an option or else the deployment's name, the physics those of the pool."""
    slow = ReplicaPhysics(alpha_seconds=0.1)
    facts = PodFacts({"cheap": slow}, default=PHYSICS)
    labels = {
        "quartermaster.dev/engine": "VLLMTPU",
        "quartermaster.dev/inference-deployment": "chat",
        "quartermaster.dev/pool": "cheap",
    }
    named = {"metadata": {"labels": labels}, "spec": {"containers": [{"args": ["--served-model-name=a/b", "--x"]}]}}
    assert facts(named) == ("VLLMTPU", "a/b", slow)
    elsewhere = labels | {"quartermaster.dev/pool": "dear"}
    unnamed = {"metadata": {"labels": elsewhere}, "spec": {"containers": [{"args": ["org/model"]}]}}
    assert facts(unnamed) == ("VLLMTPU", "chat", PHYSICS)
    assert facts({"metadata": {}, "spec": {"containers": []}}) is None


def test_a_kubeconfig_without_a_token_is_refused_by_name(tmp_path: Path) -> None:
    """The message names the file and what it lacks."""
    path = tmp_path / "config"
    path.write_text(
        "current-context: c\n"
        "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
        "clusters: [{name: k, cluster: {server: 'https://127.0.0.1:1'}}]\n"
        "users: [{name: u, user: {}}]\n"
    )
    with pytest.raises(ValueError, match=r"config must be a kubeconfig .* found no 'token'"):
        ApiServer.from_kubeconfig(path)
