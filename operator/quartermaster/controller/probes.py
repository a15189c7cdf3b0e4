"""``/healthz``, ``/readyz`` and ``/metrics`` on one port. They tell; they change nothing.

``/healthz`` fails when the loop stands still, which a new process would mend. ``/readyz`` fails while some cache has
not been in touch with the API server for a minute and a half, which a new process would not mend. A short outage is
neither.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from aiohttp import web

from quartermaster.telemetry.metrics import Metrics

Verdict = Callable[[], tuple[bool, str]]
"""Whether all is well, and the sentence that says so."""


@asynccontextmanager
async def serving(address: str, *, is_alive: Verdict, is_ready: Verdict, metrics: Metrics) -> AsyncIterator[str]:
    """Serve while the block runs; yields the address, with the port that was taken where port 0 was asked for."""
    application = web.Application()
    application.router.add_get("/healthz", _verdict(is_alive))
    application.router.add_get("/readyz", _verdict(is_ready))

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})

    application.router.add_get("/metrics", exposition)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    host, _, port = address.rpartition(":")
    site = web.TCPSite(runner, host.strip("[]"), int(port))
    try:
        await site.start()
        bound = runner.addresses[0]
        yield f"{bound[0]}:{bound[1]}"
    finally:
        await runner.cleanup()


def _verdict(judge: Verdict) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(_: web.Request) -> web.StreamResponse:
        is_well, sentence = judge()
        return web.Response(text=sentence + "\n", status=HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE)

    return answer
