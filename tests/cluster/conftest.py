"""Fixtures of this room: clients of the real API server, and one that speaks through the meddler."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio

from quartermaster.cluster.call import Answered, Limits
from quartermaster.cluster.client import Client
from quartermaster.cluster.credentials import Source
from tests.cluster.meddler import Meddler
from tests.lab.cluster import Cluster, Options
from tests.lab.components import KWOK, SCHEDULER

QUICK = Limits(backoff_base_seconds=0.01, backoff_cap_seconds=0.05, connect_timeout_seconds=2.0)


@pytest.fixture(scope="package")
def cluster() -> Iterator[Cluster]:
    """Yield a control plane on which nothing needs a pod to run; every test has a namespace of its own."""
    with Cluster.start(Options(without=frozenset({SCHEDULER, KWOK}))) as cluster:
        yield cluster


@pytest.fixture
def answers() -> list[Answered]:
    """What the clients of a test report to the metrics."""
    return []


@pytest_asyncio.fixture
async def client(cluster: Cluster, answers: list[Answered]) -> AsyncIterator[Client]:
    """A client of the API server, as administrator."""
    source = Source(kubeconfig=str(cluster.kubeconfig()))
    async with Client(source, limits=QUICK, on_answer=answers.append) as client:
        yield client


@pytest_asyncio.fixture
async def meddler(cluster: Cluster) -> AsyncIterator[Meddler]:
    """A proxy before the API server that can be told to misbehave."""
    async with Meddler(cluster) as meddler:
        yield meddler


@pytest_asyncio.fixture
async def meddled(meddler: Meddler, answers: list[Answered]) -> AsyncIterator[Client]:
    """A client that speaks to the API server through the meddler."""
    source = Source(kubeconfig=str(meddler.kubeconfig))
    async with Client(source, limits=QUICK, on_answer=answers.append) as client:
        yield client


@pytest.fixture
def config_map(namespace: str) -> Callable[..., dict[str, object]]:
    """Makes small objects of the test's namespace."""

    def make(name: str = "thing", **data: str) -> dict[str, object]:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace, "labels": {"made-by": "test"}},
            "data": data,
        }

    return make
