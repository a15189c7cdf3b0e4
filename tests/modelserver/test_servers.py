"""Doubles under load, over real sockets: what clients see, what the metrics show, addresses that come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest

from tests.lab.load import Arrival, Balance, LoadOptions, replay
from tests.lab.modelserver import ModelServers, ReplicaPhysics, UnknownAddressError
from tests.modelserver.exposed import eventually, scrape
from tests.modelserver.requests import MODEL, complete, completion, status_of

CALM = ReplicaPhysics(alpha_seconds=0.005, beta_seconds_per_token=2e-4, gamma_seconds_per_token=1e-6)
NARROW = ReplicaPhysics(alpha_seconds=0.01, max_batch=4, kv_capacity_tokens=3200)


async def test_a_lone_request_is_answered_in_the_time_of_the_physics(
    servers: ModelServers, addresses: Iterator[str]
) -> None:
    """Clients wait at least what the formulas say, and the metrics show exactly that."""
    address = next(addresses)
    await servers.add(address, engine="vllm", model=MODEL, physics=CALM)
    for prompt in (100, 400, 1600):
        summary = await replay([Arrival(0, prompt, 21)], lambda: [address], LoadOptions(MODEL))
        prefill_seconds = CALM.step_seconds(prompt, prompt)
        decode_seconds = sum(CALM.step_seconds(1, prompt + made) for made in range(1, 21))
        assert (summary.time_to_first_token.mean or 0) > prefill_seconds * 0.999
        assert (summary.end_to_end.mean or 0) > (prefill_seconds + decode_seconds) * 0.999
    async with aiohttp.ClientSession() as session:
        values = (await scrape(session, address)).value_by_sample
    prefill_seconds = sum(CALM.step_seconds(prompt, prompt) for prompt in (100, 400, 1600))
    decode_seconds = sum(CALM.step_seconds(1, prompt + made) for prompt in (100, 400, 1600) for made in range(1, 21))
    assert values["vllm:time_to_first_token_seconds_sum"] == pytest.approx(prefill_seconds, rel=1e-6)
    assert values["vllm:inter_token_latency_seconds_sum"] == pytest.approx(decode_seconds, rel=1e-6)
    assert values["vllm:inter_token_latency_seconds_count"] == 60
    assert values["vllm:request_queue_time_seconds_sum"] == 0


async def test_overload_fills_the_batch_and_the_cache_and_then_drains(
    session: aiohttp.ClientSession, servers: ModelServers, addresses: Iterator[str]
) -> None:
    """More than the batch holds has to wait; when all is answered, every gauge is back at zero."""
    address = next(addresses)
    await servers.add(address, engine="vllm", model=MODEL, physics=NARROW)
    before = (await scrape(session, address)).value_by_sample
    requests = [asyncio.create_task(complete(session, address, prompt=300, output=40)) for _ in range(16)]
    seen = []
    while not all(request.done() for request in requests):
        seen.append((await scrape(session, address)).value_by_sample)
        await asyncio.sleep(0.02)
    after = (await scrape(session, address)).value_by_sample
    assert max(values["vllm:num_requests_running"] for values in seen) == NARROW.max_batch
    assert max(values["vllm:num_requests_waiting"] for values in seen) > NARROW.max_batch
    assert max(values["vllm:kv_cache_usage_perc"] for values in seen) > 0.35
    produced = [values["vllm:generation_tokens_total"] for values in seen]
    assert produced == sorted(produced)
    for values in (before, after):
        for gauge in ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc"):
            assert values[f"vllm:{gauge}"] == 0
    assert [request.result() for request in requests] == [40] * 16
    assert after["vllm:generation_tokens_total"] == 16 * 40
    assert after["vllm:request_queue_time_seconds_sum"] > 0


async def test_the_same_load_waits_longer_on_fewer_replicas(servers: ModelServers, addresses: Iterator[str]) -> None:
    """Scaling out pays: with four replicas instead of one the median request ends sooner."""
    replicas = [next(addresses) for _ in range(4)]
    for address in replicas:
        await servers.add(address, engine="vllm", model=MODEL, physics=NARROW)
    arrivals = [Arrival(number * 0.005, 50, 30) for number in range(40)]
    options = LoadOptions(MODEL, balance=Balance.LEAST_IN_FLIGHT)
    few = await replay(arrivals, lambda: replicas[:1], options)
    many = await replay(arrivals, lambda: replicas, options)
    assert few.finished == many.finished == 40
    assert many.time_to_first_token.percentiles[50] < few.time_to_first_token.percentiles[50] * 0.75


@pytest.mark.parametrize(
    ("engine", "path", "prefix"),
    [
        ("vllm", "/metrics", "vllm:"),
        ("vllm-old", "/metrics", "vllm:"),
        ("sglang", "/metrics", "sglang:"),
        ("trtllm", "/prometheus/metrics", "trtllm_"),
    ],
)
async def test_counters_equal_what_clients_received(
    session: aiohttp.ClientSession,
    servers: ModelServers,
    addresses: Iterator[str],
    engine: str,
    path: str,
    prefix: str,
) -> None:
    """Over three replicas, streams and chats, tokens in and out are the same on both sides, to the last."""
    replicas = [next(addresses) for _ in range(3)]
    for address in replicas:
        await servers.add(address, engine=engine, model=MODEL, physics=ReplicaPhysics(alpha_seconds=0.001))
    arrivals = [Arrival(0.002 * number, 10 + number, 1 + number % 50) for number in range(120)]
    for is_chat in (False, True):
        summary = await replay(arrivals, lambda: replicas, LoadOptions(MODEL, is_chat=is_chat))
        assert (summary.finished, summary.errors) == (120, {})
        assert summary.output_tokens == sum(arrival.output_tokens for arrival in arrivals)
        assert summary.prompt_tokens == sum(arrival.prompt_tokens for arrival in arrivals)
    shown = [(await scrape(session, address, path)).value_by_sample for address in replicas]
    assert sum(values[f"{prefix}prompt_tokens_total"] for values in shown) == 2 * summary.prompt_tokens
    assert sum(values[f"{prefix}generation_tokens_total"] for values in shown) == 2 * summary.output_tokens
    assert sum(values[f"{prefix}time_to_first_token_seconds_count"] for values in shown) == 240
    states = await servers.states()
    assert sum(state.finished_requests for state in states) == 240
    assert all(state.finished_requests > 0 for state in states)


async def test_a_client_that_goes_away_frees_its_place(
    session: aiohttp.ClientSession, servers: ModelServers, addresses: Iterator[str]
) -> None:
    """Requests given up while running or waiting are aborted, and the next is served."""
    address = next(addresses)
    await servers.add(address, engine="vllm", model=MODEL, physics=NARROW)
    requests = [asyncio.create_task(complete(session, address, prompt=300, output=500)) for _ in range(8)]

    async def some_wait() -> bool:
        return (await servers.state(address)).waiting > 0

    async def all_are_aborted() -> bool:
        return (await servers.state(address)).aborted_requests == 8

    await eventually(some_wait)
    for request in requests:
        request.cancel()
    await asyncio.gather(*requests, return_exceptions=True)
    await eventually(all_are_aborted)
    assert await complete(session, address) == 10
    state = await servers.state(address)
    assert (state.running, state.waiting, state.kv_used_fraction, state.finished_requests) == (0, 0, 0, 1)


async def test_addresses_come_and_go_while_the_others_serve(
    session: aiohttp.ClientSession, servers: ModelServers, addresses: Iterator[str]
) -> None:
    """A removed address refuses connections; one added again starts with fresh counters."""
    first, second = next(addresses), next(addresses)
    for address in (first, second):
        await servers.add(address, engine="vllm", model=MODEL, physics=CALM)
        await complete(session, address)
    await servers.remove(first)
    assert servers.addresses == [second]
    with pytest.raises(aiohttp.ClientConnectorError):
        await status_of(session, first, "/health")
    assert await status_of(session, second, "/health") == 200
    with pytest.raises(UnknownAddressError, match="no double listens"):
        await servers.state(first)
    await servers.add(first, engine="sglang", model="other", physics=CALM)
    assert (await servers.state(first)).generation_tokens == 0
    assert servers.ready_addresses("other") == [first]
    assert sorted(servers.ready_addresses()) == sorted([first, second])


async def test_a_double_in_the_place_of_another_begins_anew(
    session: aiohttp.ClientSession, servers: ModelServers, addresses: Iterator[str]
) -> None:
    """Adding an address that is there replaces what was there."""
    address = next(addresses)
    await servers.add(address, engine="vllm", model=MODEL, physics=CALM)
    await complete(session, address)
    await servers.add(address.removesuffix(":8000"), engine="sglang", model=MODEL, physics=CALM)
    assert (await scrape(session, address)).value_by_sample["sglang:generation_tokens_total"] == 0


async def test_draining_lets_running_requests_end_and_takes_no_new_ones(
    session: aiohttp.ClientSession, servers: ModelServers, addresses: Iterator[str]
) -> None:
    """What is in progress when a double is removed with a drain is answered; without, it is cut."""
    drained, cut = next(addresses), next(addresses)
    for address in (drained, cut):
        await servers.add(address, engine="vllm", model=MODEL, physics=CALM)
    requests = [asyncio.create_task(complete(session, address, output=200)) for address in (drained, cut)]

    async def both_run() -> bool:
        return sum(state.running for state in await servers.states()) == 2

    await eventually(both_run)
    await servers.remove(drained, drain_seconds=20)
    await servers.remove(cut)
    with pytest.raises(aiohttp.ClientConnectorError):
        await status_of(session, drained, "/health")
    assert await requests[0] == 200
    with pytest.raises(aiohttp.ClientError):
        await requests[1]


async def test_a_stream_reports_progress_before_its_end(
    session: aiohttp.ClientSession, servers: ModelServers, addresses: Iterator[str]
) -> None:
    """While a stream is read, the server's counter is ahead of nothing and the request still runs."""
    address = next(addresses)
    await servers.add(address, engine="vllm", model=MODEL, physics=CALM)
    body = completion(10, 300, streams=True)
    async with session.post(f"http://{address}/v1/completions", json=body) as response:
        piece = await response.content.readuntil(b"\n\n")
        state = await servers.state(address)
        assert piece.startswith(b"data: {")
        assert state.running == 1
        assert 1 <= state.generation_tokens < 300
        rest = await response.read()
    assert rest.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("address", "engine", "words"),
    [
        ("10.0.0.1:8000", "vllm", "127.0.0.0/8"),
        ("somewhere", "vllm", "must read like"),
        ("127.200.0.1:99999", "vllm", "ports 1 to"),
        ("127.200.0.1", "ollama", "engine must be"),
    ],
)
async def test_what_cannot_be_a_double_is_refused(servers: ModelServers, address: str, engine: str, words: str) -> None:
    """Only loopback, only known engines; the message says which."""
    with pytest.raises(ValueError, match=words):
        await servers.add(address, engine=engine, model=MODEL, physics=CALM)


async def test_an_address_that_is_taken_is_named(servers: ModelServers, addresses: Iterator[str]) -> None:
    """Another listener is an error with the address, not a double that nobody reaches."""
    address = next(addresses)
    await servers.add(address, engine="vllm", model=MODEL, physics=CALM)
    async with ModelServers() as others:
        with pytest.raises(OSError, match=f"cannot listen on {address}"):
            await others.add(address, engine="vllm", model=MODEL, physics=CALM)
