"""Scraping engines: many at once, bounded in number, time, bytes and series. One bad engine costs only its own sample.

Nothing is followed, kept or looked up: no redirects, no proxies, no cookies, no names, nothing packed. A replica is
asked at the address of its pod and nowhere else.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from ipaddress import ip_address
from types import TracebackType
from typing import Final, Self

import aiohttp

from quartermaster.api.names import SERVING_PORT
from quartermaster.autoscaler.sample import Readings, Sample
from quartermaster.catalog.vocabulary import MetricDialect
from quartermaster.planner.fleet import Place
from quartermaster.telemetry.dialects import DIALECTS, readings
from quartermaster.telemetry.exposition import GarbageError, TooManySeriesError, parse

TIMEOUT_SECONDS: Final = 2.0
MOST_BYTES: Final = 1024 * 1024
CONCURRENCY: Final = 32
_CHUNK_BYTES: Final = 65_536
_HEADERS: Final = {
    "Accept": "text/plain;version=0.0.4",
    "Accept-Encoding": "identity",  # a small body must not grow beyond the limit by being unpacked
    "User-Agent": "quartermaster",
}


class ScrapeResult(StrEnum):
    """What came of one scrape. The values are labels of a metric."""

    OK = "ok"
    MISSING_SERIES = "missing_series"
    """The page is well, but the load cannot be judged from it."""
    TIMEOUT = "timeout"
    REFUSED = "refused"
    """Nobody answers there, or the connection broke."""
    REDIRECT = "redirect"
    HTTP_ERROR = "http_error"
    TOO_LARGE = "too_large"
    """More bytes, series or labels than are read."""
    GARBAGE = "garbage"
    """Not the text format."""


@dataclass(frozen=True, slots=True)
class Target:
    """One engine to ask."""

    pod_uid: str
    pod_name: str
    place: Place
    address: str
    """IP address of the pod."""
    dialect: MetricDialect
    path: str = "/metrics"
    port: int = SERVING_PORT

    @property
    def url(self) -> str:
        """Where its metrics are."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{host}:{self.port}{self.path}"


@dataclass(frozen=True, slots=True)
class Scraped:
    """One engine's answer."""

    target: Target
    result: ScrapeResult
    sample: Sample | None = None
    """None unless something of the load was read; with ``MISSING_SERIES`` some of it is None."""
    detail: str = ""
    """What was wrong, for the log; empty when all is well."""


class _UnusableError(Exception):
    """An answer that gives no sample."""

    def __init__(self, result: ScrapeResult, detail: str) -> None:
        super().__init__(detail)
        self.result = result


class Scraper:
    """Asks engines. Use it as an asynchronous context manager."""

    def __init__(
        self,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        most_bytes: int = MOST_BYTES,
        concurrency: int = CONCURRENCY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` gives the time that samples bear."""
        self._timeout_seconds = timeout_seconds
        self._most_bytes = most_bytes
        self._slots = asyncio.Semaphore(concurrency)
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._late: frozenset[str] = frozenset()

    async def __aenter__(self) -> Self:
        """Open the session: no proxies of the environment, no cookies, connections kept for the next round."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            headers=_HEADERS,
            trust_env=False,
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def scrape(self, targets: Sequence[Target]) -> list[Scraped]:
        """Ask every target once; answers in the order of the targets.

        Those that were late the last time are asked last, so that engines that hang do not hold up the others.
        """
        order = sorted(range(len(targets)), key=lambda index: (targets[index].pod_uid in self._late, index))
        answers = await asyncio.gather(*(self._bounded(targets[index]) for index in order))
        self._late = frozenset(one.target.pod_uid for one in answers if one.result is ScrapeResult.TIMEOUT)
        answer_by_index = dict(zip(order, answers, strict=True))
        return [answer_by_index[index] for index in range(len(targets))]

    async def _bounded(self, target: Target) -> Scraped:
        async with self._slots:
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    return await self._ask(target)
            except TimeoutError:
                detail = f"wanted the whole page within {self._timeout_seconds:g} s"
                return Scraped(target, ScrapeResult.TIMEOUT, detail=detail)
            except _UnusableError as unusable:
                return Scraped(target, unusable.result, detail=str(unusable))
            except (aiohttp.ClientError, OSError) as error:
                return Scraped(target, ScrapeResult.REFUSED, detail=f"{type(error).__name__}: {error}")

    async def _ask(self, target: Target) -> Scraped:
        if self._session is None:
            raise RuntimeError("wanted an open Scraper, found a closed one: use it in an async with block")
        if not _is_address(target.address):
            # A name would be looked up, and a path could hide in it.
            raise _UnusableError(ScrapeResult.REFUSED, f"wanted the IP address of a pod, found {target.address!r}")
        async with self._session.get(target.url, allow_redirects=False) as response:
            at_seconds = self._clock()
            _check_head(response)
            page = await self._page(response)
        found = _read(target.dialect, page)
        if found.is_empty:
            return Scraped(target, ScrapeResult.MISSING_SERIES, detail="none of the engine's series is there")
        sample = Sample(target.pod_uid, target.pod_name, target.place, at_seconds, found)
        if not found.is_telling:
            return Scraped(target, ScrapeResult.MISSING_SERIES, sample, f"not there: {', '.join(found.missing)}")
        return Scraped(target, ScrapeResult.OK, sample)

    async def _page(self, response: aiohttp.ClientResponse) -> bytes:
        size = response.content_length or 0
        chunks: list[bytes] = []
        if size <= self._most_bytes:
            size = 0
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                size += len(chunk)
                if size > self._most_bytes:
                    break
                chunks.append(chunk)
            else:
                return b"".join(chunks)
        response.close()  # what follows is not wanted, so the connection is of no more use
        raise _UnusableError(ScrapeResult.TOO_LARGE, f"wanted at most {self._most_bytes} bytes, found {size} or more")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _check_head(response: aiohttp.ClientResponse) -> None:
    """Refuse every answer but a plain page."""
    if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
        raise _UnusableError(ScrapeResult.REDIRECT, f"wanted 200, found {response.status}: nothing is followed")
    if response.status != HTTPStatus.OK:
        raise _UnusableError(ScrapeResult.HTTP_ERROR, f"wanted 200, found {response.status}")
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise _UnusableError(ScrapeResult.GARBAGE, f"wanted plain text, found it packed as {encoding!r}")


def _read(name: MetricDialect, page: bytes) -> Readings:
    dialect = DIALECTS.get(name)
    if dialect is None:
        return Readings()
    try:
        return readings(dialect, parse(page, dialect.wanted))
    except GarbageError as error:
        raise _UnusableError(ScrapeResult.GARBAGE, str(error)) from None
    except TooManySeriesError as error:
        raise _UnusableError(ScrapeResult.TOO_LARGE, str(error)) from None
