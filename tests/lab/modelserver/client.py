"""Driving doubles that run in another process: the same calls as `ModelServers`, over its control port."""

from __future__ import annotations

import dataclasses
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.lab.modelserver.physics import ReplicaPhysics
from tests.lab.modelserver.state import ReplicaState

_TIMEOUT = aiohttp.ClientTimeout(total=30)


class ControlError(RuntimeError):
    """The doubles refused what was asked of them."""


class ModelServersClient:
    """The doubles behind a control port, an asynchronous context manager."""

    def __init__(self, control: str) -> None:
        """Prepare for the control port at `control` (host:port)."""
        self._base = f"http://{control}"
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session."""
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session; the doubles stay."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def add(self, address: str, *, engine: str, model: str, physics: ReplicaPhysics) -> None:
        """Start a double at `address` (host, or host:port), in the place of one that is there."""
        document = {"engine": engine, "model": model, "physics": dataclasses.asdict(physics)}
        await self._ask("PUT", f"/replicas/{address}", json=document)

    async def remove(self, address: str, *, drain_seconds: float = 0.0) -> None:
        """End the double at `address` after its requests have had `drain_seconds` to finish."""
        await self._ask("DELETE", f"/replicas/{address}", params={"drain_seconds": str(drain_seconds)})

    async def fault(self, address: str, fault: str | None, *, seconds: float | None = None) -> None:
        """Begin a fault of `Fault`, or end the standing one with None; `seconds` is for a slow load."""
        await self._ask("PUT", f"/replicas/{address}/fault", json={"fault": fault, "seconds": seconds})

    async def state(self, address: str) -> ReplicaState:
        """Return what the double at `address` is doing."""
        return ReplicaState.from_json(await self._ask("GET", f"/replicas/{address}"))

    async def states(self) -> list[ReplicaState]:
        """Return what every double is doing, in order of their addresses."""
        return [ReplicaState.from_json(document) for document in await self._ask("GET", "/replicas")]

    async def _ask(self, method: str, path: str, **arguments: Any) -> Any:
        if self._session is None:
            raise ControlError(f"{method} {path} was asked before the client was entered: use `async with`")
        async with self._session.request(method, self._base + path, **arguments) as response:
            document = await response.json() if response.content_type == "application/json" else None
            if not response.ok:
                reason = document["error"] if document else response.reason
                raise ControlError(f"{method} {path} was refused ({response.status}): {reason}")
            return document
