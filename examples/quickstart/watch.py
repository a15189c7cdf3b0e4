"""What is seen of the loaded deployment while it is under load: replicas, queues, tokens. Reading only."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from quartermaster.api.names import SERVING_PORT
from quartermaster.manifests.names import service_name
from quartermaster.planner.fleet import Key
from tests.lab import objects
from tests.lab.client import UnreachableError
from tests.lab.cluster import Cluster
from tests.lab.modelserver import Fleet

NAMESPACE = "default"
LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Replicas:
    """Replicas of one deployment."""

    desired: int = 0
    ready: int = 0

    def __str__(self) -> str:
        """``ready/desired``."""
        return f"{self.ready}/{self.desired}"


@dataclass(slots=True)
class Watch:
    """The latest look, renewed twice a second."""

    name: str
    endpoints: list[str] = field(default_factory=list)
    """Addresses of the ready pods that the Service of the deployment selects, whose server answers."""
    replicas_by_name: dict[str, Replicas] = field(default_factory=dict)
    """As the status of each InferenceDeployment tells them."""
    model: str = ""
    """What the servers call the model."""
    waiting: int = 0
    running: int = 0
    generated_tokens: int = 0
    """Since the first look, replicas that are gone included."""
    _tokens_by_address: dict[str, int] = field(default_factory=dict)

    @property
    def replicas(self) -> Replicas:
        """Replicas of the deployment, as its status tells them."""
        return self.replicas_by_name.get(self.name, Replicas())

    async def look(self, cluster: Cluster, servers: Fleet) -> None:
        """Ask Kubernetes and the servers once."""
        behind_service, self.replicas_by_name = await asyncio.to_thread(_ask, cluster, self.name)
        states = [state for state in await servers.states() if state.address in behind_service]
        self.endpoints = [state.address for state in states if state.is_ready]
        self.model = states[0].model if states else self.model
        self.waiting = sum(state.waiting for state in states)
        self.running = sum(state.running for state in states)
        for state in states:
            before = self._tokens_by_address.get(state.address, 0)
            self.generated_tokens += max(0, state.generation_tokens - before)
            self._tokens_by_address[state.address] = state.generation_tokens


def _ask(cluster: Cluster, name: str) -> tuple[set[str], dict[str, Replicas]]:
    selector = cluster.get("services", service_name(Key(NAMESPACE, name)), NAMESPACE)["spec"]["selector"]
    pods = cluster.get("pods", None, NAMESPACE, ",".join(f"{key}={value}" for key, value in selector.items()))
    # What an EndpointSlice would hold, where the API server refuses the loopback addresses that these pods have.
    addresses = {
        f"{pod['status']['podIP']}:{SERVING_PORT}"
        for pod in pods
        if objects.has_condition(pod, "Ready") and "deletionTimestamp" not in pod["metadata"]
    }
    replicas = {}
    for item in cluster.get("inferencedeployments", None, NAMESPACE):
        status = item.get("status", {})
        desired = sum(placement["desired"] for placement in status.get("placements", ()))
        replicas[item["metadata"]["name"]] = Replicas(desired, status.get("readyReplicas", 0))
    return addresses, replicas


@asynccontextmanager
async def watching(cluster: Cluster, servers: Fleet, name: str) -> AsyncIterator[Watch]:
    """Yield a watch that renews itself while the block runs."""
    watch = Watch(name)
    await watch.look(cluster, servers)

    async def renew() -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with contextlib.suppress(UnreachableError):
                await watch.look(cluster, servers)

    task = asyncio.create_task(renew())
    try:
        yield watch
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
