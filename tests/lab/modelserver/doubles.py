"""Doubles at the addresses of a cluster's pods, in a process of their own, for as long as a block runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.lab.modelserver.follow import PhysicsOf, follow
from tests.lab.modelserver.podwatch import ApiServer, PodWatch
from tests.lab.modelserver.process import model_servers_process
from tests.lab.modelserver.servers import Fleet

FOLLOW_SECONDS = 0.2


@asynccontextmanager
async def doubles(kubeconfig: Path, physics_of: PhysicsOf) -> AsyncIterator[Fleet]:
    """Serve at the address of every running pod of ours while the block runs; yields the doubles."""
    async with (
        model_servers_process() as (servers, _),
        PodWatch(ApiServer.from_kubeconfig(kubeconfig)) as pods,
    ):
        following = asyncio.create_task(follow(servers, pods, physics_of, interval_seconds=FOLLOW_SECONDS))
        try:
            yield servers
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
