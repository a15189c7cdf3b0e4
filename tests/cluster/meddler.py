"""A proxy on loopback before the real API server that misbehaves when told to.

Only what an API server, a load balancer or a network can do to a client lives here: refuse, answer oddly, fall
silent, close.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml
from aiohttp import web

from tests.lab.cluster import Cluster
from tests.lab.identities import kubeconfig_document, write_kubeconfig

_HOP_HEADERS = {"host", "connection", "transfer-encoding", "content-length", "accept-encoding"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in place of the API server's, for one request of this method; `status` 0 closes the connection.

    With `is_late`, the API server handles the request first, and only its answer is lost.
    """

    method: str
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    is_late: bool = False


class Meddler:
    """Forwards everything, until told otherwise."""

    def __init__(self, cluster: Cluster) -> None:
        """Stand before this cluster."""
        self._cluster = cluster
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._answers: deque[Answer] = deque()
        self._watches: set[web.StreamResponse] = set()
        self._transports: set[asyncio.Transport] = set()
        self.requests: list[tuple[str, str, str | None]] = []
        self.kubeconfig = Path()

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._cluster_context()), auto_decompress=False
        )
        application = web.Application(client_max_size=2**26)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)  # 0 would mean for ever
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        user = yaml.safe_load(self._cluster.kubeconfig().read_text())["users"][0]["user"]
        document = kubeconfig_document({"server": f"http://127.0.0.1:{port}"}, user)
        self.kubeconfig = write_kubeconfig(self._cluster.directory / f"meddler-{port}.kubeconfig", document)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close everything."""
        self._flowing.set()
        self.cut()
        if self._session is not None:
            await self._session.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def answer(self, method: str, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer the next request of this method so (after those told before)."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._answers.append(Answer(method, status, body, named))

    def lose_answer(self, method: str) -> None:
        """Let the API server handle the next request of this method, and close the connection instead of its answer."""
        self._answers.append(Answer(method, 0, is_late=True))

    def hold(self) -> None:
        """Forward nothing any more, and keep the connections open: a silent stall."""
        self._flowing.clear()

    def flow(self) -> None:
        """Forward again."""
        self._flowing.set()

    async def inject(self, data: bytes) -> int:
        """Write bytes of our own into every open watch; to how many."""
        for watch in tuple(self._watches):
            await watch.write(data)
        return len(self._watches)

    def cut(self) -> None:
        """Close the connection under every open watch, without a farewell."""
        for transport in tuple(self._transports):
            transport.abort()

    def count(self, method: str, part: str = "") -> int:
        """How many requests of this method had this in their path or query."""
        return sum(1 for asked, path, _ in self.requests if asked == method and part in path)

    def _cluster_context(self) -> Any:
        import ssl  # noqa: PLC0415  # only this line needs it

        return ssl.create_default_context(cafile=str(self._cluster.directory / "ca.crt"))

    def _next_answer(self, method: str) -> Answer | None:
        for answer in self._answers:
            if answer.method == method:
                self._answers.remove(answer)
                return answer
        return None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path_qs, request.headers.get("Authorization")))
        body = await request.read()
        told = self._next_answer(request.method)
        if told is not None and not told.is_late:
            if told.status:
                return web.Response(status=told.status, body=told.body, headers=told.headers)
            return self._abort(request)
        await self._flowing.wait()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_HEADERS}
        url = f"{self._cluster.url}{request.path_qs}"
        assert self._session is not None
        async with self._session.request(request.method, url, headers=headers, data=body or None) as answer:
            if told is not None:
                await answer.read()
                return self._abort(request)
            return await self._forward(request, answer)

    async def _forward(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_HEADERS}
        response = web.StreamResponse(status=answer.status, headers=kept)
        await response.prepare(request)
        is_watch = "watch=true" in request.query_string
        transport = request.transport
        if is_watch:
            self._watches.add(response)
            if isinstance(transport, asyncio.Transport):
                self._transports.add(transport)
        try:
            async for chunk in answer.content.iter_any():
                await self._flowing.wait()
                await response.write(chunk)
            await response.write_eof()
        except (ConnectionError, aiohttp.ClientError):
            # The API server or the client went away: so does what is between them.
            self._abort(request)
        finally:
            self._watches.discard(response)
            if isinstance(transport, asyncio.Transport):
                self._transports.discard(transport)
        return response

    @staticmethod
    def _abort(request: web.Request) -> web.Response:
        transport = request.transport
        if isinstance(transport, asyncio.Transport):
            transport.abort()
        return web.Response()
