"""One address: a listening socket, the paths that an engine serves there, and the faults it plays.

The only file that speaks HTTP for the engines. What the answers say comes from `openai`, `exposition` and `replica`.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from aiohttp import web

from tests.lab.modelserver import openai
from tests.lab.modelserver.batchqueue import RequestTooLongError
from tests.lab.modelserver.engine import Engine
from tests.lab.modelserver.exposition import trtllm
from tests.lab.modelserver.exposition.text import CONTENT_TYPE
from tests.lab.modelserver.fault import DEFAULT_SLOW_LOAD_SECONDS, EVENTS, Fault
from tests.lab.modelserver.replica import Replica
from tests.lab.modelserver.spoiled import FOREIGN_METRICS, GARBAGE_METRICS, LYING_PATH, huge, lying

_LARGEST_BODY_BYTES = 8 * 2**20
_COMPLETIONS = {"/v1/completions": False, "/v1/chat/completions": True}
_EVENT_STREAM = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
_DRIP_SECONDS = 0.25
_LAST_WORDS_SECONDS = 1.0


class Endpoint:
    """The server of one replica at one address."""

    def __init__(self, host: str, port: int, replica: Replica) -> None:
        """Prepare; `open` makes it listen."""
        self.host = host
        self.port = port
        self.replica = replica
        self.fault: Fault | None = None
        self.requests_by_path: Counter[str] = Counter()
        self._mended = asyncio.Event()
        self._server = web.Server(
            self._handle,
            request_factory=self._request,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=75,
        )
        self._listener: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """Host and port, as clients write them."""
        return f"{self.host}:{self.port}"

    @property
    def is_ready(self) -> bool:
        """Whether `/health` answers 200."""
        return not self.replica.is_loading and self.fault not in {Fault.HANG, Fault.ERROR, Fault.NEVER_READY}

    async def open(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken or not of this machine.
        """
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(self._server, self.host, self.port, backlog=1024)
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on {self.address} ({error.strerror}): free it first") from error

    async def close(self, drain_seconds: float) -> None:
        """Listen no more, let requests in progress end within `drain_seconds`, then cut what is left."""
        if self._listener is not None:
            self._listener.close()
        if drain_seconds > 0:
            self._server.pre_shutdown()
            cut = asyncio.get_running_loop().call_later(drain_seconds, self._end)
            try:
                await self._server.shutdown(drain_seconds + _LAST_WORDS_SECONDS)
            finally:
                cut.cancel()
        self._end()
        await self._server.shutdown(_LAST_WORDS_SECONDS)

    def _end(self) -> None:
        self.replica.stop()
        self._cut()

    def play(self, fault: Fault | None, *, seconds: float | None = None) -> None:
        """Begin a fault, or end the one there is; `seconds` says how long a slow load takes."""
        if fault in EVENTS:
            usual_seconds = self.replica.physics.load_seconds
            slow_seconds = DEFAULT_SLOW_LOAD_SECONDS if fault is Fault.SLOW_LOAD else usual_seconds
            self.replica.restart(slow_seconds if seconds is None else seconds)
            self._cut()
            fault = None
        if fault is Fault.HANG:
            self.replica.freeze()
        else:
            self.replica.thaw()
        self.fault = fault
        self._mended.set()
        self._mended = asyncio.Event()

    def _cut(self) -> None:
        for connection in self._server.connections:
            connection.force_close()

    def _request(
        self, message: Any, payload: Any, protocol: Any, writer: Any, task: asyncio.Task[None]
    ) -> web.BaseRequest:
        return web.BaseRequest(
            message, payload, protocol, writer, task, task.get_loop(), client_max_size=_LARGEST_BODY_BYTES
        )

    # Paths.

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        self.requests_by_path[path] += 1
        while self.fault is Fault.HANG:
            await self._mended.wait()
        if self.fault is Fault.ERROR:
            return _error(500, "InternalServerError", "The engine has failed.")
        if self.fault is Fault.NEVER_READY or self.replica.is_loading:
            return _error(503, "ServiceUnavailableError", "The model is not loaded.")
        if path in _COMPLETIONS:
            if request.method != "POST":
                return _error(405, "MethodNotAllowed", f"{path} takes POST, found {request.method}.")
            return await self._complete(request, is_chat=_COMPLETIONS[path])
        if request.method not in {"GET", "HEAD"}:
            return _error(405, "MethodNotAllowed", f"{path} takes GET, found {request.method}.")
        return await self._get(path, request)

    async def _get(self, path: str, request: web.BaseRequest) -> web.StreamResponse:
        replica = self.replica
        if path == replica.face.metrics_path:
            return await self._metrics(request)
        if path == LYING_PATH:
            return _text(lying(replica.face.text(replica.reading())))
        if path == "/metrics" and replica.engine in {Engine.TRTLLM, Engine.TRTLLM_OLD}:
            return _json(json.dumps(trtllm.iteration_stats(replica.reading())).encode())
        if path in {"/health", "/ping", "/health_generate"}:
            return web.Response()
        if path == "/v1/models":
            capacity_tokens = replica.physics.kv_blocks * replica.physics.block_tokens
            created = int(replica.created_at_unix_seconds)
            return _json(
                openai.models_body(
                    replica.model, owner=replica.face.owner, created=created, max_model_len=capacity_tokens
                )
            )
        return _error(404, "NotFoundError", f"There is no {path}.")

    async def _metrics(self, request: web.BaseRequest) -> web.StreamResponse:
        text = self.replica.face.text(self.replica.reading())
        match self.fault:
            case Fault.GARBAGE:
                return web.Response(body=GARBAGE_METRICS, headers={"Content-Type": CONTENT_TYPE})
            case Fault.MISSING_SERIES:
                return _text(FOREIGN_METRICS)
            case Fault.HUGE:
                return _text(huge(text))
            case Fault.REDIRECT:
                return web.Response(status=302, headers={"Location": LYING_PATH})
            case Fault.SLOW_BODY:
                return await self._drip(request, text.encode())
        return _text(text)

    async def _drip(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        """Send the body a few bytes at a time, and then comments until the fault ends."""
        response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE})
        await response.prepare(request)
        position = 0
        while self.fault is Fault.SLOW_BODY:
            await response.write(body[position : position + 16] or b"# \n")
            position += 16
            await asyncio.sleep(_DRIP_SECONDS)
        await response.write(body[position:])
        return response

    # Completions.

    async def _complete(self, request: web.BaseRequest, *, is_chat: bool) -> web.StreamResponse:
        replica = self.replica
        try:
            model = replica.model if replica.face.refuses_other_models else None
            asked = openai.parse(await request.read(), is_chat=is_chat, model=model)
            ticket = replica.submit(
                asked.prompt_tokens,
                asked.output_tokens,
                finish_reason=asked.finish_reason,
                streams=asked.streams,
            )
        except openai.BadRequestError as error:
            return _error(error.status, error.kind, str(error))
        except RequestTooLongError as error:
            return _error(400, "BadRequestError", str(error))
        created = int(replica.created_at_unix_seconds)
        response: web.StreamResponse | None = None
        answer = openai.Answer(asked, id_number=ticket.sequence.id, model=replica.model, created=created)
        try:
            if not asked.streams:
                while not ticket.is_finished:
                    await ticket.progress()
                return _json(answer.whole())
            while not ticket.is_finished:
                generated_tokens = await ticket.progress()
                if response is None:
                    response = web.StreamResponse(headers=_EVENT_STREAM)
                    await response.prepare(request)
                await response.write(answer.piece(generated_tokens, is_finished=ticket.is_finished))
        except ConnectionError:  # the replica began again or the client has gone: cut, as a dying process does
            if request.transport is not None:
                request.transport.abort()
        finally:
            if not ticket.is_finished:
                replica.cancel(ticket)
        return response or web.Response()


def _text(text: str) -> web.Response:
    return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


def _error(status: int, kind: str, message: str) -> web.Response:
    return _json(openai.error_body(status, kind, message), status)
