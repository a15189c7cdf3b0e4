"""Keeping the doubles equal to the pods of a cluster: a running pod has one at its address, until the pod is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from tests.lab.modelserver.address import DEFAULT_PORT
from tests.lab.modelserver.client import ControlError
from tests.lab.modelserver.physics import ReplicaPhysics
from tests.lab.modelserver.servers import Fleet

LABEL_SELECTOR = "app.kubernetes.io/managed-by=quartermaster"
"""Pods that get a double, unless `physics_of` declines them."""

ListPods = Callable[[], Awaitable[list[dict[str, Any]]]]
PhysicsOf = Callable[[dict[str, Any]], tuple[str, str, ReplicaPhysics] | None]
"""From a pod to its engine, model and physics; None for a pod that serves nothing."""

_log = logging.getLogger(__name__)


async def follow(
    servers: Fleet,
    list_pods: ListPods,
    physics_of: PhysicsOf,
    *,
    interval_seconds: float = 0.5,
    drain_seconds: float = 5.0,
) -> None:
    """Compare pods with doubles every `interval_seconds`, until cancelled.

    A list that fails is tried again at the next interval: a stopped API server must not stop the doubles.
    """
    follower = Follower(servers, physics_of, drain_seconds=drain_seconds)
    while True:
        try:
            await follower.step(await list_pods())
        except (OSError, TimeoutError) as error:
            _log.warning("pods could not be listed, next try in %s s: %s", interval_seconds, error)
        await asyncio.sleep(interval_seconds)


class Follower:
    """Which pod has which double; `step` brings the doubles in line with a list of pods."""

    def __init__(self, servers: Fleet, physics_of: PhysicsOf, *, drain_seconds: float = 5.0) -> None:
        """Know of no pod yet."""
        self._servers = servers
        self._physics_of = physics_of
        self._drain_seconds = drain_seconds
        self._uid_by_address: dict[str, str] = {}
        self._refused_uids: set[str] = set()

    @property
    def addresses(self) -> list[str]:
        """Where pods have doubles, sorted."""
        return sorted(self._uid_by_address)

    async def step(self, pods: list[dict[str, Any]]) -> None:
        """Add a double for each new running pod and end those whose pods are gone.

        Another pod at the same address gets a new one. An address that is taken is tried again at the next step.
        """
        self._refused_uids &= {pod["metadata"]["uid"] for pod in pods}
        wanted = {address: pod for pod in pods if (address := _address_of(pod)) is not None}
        for address, uid in list(self._uid_by_address.items()):
            if address not in wanted or wanted[address]["metadata"]["uid"] != uid:
                del self._uid_by_address[address]
                await self._servers.remove(address, drain_seconds=self._drain_seconds)
        for address, pod in wanted.items():
            uid = pod["metadata"]["uid"]
            if address not in self._uid_by_address and uid not in self._refused_uids:
                await self._add(address, uid, pod)

    async def _add(self, address: str, uid: str, pod: dict[str, Any]) -> None:
        facts = self._physics_of(pod)
        if facts is None:
            self._refused_uids.add(uid)
            return
        engine, model, physics = facts
        try:
            await self._servers.add(address, engine=engine, model=model, physics=physics)
        except ValueError as error:
            self._refused_uids.add(uid)
            _log.warning("pod %s gets no double: %s", pod["metadata"].get("name"), error)
        except (OSError, ControlError) as error:
            _log.warning("pod %s gets no double at %s yet: %s", pod["metadata"].get("name"), address, error)
        else:
            self._uid_by_address[address] = uid


def _address_of(pod: dict[str, Any]) -> str | None:
    """Return where the engine of a running pod listens: its address with the port named http, or its first, or 8000."""
    status = pod.get("status", {})
    if status.get("phase") != "Running" or not status.get("podIP"):
        return None
    ports = [port for container in pod["spec"].get("containers", []) for port in container.get("ports", [])]
    ports.sort(key=lambda port: port.get("name") != "http")
    return f"{status['podIP']}:{ports[0]['containerPort'] if ports else DEFAULT_PORT}"
