"""Replaying arrivals against endpoints that come and go, in open loop: a slow server does not slow the arrivals.

Here requests are started on time, bounded, and recorded. What is sent and how endpoints are chosen lives beside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp

from tests.lab.load.arrival import Arrival
from tests.lab.load.balance import Balance, Balancer, Endpoints
from tests.lab.load.record import RequestRecord, Summary, summarise
from tests.lab.load.send import Answer, BadAnswerError, body_of, send


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a load is sent, and its bounds."""

    model: str
    is_chat: bool = False
    balance: Balance = Balance.RANDOM
    seed: int = 0
    most_requests: int = 100_000
    most_seconds: float = 3600.0
    """No request is sent later than this."""
    most_in_flight: int = 2000
    """A request that would be one too many is not sent and counts as an error."""
    request_timeout_seconds: float = 300.0
    drains: bool = True
    """Whether to wait for the answers that are due when the last request has been sent."""


class LoadGenerator:
    """One load: an asynchronous context manager that sends in the background, or `run` to the end."""

    def __init__(self, arrivals: Iterable[Arrival], endpoints: Endpoints, options: LoadOptions) -> None:
        """Prepare to send `arrivals`, in order of time, to one of `endpoints()` each."""
        self._arrivals = arrivals
        self._options = options
        self._balancer = Balancer(endpoints, options.balance, seed=options.seed)
        self._path = "/v1/chat/completions" if options.is_chat else "/v1/completions"
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: asyncio.Task[None] | None = None
        self._started_at = 0.0
        self._ended_at: float | None = None
        self.records: list[RequestRecord] = []

    async def __aenter__(self) -> Self:
        """Start to send."""
        self._started_at = asyncio.get_running_loop().time()
        self._runner = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop: what is in flight is given up."""
        await self.stop()

    async def run(self) -> Summary:
        """Send everything, wait for the answers, and return the figures."""
        async with self:
            await self.finished()
        return self.summary()

    async def finished(self) -> None:
        """Wait until everything has been sent and, unless told otherwise, answered."""
        if self._runner is None:
            raise RuntimeError("a load was awaited before it was started: use `async with`, or `run`")
        await asyncio.shield(self._runner)

    async def stop(self) -> None:
        """Send no more and give up what is in flight."""
        if self._runner is not None and not self._runner.done():
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)

    @property
    def in_flight(self) -> int:
        """Requests that are waiting for their answer."""
        return len(self._tasks)

    @property
    def elapsed_seconds(self) -> float:
        """Since the start, until now or the end."""
        ended_at = asyncio.get_running_loop().time() if self._ended_at is None else self._ended_at
        return ended_at - self._started_at

    def summary(self, *, last_seconds: float | None = None) -> Summary:
        """Return the figures so far, or those of the requests that ended within the last seconds."""
        elapsed = self.elapsed_seconds
        if last_seconds is None:
            return summarise(self.records, seconds=elapsed)
        since = elapsed - last_seconds
        recent = [record for record in self.records if record.sent_at_seconds + record.end_to_end_seconds >= since]
        return summarise(recent, seconds=min(last_seconds, elapsed))

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._options.request_timeout_seconds)
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            try:
                await self._send_all(session)
                if self._options.drains and self._tasks:
                    await asyncio.wait(self._tasks)
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
                self._ended_at = asyncio.get_running_loop().time()

    async def _send_all(self, session: aiohttp.ClientSession) -> None:
        loop = asyncio.get_running_loop()
        for number, arrival in enumerate(self._arrivals):
            if number >= self._options.most_requests or arrival.at_seconds > self._options.most_seconds:
                break
            if (wait_seconds := self._started_at + arrival.at_seconds - loop.time()) > 0:
                await asyncio.sleep(wait_seconds)
            elif number % 100 == 99:
                await asyncio.sleep(0)  # late: let the answers be read
            endpoint = self._balancer.choose()
            sent_at = loop.time() - self._started_at
            if endpoint is None:
                self.records.append(RequestRecord(sent_at, "", 0.0, error="no endpoint"))
            elif len(self._tasks) >= self._options.most_in_flight:
                self.records.append(RequestRecord(sent_at, endpoint, 0.0, error="too many in flight"))
            else:
                task = asyncio.create_task(self._send_one(session, endpoint, arrival))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _send_one(self, session: aiohttp.ClientSession, endpoint: str, arrival: Arrival) -> None:
        body = body_of(
            model=self._options.model,
            prompt_tokens=arrival.prompt_tokens,
            output_tokens=arrival.output_tokens,
            is_chat=self._options.is_chat,
        )
        sent_at = self.elapsed_seconds
        self._balancer.in_flight_by_endpoint[endpoint] += 1
        error = None
        try:
            answer = await send(session, f"http://{endpoint}{self._path}", body)
        except BadAnswerError as wrong:
            error = str(wrong)
        except TimeoutError:
            error = "timeout"
        except (aiohttp.ClientError, OSError):
            error = "connection"
        finally:
            self._balancer.in_flight_by_endpoint[endpoint] -= 1
        if error is None:
            self.records.append(_record(sent_at, endpoint, answer))
        else:
            self.records.append(RequestRecord(sent_at, endpoint, self.elapsed_seconds - sent_at, error=error))


def _record(sent_at: float, endpoint: str, answer: Answer) -> RequestRecord:
    gaps = answer.output_tokens - 1
    return RequestRecord(
        sent_at_seconds=sent_at,
        endpoint=endpoint,
        end_to_end_seconds=answer.last_token_seconds,
        time_to_first_token_seconds=answer.first_token_seconds,
        inter_token_seconds=(answer.last_token_seconds - answer.first_token_seconds) / gaps if gaps > 0 else None,
        prompt_tokens=answer.prompt_tokens,
        output_tokens=answer.output_tokens,
    )


async def replay(arrivals: Iterable[Arrival], endpoints: Endpoints, options: LoadOptions) -> Summary:
    """Send `arrivals` to the end and return the figures."""
    return await LoadGenerator(arrivals, endpoints, options).run()
