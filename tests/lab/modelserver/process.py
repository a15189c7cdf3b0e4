"""The doubles in a process of their own: what runs there, and how a test or an example starts and ends it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator

from aiohttp import web

from tests.lab.modelserver.client import ModelServersClient
from tests.lab.modelserver.control import control_application
from tests.lab.modelserver.servers import ModelServers

_START_TIMEOUT_SECONDS = 60
_END_TIMEOUT_SECONDS = 10
_ORPHAN_CHECK_SECONDS = 1.0


async def serve(*, host: str, port: int, speed: float, ends_with_parent: bool) -> None:
    """Serve doubles under a control port until SIGTERM or SIGINT; prints `{"control": "host:port"}` once it listens."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with ModelServers(speed=speed) as servers:
        runner = web.AppRunner(control_application(servers), access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        sys.stdout.write(json.dumps({"control": f"{host}:{runner.addresses[0][1]}"}) + "\n")
        sys.stdout.flush()
        parent = os.getppid()
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), _ORPHAN_CHECK_SECONDS)
            if ends_with_parent and os.getppid() != parent:
                break
        await runner.cleanup()


@contextlib.asynccontextmanager
async def model_servers_process(*, speed: float = 1.0) -> AsyncIterator[tuple[ModelServersClient, str]]:
    """Run doubles in a process of their own; yields a client and the address of the control port.

    The process ends with the context, and also when this process dies.
    """
    command = [sys.executable, "-m", "tests.lab.modelserver", "--control", "127.0.0.1:0"]
    command += ["--speed", str(speed), "--end-with-parent"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        if process.stdout is None:
            raise RuntimeError("the doubles' standard output was wanted as a pipe, found none")
        line = await asyncio.wait_for(process.stdout.readline(), _START_TIMEOUT_SECONDS)
        if not line:
            raise RuntimeError("the doubles ended before they listened: their error is on standard error")
        control = str(json.loads(line)["control"])
        async with ModelServersClient(control) as client:
            yield client, control
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _END_TIMEOUT_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
