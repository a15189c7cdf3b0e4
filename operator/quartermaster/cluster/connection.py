"""The wire to one API server: credentials, TLS, one try of one request, and bytes as they come.

`kubernetes.aio` gives configuration, authentication and the HTTP session. Every end that is not a good answer becomes
an `ApiError`. No retries and no meaning of what is sent: that is `client`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client.rest import RESTClientObject

from quartermaster.cluster import credentials, errors
from quartermaster.cluster.call import FIELD_MANAGER, JSON, Answered, Call
from quartermaster.cluster.errors import ApiError

logger = logging.getLogger(__name__)

# One read gives at most this much: an event loop busy with parsing is deaf, and 256 KiB of JSON take some 3 ms.
CHUNK_BYTES = 256 * 1024


class Connection:
    """One cluster's address and credentials, and a pool of connections to it, opened at the first request."""

    def __init__(
        self, source: credentials.Source, *, cluster: str, on_answer: Callable[[Answered], None] | None = None
    ) -> None:
        """Nothing is read or sent yet; `on_answer` is called after every answer, also after every failed try."""
        self._cluster = cluster
        self._on_answer = on_answer
        self._credentials = credentials.Credentials(source)
        self._reading = asyncio.Lock()
        self._rest: RESTClientObject | None = None
        self._retired: list[RESTClientObject] = []
        self._is_closed = False
        self._digest = ""
        self._host = ""
        self._authorization: str | None = None

    async def close(self) -> None:
        """Close every connection, also those that still stream; nothing can be sent afterwards."""
        self._is_closed = True
        open_ones = [*self._retired, *([self._rest] if self._rest else [])]
        self._retired, self._rest = [], None
        for rest in open_ones:
            await rest.close()

    async def read_credentials(self) -> None:
        """Read the credentials now; connections are kept where only the token differs.

        Raises:
            CredentialsError: they cannot be read.
        """
        async with self._reading:
            await self._read_credentials()

    async def open(self, call: Call, limit: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """Send a request once; the answer, once its head is there and says that all is well.

        Raises:
            ApiError: a refusal, or no answer.
            CredentialsError: the credentials cannot be read.
        """
        rest = await self._transport()
        began_seconds = monotonic()
        code = errors.NO_ANSWER
        try:
            with translated(call):
                response = await self._request(rest, call, limit)
                code = response.status
                if code >= HTTPStatus.BAD_REQUEST:
                    # Reading to the end hands the connection back to the pool.
                    body = await response.read()
                    raise errors.from_answer(
                        code, body, request=call.asked, retry_after=response.headers.get("Retry-After")
                    )
        finally:
            if self._on_answer is not None:
                self._on_answer(Answered(self._cluster, call.verb, call.resource, code, monotonic() - began_seconds))
        return response

    async def _request(
        self, rest: RESTClientObject, call: Call, limit: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": JSON, "Content-Type": call.content_type, "User-Agent": FIELD_MANAGER}
        if self._authorization is not None:
            headers["Authorization"] = self._authorization
        url = f"{self._host}{call.path}"
        if call.query:
            url = f"{url}?{urlencode(call.query)}"
        request: Any = rest.request  # kubernetes.aio ships no types
        answer = await request(call.method, url, headers=headers, body=call.body, _request_timeout=limit)
        response: aiohttp.ClientResponse = answer.response
        return response

    async def _transport(self) -> RESTClientObject:
        if self._rest is None or self._credentials.is_due:
            async with self._reading:
                if self._rest is None:
                    await self._read_credentials()
                elif self._credentials.is_due:
                    await self._refresh_credentials()
        if self._rest is None:
            raise errors.CredentialsError("wanted an open client, found a closed one: make a new one")
        return self._rest

    async def _refresh_credentials(self) -> None:
        """Read what may have been rotated; where that fails, what we have may still be good."""
        try:
            await self._read_credentials()
        except errors.CredentialsError as error:
            logger.warning("credentials of %s are not renewed: %s", self._cluster, error)

    async def _read_credentials(self) -> None:
        if self._is_closed:
            return
        configuration = await self._credentials.read()
        self._authorization = credentials.authorization(configuration)
        digest = credentials.transport_digest(configuration)
        if self._rest is None or digest != self._digest:
            if self._rest is not None:
                # Streams on the old connections end by themselves within a watch's time.
                self._retired.append(self._rest)
            self._rest = RESTClientObject(configuration)
            self._digest, self._host = digest, configuration.host


async def chunks(response: aiohttp.ClientResponse, call: Call) -> AsyncIterator[bytes]:
    """The bytes of an answer as they come, at most `CHUNK_BYTES` at a time, until its end.

    Raises:
        ApiError: the connection broke, or was silent for too long.
    """
    while True:
        with translated(call):
            chunk = await response.content.read(CHUNK_BYTES)
        if not chunk:
            return
        yield chunk


@contextmanager
def translated(call: Call) -> Iterator[None]:
    """Turn what goes wrong on the wire into an `ApiError` without a status."""
    try:
        yield
    except TimeoutError as error:
        raise ApiError(errors.NO_ANSWER, "TimedOut", str(error) or "no answer in time", call.asked) from error
    except (aiohttp.ClientError, OSError) as error:
        raise ApiError(errors.NO_ANSWER, "Unreachable", f"{type(error).__name__}: {error}", call.asked) from error
