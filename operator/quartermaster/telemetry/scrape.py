"""Scraping engines: concurrently, and bounded in time, bytes and series. One bad engine costs only its own sample."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import aiohttp

from quartermaster.api.names import SERVING_PORT
from quartermaster.autoscaler.sample import Readings, Sample
from quartermaster.catalog.vocabulary import MetricDialect
from quartermaster.telemetry.dialects import DIALECTS, readings
from quartermaster.telemetry.exposition import GarbageError, parse

TIMEOUT_SECONDS: Final = 2.0
MOST_BYTES: Final = 1024 * 1024
CONCURRENCY: Final = 64


class ScrapeResult(StrEnum):
    """What came of one scrape."""

    OK = "ok"
    MISSING_SERIES = "missing_series"
    """The page is well, but the load cannot be judged from it."""
    TIMEOUT = "timeout"
    REFUSED = "refused"
    """Nobody answers there, or the connection broke."""
    REDIRECT = "redirect"
    HTTP_ERROR = "http_error"
    TOO_LARGE = "too_large"
    GARBAGE = "garbage"


@dataclass(frozen=True, slots=True)
class Target:
    """One engine to ask."""

    pod_uid: str
    pod_name: str
    pool: str
    shape_key: str
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

    async def __aenter__(self) -> Self:
        """Open the session: no proxies of the environment, no cookies, connections kept for the next round."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "text/plain;version=0.0.4", "User-Agent": "quartermaster"},
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def scrape(self, targets: Sequence[Target]) -> list[Scraped]:
        """Ask every target once; answers in the order of the targets."""
        return list(await asyncio.gather(*(self._bounded(target) for target in targets)))

    async def _bounded(self, target: Target) -> Scraped:
        async with self._slots:
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    return await self._ask(target)
            except TimeoutError:
                return Scraped(target, ScrapeResult.TIMEOUT)
            except (aiohttp.ClientError, OSError):
                return Scraped(target, ScrapeResult.REFUSED)

    async def _ask(self, target: Target) -> Scraped:
        if self._session is None:
            raise RuntimeError("wanted an open Scraper, found a closed one: use it in an async with block")
        async with self._session.get(target.url, allow_redirects=False) as response:
            if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
                return Scraped(target, ScrapeResult.REDIRECT)
            if response.status != HTTPStatus.OK:
                return Scraped(target, ScrapeResult.HTTP_ERROR)
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > self._most_bytes:
                    response.close()
                    return Scraped(target, ScrapeResult.TOO_LARGE)
        return self._read(target, bytes(body))

    def _read(self, target: Target, body: bytes) -> Scraped:
        dialect = DIALECTS.get(target.dialect)
        try:
            found = readings(dialect, parse(body.decode(), dialect.wanted)) if dialect else Readings()
        except (GarbageError, UnicodeDecodeError):
            return Scraped(target, ScrapeResult.GARBAGE)
        if found.is_empty:
            return Scraped(target, ScrapeResult.MISSING_SERIES)
        sample = Sample(
            pod_uid=target.pod_uid,
            pod_name=target.pod_name,
            pool=target.pool,
            shape_key=target.shape_key,
            at_seconds=self._clock(),
            readings=found,
        )
        return Scraped(target, ScrapeResult.OK if found.is_telling else ScrapeResult.MISSING_SERIES, sample)
