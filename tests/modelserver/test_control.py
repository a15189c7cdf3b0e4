"""Doubles in a process of their own, driven over the control port, and that process's end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator

import aiohttp
import pytest

from tests.lab.modelserver import ControlError, ReplicaPhysics, model_servers_process
from tests.modelserver.exposed import eventually, scrape
from tests.modelserver.requests import MODEL, complete, status_of

PHYSICS = ReplicaPhysics(alpha_seconds=0.01, kv_capacity_tokens=4000)


async def test_another_process_adds_breaks_mends_and_removes(
    session: aiohttp.ClientSession, addresses: Iterator[str]
) -> None:
    """The client does everything that can be done in-process, and the process is gone afterwards."""
    first, second = next(addresses), next(addresses)
    async with model_servers_process(speed=10) as (client, control):
        await client.add(first, engine="VLLM", model=MODEL, physics=PHYSICS)
        await client.add(second.partition(":")[0], engine="SGLang", model=MODEL, physics=PHYSICS)
        assert await complete(session, first) == 10
        values = (await scrape(session, first)).value_by_sample
        tenth_seconds = PHYSICS.step_seconds(50, 50) / 10
        assert values["vllm:time_to_first_token_seconds_sum"] == pytest.approx(tenth_seconds, rel=1e-6)
        states = {state.address: state for state in await client.states()}
        assert sorted(states) == sorted([first, second])
        assert (states[first].generation_tokens, states[second].generation_tokens) == (10, 0)
        assert states[second].engine == "sglang"
        await client.fault(first, "500")
        assert (await client.state(first)).fault == "500"
        assert await status_of(session, first, "/metrics") == 500
        await client.fault(first, None)
        await client.fault(second, "slow-load", seconds=60)
        assert not (await client.state(second)).is_ready
        assert await status_of(session, first, "/metrics") == 200
        await client.remove(first, drain_seconds=1)
        assert [state.address for state in await client.states()] == [second]
    with pytest.raises(aiohttp.ClientConnectorError):
        await status_of(session, control, "/replicas")
    with pytest.raises(aiohttp.ClientConnectorError):
        await status_of(session, second, "/health")


async def test_what_is_wrong_is_refused_with_its_reason(addresses: Iterator[str]) -> None:
    """Unknown addresses, engines, faults and foreign networks come back as errors of the caller."""
    address = next(addresses)
    async with model_servers_process() as (client, control):
        with pytest.raises(ControlError, match=r"404.*no double listens"):
            await client.state(address)
        with pytest.raises(ControlError, match=r"400.*engine must be"):
            await client.add(address, engine="ollama", model=MODEL, physics=PHYSICS)
        with pytest.raises(ControlError, match=r"400.*127\.0\.0\.0/8"):
            await client.add("10.1.2.3:8000", engine="vllm", model=MODEL, physics=PHYSICS)
        await client.add(address, engine="vllm", model=MODEL, physics=PHYSICS)
        with pytest.raises(ControlError, match=r"400.*fault must be"):
            await client.fault(address, "explode")
        with pytest.raises(ControlError, match=r"409.*cannot listen on"):
            await client.add(control, engine="vllm", model=MODEL, physics=PHYSICS)
        url = f"http://{control}/replicas/{address}"
        half = {"engine": "vllm"}
        warped = half | {"model": MODEL, "physics": {"warp": 9}}
        for body in ("text", half, warped):
            async with aiohttp.ClientSession() as session, session.put(url, json=body) as response:
                assert response.status == 400
                assert "found" in (await response.json())["error"]


async def test_the_process_ends_with_the_one_that_started_it(
    session: aiohttp.ClientSession, addresses: Iterator[str]
) -> None:
    """Killed without a chance to clean up, a parent leaves no doubles behind."""
    script = f"""
import asyncio
from tests.lab.modelserver import ReplicaPhysics, model_servers_process
async def main():
    async with model_servers_process() as (client, control):
        await client.add({(address := next(addresses))!r}, engine="vllm", model="m", physics=ReplicaPhysics())
        print(control, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    assert await parent.stdout.readline()
    assert await status_of(session, address, "/health") == 200
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()

    async def is_gone() -> bool:
        try:
            await status_of(session, address, "/health")
        except aiohttp.ClientError:
            return True
        return False

    await eventually(is_gone)


async def test_the_command_line_listens_where_it_is_told_and_ends_on_a_signal() -> None:
    """It prints where it listens, and refuses a port that others could reach."""
    command = [sys.executable, "-m", "tests.lab.modelserver", "--control"]
    process = await asyncio.create_subprocess_exec(*command, "127.0.0.1:0", stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    control = json.loads(await process.stdout.readline())["control"]
    async with aiohttp.ClientSession() as session, session.get(f"http://{control}/replicas") as response:
        assert await response.json() == []
    process.terminate()
    assert await process.wait() == 0
    refused = await asyncio.create_subprocess_exec(*command, "0.0.0.0:0", stderr=asyncio.subprocess.PIPE)
    _, message = await refused.communicate()
    assert refused.returncode == 2
    assert b"loopback" in message
