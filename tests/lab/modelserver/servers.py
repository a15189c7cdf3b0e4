"""Many doubles in one process: addresses come, go, fail and mend. The door of the package for use in-process."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Protocol, Self

from tests.lab.modelserver.address import parse_address
from tests.lab.modelserver.endpoint import Endpoint
from tests.lab.modelserver.engine import engine_named
from tests.lab.modelserver.fault import fault_named
from tests.lab.modelserver.physics import ReplicaPhysics
from tests.lab.modelserver.replica import Replica
from tests.lab.modelserver.state import ReplicaState, state_of

DEFAULT_STREAM_INTERVAL_SECONDS = 0.2


class UnknownAddressError(KeyError):
    """No double listens at the address."""

    def __str__(self) -> str:
        """Return the message without the quotes of a KeyError."""
        return str(self.args[0])


class Fleet(Protocol):
    """What `ModelServers` (in this process) and `ModelServersClient` (in another) both offer."""

    async def add(self, address: str, *, engine: str, model: str, physics: ReplicaPhysics) -> None:
        """Start a double at `address` (host, or host:port), in the place of one that is there."""

    async def remove(self, address: str, *, drain_seconds: float = 0.0) -> None:
        """End the double at `address` after its requests have had `drain_seconds` to finish."""

    async def fault(self, address: str, fault: str | None, *, seconds: float | None = None) -> None:
        """Begin a fault of `Fault`, or end the standing one with None; `seconds` is for a slow load."""

    async def state(self, address: str) -> ReplicaState:
        """Return what the double at `address` is doing."""

    async def states(self) -> list[ReplicaState]:
        """Return what every double is doing, in order of their addresses."""


class ModelServers:
    """The doubles of this process, an asynchronous context manager. They run `speed` times as fast as their physics."""

    def __init__(self, *, speed: float = 1.0, stream_interval_seconds: float = DEFAULT_STREAM_INTERVAL_SECONDS) -> None:
        """Hold no address yet."""
        self._speed = speed
        self._stream_interval_seconds = stream_interval_seconds
        self._endpoint_by_address: dict[str, Endpoint] = {}
        self._draining: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every double at once, those that drain included."""
        endpoints, self._endpoint_by_address = list(self._endpoint_by_address.values()), {}
        await asyncio.gather(*(endpoint.close(0) for endpoint in endpoints))
        for task in self._draining:
            task.cancel()
        await asyncio.gather(*self._draining, return_exceptions=True)

    @property
    def addresses(self) -> list[str]:
        """Where doubles listen, as host:port, sorted."""
        return sorted(self._endpoint_by_address)

    def ready_addresses(self, model: str | None = None) -> list[str]:
        """Return where healthy doubles (of `model`, if given) listen, as host:port."""
        return [
            address
            for address, endpoint in self._endpoint_by_address.items()
            if endpoint.is_ready and model in {None, endpoint.replica.model}
        ]

    async def add(self, address: str, *, engine: str, model: str, physics: ReplicaPhysics) -> None:
        """Start a double at `address` (host, or host:port), in the place of one that is there.

        Raises:
            ValueError: the address is not on loopback, or the engine is unknown.
            OSError: something else listens there.
        """
        host, port = parse_address(address)
        replica = Replica(
            engine_named(engine),
            model,
            physics.faster(self._speed),
            stream_interval_seconds=self._stream_interval_seconds,
        )
        endpoint = Endpoint(host, port, replica)
        if (previous := self._endpoint_by_address.pop(endpoint.address, None)) is not None:
            await previous.close(0)
        await endpoint.open()
        self._endpoint_by_address[endpoint.address] = endpoint

    async def remove(self, address: str, *, drain_seconds: float = 0.0) -> None:
        """End the double at `address`: it listens no more, and is cut when idle or after `drain_seconds`."""
        endpoint = self._at(address)
        del self._endpoint_by_address[endpoint.address]
        if drain_seconds <= 0:
            await endpoint.close(0)
            return
        task = asyncio.create_task(self._drain(endpoint, drain_seconds))
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)
        await asyncio.sleep(0)  # lets the task close the listening socket

    async def _drain(self, endpoint: Endpoint, drain_seconds: float) -> None:
        try:
            await endpoint.close(drain_seconds)
        except asyncio.CancelledError:
            await endpoint.close(0)
            raise

    async def fault(self, address: str, fault: str | None, *, seconds: float | None = None) -> None:
        """Begin a fault of `Fault`, or end the standing one with None; `seconds` is for a slow load."""
        self._at(address).play(None if fault is None else fault_named(fault), seconds=seconds)

    async def state(self, address: str) -> ReplicaState:
        """Return what the double at `address` is doing."""
        return state_of(self._at(address))

    async def states(self) -> list[ReplicaState]:
        """Return what every double is doing, in order of their addresses."""
        return [state_of(self._endpoint_by_address[address]) for address in self.addresses]

    def _at(self, address: str) -> Endpoint:
        host, port = parse_address(address)
        try:
            return self._endpoint_by_address[f"{host}:{port}"]
        except KeyError:
            raise UnknownAddressError(f"no double listens at {host}:{port}: add it first") from None
