"""Outcomes are written in turns that end: what is left is decided again, and nothing is told of it yet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import date

import pytest

from quartermaster.api import names
from quartermaster.api.crd import crds
from quartermaster.cluster import resources
from quartermaster.cluster.client import Client
from quartermaster.cluster.credentials import Source
from quartermaster.controller.watching import Caches
from quartermaster.controller.writing import CHUNK, LONGEST_SECONDS, Writer, Written
from quartermaster.planner.fleet import Fleet
from quartermaster.planner.plan import Plan
from quartermaster.reconcile.outcome import Apply, Memory, Outcome, Reference, StatusWrite
from tests.e2e.wishes import wish
from tests.lab.cluster import Cluster, Options
from tests.lab.components import KWOK, SCHEDULER

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def cluster_options() -> Options:
    """Nothing here needs a pod to run."""
    return Options(without=frozenset({SCHEDULER, KWOK}))


def services(namespace: str, count: int) -> Outcome:
    """Return an outcome of so many Services."""
    manifests = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": f"service-{number:03}", "namespace": namespace},
            "spec": {"ports": [{"name": "http", "port": 80}], "clusterIP": "None"},
        }
        for number in range(count)
    ]
    applied = tuple(Apply(manifest, "it is not there") for manifest in manifests)
    return Outcome(Fleet((), date(2026, 11, 21)), Plan(), Memory(), has_replanned=True, apply=applied)


@asynccontextmanager
async def caching(cluster: Cluster) -> AsyncIterator[tuple[Client, Caches]]:
    """Yield a client, and caches that follow the cluster by it while the block runs."""
    async with Client(Source(kubeconfig=str(cluster.kubeconfig()))) as client:
        caches = Caches(client, wake=lambda: None)
        task = asyncio.create_task(caches.run())
        try:
            yield client, caches
        finally:
            # First, for it ends connections at once: those of a watch that was cancelled would shut down by themselves.
            await client.close()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def written(cluster: Cluster, outcome: Outcome, *, longest_seconds: float) -> tuple[Written, int, int]:
    """Write an outcome once; returns what came of it, how often progress was told, and the Services there are."""
    progress: list[None] = []
    async with caching(cluster) as (client, caches):
        writer = Writer(
            client,
            caches,
            instance="test",
            progressed=lambda: progress.append(None),
            longest_seconds=longest_seconds,
        )
        found = await writer.write(writer.due(outcome))
        there = await client.list(resources.SERVICES, outcome.apply[0].manifest["metadata"]["namespace"])
    return found, len(progress), len(there)


def test_a_large_outcome_is_written_in_turns(cluster: Cluster, namespace: str) -> None:
    """Without any time left a turn still writes some, and says that more is to come."""
    outcome = services(namespace, 2 * CHUNK + 1)
    found, progressed, there = asyncio.run(written(cluster, outcome, longest_seconds=0.0))
    assert not found.is_whole
    assert found.outcome.apply == outcome.apply[:CHUNK]
    assert (progressed, there) == (1, CHUNK)


def test_an_outcome_that_is_written_in_time_is_whole(cluster: Cluster, namespace: str) -> None:
    """Progress is told on the way, so that a loop at work is not taken for one that is stuck."""
    outcome = services(namespace, 2 * CHUNK + 1)
    found, progressed, there = asyncio.run(written(cluster, outcome, longest_seconds=2 * LONGEST_SECONDS))
    assert found.is_whole
    assert found.outcome == outcome
    assert not found.errors
    assert (progressed, there) == (3, len(outcome.apply))


def test_statuses_that_found_no_time_come_first_in_the_next_turn(cluster: Cluster, namespace: str) -> None:
    """Otherwise those in front, which change again and again, would keep the others from ever being told."""
    wishes = [wish(f"wish-{number:03}", namespace, rate=None, replicas=1) for number in range(CHUNK + 2)]
    cluster.apply([*crds(), *wishes])
    uid_by_name = {
        item["metadata"]["name"]: item["metadata"]["uid"]
        for item in cluster.get("inferencedeployments", None, namespace)
    }
    references = [
        Reference(names.API_VERSION, "InferenceDeployment", namespace, name, uid)
        for name, uid in sorted(uid_by_name.items())
    ]
    statuses = tuple(StatusWrite(reference, {"observedGeneration": 1}) for reference in references)
    outcome = replace(services(namespace, 0), statuses=statuses)

    async def twice() -> tuple[Written, Written]:
        async with caching(cluster) as (client, caches):
            writer = Writer(client, caches, instance="test", progressed=lambda: None, longest_seconds=0.0)
            return await writer.write(outcome), await writer.write(outcome)

    first, second = asyncio.run(twice())
    assert first.outcome.statuses == statuses[:CHUNK]
    assert second.outcome.statuses == (*statuses[CHUNK:], *statuses[: CHUNK - 2])
