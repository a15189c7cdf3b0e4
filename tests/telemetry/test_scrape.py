"""Scraping over real sockets: every fault has its name, costs only its own sample, and no more than its bounds."""

import asyncio
import gzip
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from quartermaster.catalog.vocabulary import MetricDialect
from quartermaster.planner.fleet import Place
from quartermaster.telemetry.scrape import MOST_BYTES, Scraped, Scraper, ScrapeResult, Target
from tests.lab.modelserver import FACE_BY_ENGINE, Engine, Fault, ModelServers, ReplicaPhysics
from tests.modelserver.requests import MODEL, complete
from tests.telemetry.pages import DIALECT_BY_FACE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def target(address: str, *, uid: str = "uid", engine: Engine = Engine.VLLM) -> Target:
    """Return the replica at host:port."""
    host, _, port = address.rpartition(":")
    return Target(
        uid,
        f"pod-{uid}",
        Place("pool", "shape"),
        host,
        dialect=DIALECT_BY_FACE[engine],
        path=FACE_BY_ENGINE[engine].metrics_path,
        port=int(port),
    )


async def ask(scraper: Scraper, address: str) -> Scraped:
    """Return what comes of scraping one address."""
    (found,) = await scraper.scrape([target(address)])
    return found


@asynccontextmanager
async def serving(address: str, handler: Handler) -> AsyncIterator[None]:
    """Answer the metrics path of an address by a handler, where the doubles have no such fault."""
    application = web.Application()
    application.router.add_get("/metrics", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    host, _, port = address.rpartition(":")
    await web.TCPSite(runner, host, int(port)).start()
    try:
        yield
    finally:
        await runner.cleanup()


@pytest.fixture
async def address(servers: ModelServers, addresses: Iterator[str]) -> str:
    """Return the address of a healthy vLLM."""
    chosen = next(addresses)
    await servers.add(chosen, engine="vllm", model=MODEL, physics=ReplicaPhysics())
    return chosen


@pytest.mark.parametrize("engine", [Engine.VLLM, Engine.VLLM_OLD, Engine.SGLANG, Engine.TRTLLM])
async def test_an_engine_is_read_at_its_own_path(
    engine: Engine,
    scraper: Scraper,
    servers: ModelServers,
    addresses: Iterator[str],
    session: aiohttp.ClientSession,
) -> None:
    """After three requests the sample counts three, under the identity of the pod."""
    where = next(addresses)
    await servers.add(where, engine=engine.value, model=MODEL, physics=ReplicaPhysics())
    await asyncio.gather(*(complete(session, where, prompt=50, output=10) for _ in range(3)))
    (found,) = await scraper.scrape([target(where, engine=engine)])
    assert found.result is ScrapeResult.OK
    assert found.sample is not None
    assert (found.sample.pod_uid, found.sample.place) == ("uid", Place("pool", "shape"))
    assert found.sample.readings.requests_total == 3
    assert found.sample.readings.prompt_tokens_total == 150
    assert found.sample.readings.generation_tokens_total == 30


async def test_the_old_tensorrt_llm_gives_what_it_has_and_is_named_incomplete(
    scraper: Scraper, servers: ModelServers, addresses: Iterator[str]
) -> None:
    """The sample is there; the load cannot be judged from it."""
    where = next(addresses)
    await servers.add(where, engine="trtllm-old", model=MODEL, physics=ReplicaPhysics())
    (found,) = await scraper.scrape([target(where, engine=Engine.TRTLLM_OLD)])
    assert found.result is ScrapeResult.MISSING_SERIES
    assert found.sample is not None
    assert "waiting" in found.detail


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (Fault.HANG, ScrapeResult.TIMEOUT),
        (Fault.SLOW_BODY, ScrapeResult.TIMEOUT),
        (Fault.ERROR, ScrapeResult.HTTP_ERROR),
        (Fault.NEVER_READY, ScrapeResult.HTTP_ERROR),
        (Fault.GARBAGE, ScrapeResult.GARBAGE),
        (Fault.MISSING_SERIES, ScrapeResult.MISSING_SERIES),
        (Fault.HUGE, ScrapeResult.TOO_LARGE),
        (Fault.REDIRECT, ScrapeResult.REDIRECT),
    ],
)
async def test_each_fault_has_its_name_gives_no_sample_and_ends_with_it(
    fault: Fault, result: ScrapeResult, scraper: Scraper, servers: ModelServers, address: str
) -> None:
    """And says what was wrong; once mended, the same scraper reads the engine again."""
    await servers.fault(address, fault.value)
    found = await ask(scraper, address)
    assert (found.result, found.sample) == (result, None)
    assert found.detail
    await servers.fault(address, None)
    assert (await ask(scraper, address)).result is ScrapeResult.OK


async def test_a_redirect_is_not_followed_anywhere(scraper: Scraper, servers: ModelServers, address: str) -> None:
    """The page that lies is never asked for."""
    await servers.fault(address, Fault.REDIRECT.value)
    await ask(scraper, address)
    state = await servers.state(address)
    assert state.requests_by_path == {"/metrics": 1}


async def test_nobody_at_the_address_is_refused(scraper: Scraper, addresses: Iterator[str]) -> None:
    """No listener, no sample."""
    assert (await ask(scraper, next(addresses))).result is ScrapeResult.REFUSED


async def test_a_connection_that_breaks_in_the_page_is_refused(scraper: Scraper, addresses: Iterator[str]) -> None:
    """Half a page is no page."""

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nvllm:num_requests_waiting 0\n")
        await writer.drain()
        writer.close()

    host, _, port = next(addresses).rpartition(":")
    async with await asyncio.start_server(half, host, int(port)):
        found = await ask(scraper, f"{host}:{port}")
    assert (found.result, found.sample) == (ScrapeResult.REFUSED, None)


async def test_a_name_instead_of_an_address_is_never_looked_up(scraper: Scraper) -> None:
    """Nor is a path hidden in it followed."""
    for name in ("localhost", "127.0.0.1/x?", ""):
        found = await scraper.scrape([Target("u", "p", Place("pool", "shape"), name, MetricDialect.VLLM)])
        assert found[0].result is ScrapeResult.REFUSED
        assert "IP address" in found[0].detail


async def test_a_packed_page_is_refused_unread(scraper: Scraper, addresses: Iterator[str]) -> None:
    """A few kilobytes could unpack to gigabytes; plain text was asked for."""
    asked: list[str] = []

    async def packed(request: web.Request) -> web.Response:
        asked.append(request.headers["Accept-Encoding"])
        body = gzip.compress(b"#" * 50 * MOST_BYTES)
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    where = next(addresses)
    async with serving(where, packed):
        assert (await ask(scraper, where)).result is ScrapeResult.GARBAGE
    assert asked == ["identity"]


async def test_a_page_without_end_costs_no_more_than_the_limit(scraper: Scraper, addresses: Iterator[str]) -> None:
    """No length is announced; reading stops when there is too much."""
    sent = Counter[str]()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"# nothing to see here\n" * 1000)
            sent["bytes"] += 22_000

    where = next(addresses)
    async with serving(where, endless):
        assert (await ask(scraper, where)).result is ScrapeResult.TOO_LARGE
    assert sent["bytes"] < 20 * MOST_BYTES  # what lies in buffers of the kernel was sent as well


async def test_a_page_of_exactly_the_limit_is_read(scraper: Scraper, addresses: Iterator[str]) -> None:
    """The limit is what may be, not what may not."""
    line = b"vllm:num_requests_waiting 3\n"
    page = line + b"#" * (MOST_BYTES - len(line) - 1) + b"\n"

    async def full(_: web.Request) -> web.Response:
        return web.Response(body=page)

    where = next(addresses)
    async with serving(where, full):
        found = await ask(scraper, where)
    assert found.sample is not None
    assert found.sample.readings.waiting == 3


async def test_too_many_series_are_too_large(scraper: Scraper, addresses: Iterator[str]) -> None:
    """Within the bytes, beyond the series."""

    async def many(_: web.Request) -> web.Response:
        return web.Response(body=b"vllm:num_requests_waiting 1\n" * 1000)

    where = next(addresses)
    async with serving(where, many):
        assert (await ask(scraper, where)).result is ScrapeResult.TOO_LARGE


async def test_cookies_are_neither_kept_nor_sent_and_proxies_not_asked(
    scraper: Scraper, addresses: Iterator[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine cannot mark us, and the environment cannot divert us."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    seen: list[str | None] = []

    async def marking(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Cookie"))
        response = web.Response(body=b"vllm:num_requests_waiting 1\n")
        response.set_cookie("mark", "you")
        return response

    where = next(addresses)
    async with serving(where, marking):
        await ask(scraper, where)
        await ask(scraper, where)
    assert seen == [None, None]


async def test_no_more_are_asked_at_once_than_allowed_and_answers_keep_their_order(addresses: Iterator[str]) -> None:
    """Twenty replicas, four at a time."""
    now, most = 0, 0

    async def slowly(_: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return web.Response(body=b"vllm:num_requests_waiting 1\n")

    where = next(addresses)
    targets = [target(where, uid=f"u{index}") for index in range(20)]
    async with serving(where, slowly), Scraper(concurrency=4) as scraper:
        found = await scraper.scrape(targets)
    assert most == 4
    assert [one.target.pod_uid for one in found] == [f"u{index}" for index in range(20)]


async def test_engines_that_hang_hold_up_the_others_only_once(addresses: Iterator[str]) -> None:
    """In the next round they are asked last."""
    order: list[str] = []
    good, bad = next(addresses), next(addresses)

    async def answer(_: web.Request) -> web.Response:
        order.append("good")
        return web.Response(body=b"vllm:num_requests_waiting 1\n")

    async def hang(_: web.Request) -> web.Response:
        order.append("bad")
        await asyncio.sleep(60)
        return web.Response()

    targets = [target(bad, uid="bad"), target(good, uid="good")]
    async with serving(good, answer), serving(bad, hang), Scraper(concurrency=1, timeout_seconds=0.2) as scraper:
        for _ in range(2):
            found = await scraper.scrape(targets)
            assert [one.result for one in found] == [ScrapeResult.TIMEOUT, ScrapeResult.MISSING_SERIES]
    assert order == ["bad", "good", "good", "bad"]


async def test_one_bad_engine_costs_only_its_own_sample(
    scraper: Scraper, servers: ModelServers, addresses: Iterator[str]
) -> None:
    """Three replicas, one that hangs: two samples."""
    chosen = [next(addresses) for _ in range(3)]
    for where in chosen:
        await servers.add(where, engine="vllm", model=MODEL, physics=ReplicaPhysics())
    await servers.fault(chosen[1], Fault.HANG.value)
    found = await scraper.scrape([target(where, uid=where) for where in chosen])
    assert [one.sample is not None for one in found] == [True, False, True]


async def test_connections_are_kept_for_the_next_round(addresses: Iterator[str]) -> None:
    """A round every two seconds does not open a connection each time."""
    peers: set[object] = set()

    async def noting(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response(body=b"vllm:num_requests_waiting 1\n")

    where = next(addresses)
    async with serving(where, noting), Scraper() as scraper:
        for _ in range(5):
            await ask(scraper, where)
    assert len(peers) == 1


async def test_a_closed_scraper_says_how_it_is_used(addresses: Iterator[str]) -> None:
    """A mistake of ours is not a fault of an engine."""
    with pytest.raises(RuntimeError, match="async with"):
        await ask(Scraper(), next(addresses))


async def test_samples_bear_the_time_at_which_the_engine_answered(servers: ModelServers, address: str) -> None:
    """On the clock that was given."""
    assert servers.addresses
    async with Scraper(clock=lambda: 123.5) as scraper:
        found = await ask(scraper, address)
    assert found.sample is not None
    assert found.sample.at_seconds == 123.5
