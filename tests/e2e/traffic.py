"""Load on real sockets: doubles of model servers at the pods' addresses, and what is seen of them while load runs.

Here the doubles are kept equal to the pods and looked at; what load is sent, and what must come of it, the tests say.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from quartermaster.api import names
from tests.e2e.world import World
from tests.lab import modelserver
from tests.lab.client import UnreachableError
from tests.lab.cluster import Cluster
from tests.lab.modelserver import Fleet, PodFacts, ReplicaPhysics
from tests.lab.objects import has_condition

LOOK_SECONDS = 0.25


def doubles(cluster: Cluster, physics_by_pool: Mapping[str, ReplicaPhysics]) -> AbstractAsyncContextManager[Fleet]:
    """Serve at the address of every running pod of ours while the block runs."""
    return modelserver.doubles(cluster.kubeconfig(), PodFacts(physics_by_pool, default=ReplicaPhysics()))


@dataclass(slots=True)
class Sight:
    """What is seen of one deployment, renewed several times a second."""

    world: World
    servers: Fleet
    namespace: str
    name: str
    endpoints: list[str] = field(default_factory=list)
    """Addresses of ready pods with a healthy server."""
    ready_pods: int = 0
    waiting: int = 0
    """Requests in the engines' queues."""
    desired_by_pool: dict[str, int] = field(default_factory=dict)
    """Replicas that the status wants, by pool."""
    status: dict[str, object] = field(default_factory=dict)

    @property
    def desired(self) -> int:
        """Replicas that the status wants."""
        return sum(self.desired_by_pool.values())

    async def look(self) -> None:
        """Ask Kubernetes and the servers once."""
        addresses = await asyncio.to_thread(self._ask)
        self.ready_pods = len(addresses)
        states = [state for state in await self.servers.states() if state.address in addresses]
        self.endpoints = [state.address for state in states if state.is_ready]
        self.waiting = sum(state.waiting for state in states)

    def _ask(self) -> set[str]:
        self.status = self.world.status(self.namespace, self.name)
        placements = self.world.placements(self.namespace, self.name)
        self.desired_by_pool = {pool: placement["desired"] for pool, placement in placements.items()}
        pods = self.world.pods(self.namespace, self.name)
        return {f"{pod['status']['podIP']}:{names.SERVING_PORT}" for pod in pods if has_condition(pod, "Ready")}


@asynccontextmanager
async def seeing(world: World, servers: Fleet, namespace: str, name: str) -> AsyncIterator[Sight]:
    """Yield a sight that renews itself while the block runs."""
    sight = Sight(world, servers, namespace, name)
    await sight.look()

    async def renew() -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with contextlib.suppress(UnreachableError):
                await sight.look()

    task = asyncio.create_task(renew())
    try:
        yield sight
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
