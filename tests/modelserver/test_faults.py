"""Every fault on demand, as a scraper or a client meets it, and the recovery from it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.lab.modelserver import Fault, ModelServers, ReplicaPhysics
from tests.lab.modelserver.fault import EVENTS
from tests.modelserver.exposed import eventually, scrape
from tests.modelserver.requests import MODEL, complete, status_of

PHYSICS = ReplicaPhysics(alpha_seconds=0.004, load_seconds=0.0)
SHORT = aiohttp.ClientTimeout(total=0.4)


@pytest.fixture
async def address(servers: ModelServers, addresses: Iterator[str]) -> str:
    """Return the address of a double that has answered one request."""
    chosen = next(addresses)
    await servers.add(chosen, engine="vllm", model=MODEL, physics=PHYSICS)
    async with aiohttp.ClientSession() as session:
        await complete(session, chosen)
    return chosen


async def body_of_metrics(session: aiohttp.ClientSession, address: str) -> bytes:
    """Return the bytes of the metrics, which must be answered with 200."""
    async with session.get(f"http://{address}/metrics", allow_redirects=False) as response:
        assert response.status == 200
        return await response.read()


async def is_healthy(session: aiohttp.ClientSession, address: str) -> bool:
    """Ask `/health`."""
    return await status_of(session, address, "/health") == 200


@pytest.mark.parametrize("fault", sorted(set(Fault) - EVENTS))
async def test_a_standing_fault_ends_when_it_is_taken_back(
    session: aiohttp.ClientSession, servers: ModelServers, address: str, fault: Fault
) -> None:
    """The state names it; afterwards health, metrics and answers are as before and no counter is lost."""
    await servers.fault(address, fault.value)
    assert (await servers.state(address)).fault == fault.value
    await servers.fault(address, None)
    state = await servers.state(address)
    assert (state.fault, state.is_ready) == (None, True)
    assert await status_of(session, address, "/health") == 200
    assert await complete(session, address) == 10
    assert (await scrape(session, address)).value_by_sample["vllm:generation_tokens_total"] == 20


async def test_a_hung_double_accepts_and_answers_nothing(
    session: aiohttp.ClientSession, servers: ModelServers, address: str
) -> None:
    """Health, metrics and requests time out; what was running stands still and ends after the recovery."""
    running = asyncio.create_task(complete(session, address, output=200))

    async def it_runs() -> bool:
        return (await servers.state(address)).running == 1

    await eventually(it_runs)
    await servers.fault(address, "hang")
    produced = (await servers.state(address)).generation_tokens
    for path in ("/health", "/metrics", "/v1/models"):
        with pytest.raises(TimeoutError):
            await session.get(f"http://{address}{path}", timeout=SHORT)
    assert (await servers.state(address)).generation_tokens == produced
    assert not running.done()
    assert servers.ready_addresses() == []
    late = asyncio.create_task(status_of(session, address, "/health"))
    await asyncio.sleep(0.05)
    await servers.fault(address, None)
    assert await late == 200
    assert await running == 200


async def test_a_failed_double_answers_500_everywhere(
    session: aiohttp.ClientSession, servers: ModelServers, address: str
) -> None:
    """Metrics, health and completions alike, with an error document."""
    await servers.fault(address, "500")
    for path in ("/health", "/metrics", "/v1/models"):
        assert await status_of(session, address, path) == 500
    async with session.post(f"http://{address}/v1/completions", json={"prompt": "a"}) as response:
        assert response.status == 500
        assert (await response.json())["error"]["code"] == 500


async def test_a_double_that_is_never_ready_answers_503(
    session: aiohttp.ClientSession, servers: ModelServers, address: str
) -> None:
    """Nothing is served by a server whose model is not loaded."""
    await servers.fault(address, "never-ready")
    for path in ("/health", "/metrics", "/v1/models"):
        assert await status_of(session, address, path) == 503
    assert not (await servers.state(address)).is_ready


async def test_garbage_is_neither_text_nor_metrics(
    session: aiohttp.ClientSession, servers: ModelServers, address: str
) -> None:
    """The bytes are no UTF-8, and what can be decoded does not parse."""
    await servers.fault(address, "garbage")
    body = await body_of_metrics(session, address)
    with pytest.raises(UnicodeDecodeError):
        body.decode()
    with pytest.raises(ValueError):  # noqa: PT011 - the parser's words are not ours
        list(text_string_to_metric_families(body.decode(errors="replace")))
    assert await status_of(session, address, "/health") == 200


async def test_missing_series_are_well_formed_and_not_the_engine_s(
    session: aiohttp.ClientSession, servers: ModelServers, address: str
) -> None:
    """A scraper finds metrics and none that it knows."""
    await servers.fault(address, "missing-series")
    families = (await scrape(session, address)).type_by_family
    assert families
    assert not [name for name in families if name.startswith("vllm")]


async def test_huge_metrics_pass_every_sensible_limit_and_end_with_the_truth(
    session: aiohttp.ClientSession, servers: ModelServers, address: str
) -> None:
    """More than 2 MiB, well formed, with the engine's own series at the very end."""
    await servers.fault(address, "huge")
    body = await body_of_metrics(session, address)
    assert len(body) > 2 * 2**20
    assert b"vllm:" not in body[: 2**20]
    assert b"vllm:num_requests_running" in body


async def test_a_redirect_leads_to_lies(session: aiohttp.ClientSession, servers: ModelServers, address: str) -> None:
    """Who follows reads an absurd queue, and the double knows that it was asked."""
    await servers.fault(address, "redirect")
    assert await status_of(session, address, "/metrics") == 302
    assert "/moved/metrics" not in (await servers.state(address)).requests_by_path
    assert (await scrape(session, address)).value_by_sample["vllm:num_requests_waiting"] > 90_000
    assert (await servers.state(address)).requests_by_path["/moved/metrics"] == 1


async def test_a_slow_body_begins_and_does_not_end(
    session: aiohttp.ClientSession, servers: ModelServers, address: str
) -> None:
    """The head and first bytes come at once, the rest never within a deadline; the recovery completes it."""
    await servers.fault(address, "slow-body")
    async with session.get(f"http://{address}/metrics") as response:
        assert response.status == 200
        assert await response.content.readexactly(16) == b"# HELP vllm:num_"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(response.content.read(), 0.4)
        await servers.fault(address, None)
        assert b"vllm:generation_tokens_total" in await response.content.read()


async def test_a_restart_cuts_connections_and_begins_counters_at_zero(
    session: aiohttp.ClientSession, servers: ModelServers, address: str
) -> None:
    """Requests in progress are lost, and the counters of the next start are smaller than before."""
    lost = [asyncio.create_task(complete(session, address, output=2000)) for _ in range(3)]

    async def all_run() -> bool:
        return (await servers.state(address)).running == 3

    await eventually(all_run)
    before = (await scrape(session, address)).value_by_sample
    await servers.fault(address, "restart")
    for outcome in await asyncio.gather(*lost, return_exceptions=True):
        assert isinstance(outcome, aiohttp.ClientError)
    after = (await scrape(session, address)).value_by_sample
    assert after["vllm:generation_tokens_total"] == 0 < before["vllm:generation_tokens_total"]
    assert after["vllm:prompt_tokens_created"] > before["vllm:prompt_tokens_created"]
    assert after["vllm:num_requests_running"] == 0
    assert await complete(session, address) == 10
    state = await servers.state(address)
    assert (state.fault, state.finished_requests, state.aborted_requests) == (None, 1, 0)


async def test_a_slow_load_answers_503_until_the_model_is_there(
    session: aiohttp.ClientSession, servers: ModelServers, address: str
) -> None:
    """The restart takes as long as asked for and mends by itself."""
    await servers.fault(address, "slow-load", seconds=1.0)
    assert await status_of(session, address, "/health") == 503
    assert servers.ready_addresses() == []
    await eventually(lambda: is_healthy(session, address))
    assert servers.ready_addresses() == [address]
    assert await complete(session, address) == 10


async def test_a_new_double_loads_for_as_long_as_its_physics_say(
    session: aiohttp.ClientSession, servers: ModelServers, addresses: Iterator[str]
) -> None:
    """Until then it listens and answers 503."""
    address = next(addresses)
    await servers.add(address, engine="sglang", model=MODEL, physics=ReplicaPhysics(load_seconds=1.0))
    assert await status_of(session, address, "/health") == 503
    assert await status_of(session, address, "/metrics") == 503
    await eventually(lambda: is_healthy(session, address))
    assert await status_of(session, address, "/metrics") == 200


async def test_an_unknown_fault_is_answered_with_the_known_ones(servers: ModelServers, address: str) -> None:
    """A test that misspells a fault must not pass for want of it."""
    with pytest.raises(ValueError, match="must be one of hang, 500"):
        await servers.fault(address, "explode")
