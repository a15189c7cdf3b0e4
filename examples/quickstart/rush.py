"""The load and what it does: a quiet time, four times as much, nothing. Shown while it happens, and judged.

quiet  the rate that the deployment states              replicas stay at the minimum
×4     four times the rate, until the queue has drained  a queue grows, replicas rise, the queue drains
none   nothing                                          replicas fall back to the minimum after the delay
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from examples.quickstart.page import Page
from examples.quickstart.told import Told
from examples.quickstart.wanted import NotAsWantedError, insist
from examples.quickstart.watch import Watch
from tests.lab.load import Arrival, Balance, Lengths, LoadGenerator, LoadOptions, Phase, synthetic

REQUESTS_PER_SECOND = 4.0
FACTOR = 4
LENGTHS = Lengths(mean_prompt_tokens=250, mean_output_tokens=64, variation=0.3)
GAP_VARIATION = 0.5
QUIET_SECONDS = 10.0
RUSH_SECONDS = 60.0
"""At most: the rush ends when its queue has drained."""
RISE_SECONDS = 15.0
FALL_SECONDS = 120.0
CALM_SECONDS = 5.0
"""For how long fewer requests than replicas must wait before the queue has drained."""
ROW_SECONDS = 2.0
_LATENCY_SECONDS = 4.0
_TICK_SECONDS = 0.25
_COLUMNS = (
    ("TIME", 6),
    ("LOAD", -7),
    ("SENT/S", 7),
    ("DONE/S", 7),
    ("TOKENS/S", 9),
    ("WAITING", 8),
    ("RUNNING", 8),
    ("TTFT", 8),
    ("CHAT", 7),
    ("SUPPORT", 8),
    ("AGENTS", 7),
)
_WIDTHS = [width for _, width in _COLUMNS]


@dataclass(slots=True)
class _Row:
    """Totals when the last row was shown."""

    at_seconds: float = 0.0
    sent: int = 0
    done: int = 0
    tokens: int = 0


class Rush:
    """One run of the load against one deployment."""

    def __init__(self, page: Page, watch: Watch) -> None:
        """Nothing is sent yet."""
        self._page, self._watch = page, watch
        least = len(watch.endpoints)
        self._told = Told(least_replicas=least, most_replicas=least)
        self._phase, self._is_over = "quiet", False
        self._started_at = 0.0
        self._sent = 0
        self._row_before = _Row()
        options = LoadOptions(model=watch.model, balance=Balance.LEAST_IN_FLIGHT)
        self._generator = LoadGenerator(self._arrivals(), lambda: watch.endpoints, options)

    async def run(self) -> Told:
        """Send the load, show what happens, and return it.

        Raises:
            NotAsWantedError: replicas do not rise or fall, the queue does not drain, or requests fail.
        """
        told = self._told
        self._page.say(
            f"WAITING and RUNNING count the requests in {self._watch.name}'s model servers; TTFT is the median time to "
            "the first token; the last columns are replicas, ready/wanted."
        )
        self._page.blank()
        self._page.row([name for name, _ in _COLUMNS], _WIDTHS)
        self._started_at = asyncio.get_running_loop().time()
        async with self._generator:
            await self._until(lambda: self._now >= QUIET_SECONDS, timeout_seconds=2 * QUIET_SECONDS)
            self._phase, told.rush_at = f"×{FACTOR}", self._now
            told.drained_at = self._now
            await self._until(self._has_drained, timeout_seconds=RUSH_SECONDS)
            self._phase, self._is_over, told.silent_at = "none", True, self._now
            await self._until(self._has_fallen, timeout_seconds=FALL_SECONDS)
            told.fallen_at = self._now
            self._show()
            summary = self._generator.summary()
        told.answered, told.failed = summary.finished, summary.sent - summary.finished
        told.tokens = summary.output_tokens
        insist(told.failed <= told.answered / 100, "at least 99 of 100 requests answered", summary.errors)
        return told

    @property
    def _now(self) -> float:
        """Seconds since the load began."""
        return asyncio.get_running_loop().time() - self._started_at

    def _arrivals(self) -> Iterator[Arrival]:
        phases = [Phase(REQUESTS_PER_SECOND, QUIET_SECONDS), Phase(REQUESTS_PER_SECOND * FACTOR, RUSH_SECONDS)]
        for arrival in synthetic(phases, LENGTHS, variation=GAP_VARIATION):
            if self._is_over:
                return
            self._sent += 1
            yield arrival

    def _has_drained(self) -> bool:
        told, serving = self._told, len(self._watch.endpoints)
        if self._watch.waiting >= max(1, serving):
            told.drained_at = self._now
        if told.risen_at is None and serving > told.least_replicas:
            told.risen_at = self._now
        if told.risen_at is None and self._now - told.rush_at > RISE_SECONDS:
            raise NotAsWantedError(
                f"wanted more than {told.least_replicas} replicas within {RISE_SECONDS:g} s of the rush; saw "
                + self._seen()
            )
        has_queued = told.most_waiting > told.least_replicas
        return told.risen_at is not None and has_queued and self._now - told.drained_at >= CALM_SECONDS

    def _has_fallen(self) -> bool:
        watch = self._watch
        return max(watch.replicas.desired, watch.replicas.ready, len(watch.endpoints)) <= self._told.least_replicas

    def _seen(self) -> str:
        watch = self._watch
        return f"{len(watch.endpoints)} serving, {watch.replicas.desired} desired, {watch.waiting} requests waiting"

    async def _until(self, is_so: Callable[[], bool], *, timeout_seconds: float) -> None:
        """Show a row now and then until it is so."""
        began_at, told = self._now, self._told
        while not is_so():
            if self._now - began_at > timeout_seconds:
                raise NotAsWantedError(
                    f"wanted load {self._phase!r} to end within {timeout_seconds:g} s, with {told.least_replicas} "
                    f"replicas before the rush; saw {self._seen()}, at most {told.most_replicas} serving and "
                    f"{told.most_waiting} waiting"
                )
            await asyncio.sleep(_TICK_SECONDS)
            told.most_waiting = max(told.most_waiting, self._watch.waiting)
            told.most_replicas = max(told.most_replicas, len(self._watch.endpoints))
            if self._now - self._row_before.at_seconds >= ROW_SECONDS:
                self._show()

    def _show(self) -> None:
        """Write a row of the table."""
        before, watch = self._row_before, self._watch
        answered = [record for record in self._generator.records if record.error is None]
        row = _Row(self._now, self._sent, len(answered), watch.generated_tokens)
        seconds = max(row.at_seconds - before.at_seconds, _TICK_SECONDS)
        first_tokens = [
            record.time_to_first_token_seconds
            for record in answered
            if record.time_to_first_token_seconds is not None
            and record.sent_at_seconds + record.end_to_end_seconds >= row.at_seconds - _LATENCY_SECONDS
        ]
        cells = [
            f"{row.at_seconds:.0f} s",
            self._phase,
            f"{(row.sent - before.sent) / seconds:.1f}",
            f"{(row.done - before.done) / seconds:.1f}",
            f"{(row.tokens - before.tokens) / seconds:,.0f}",
            str(watch.waiting),
            str(watch.running),
            f"{median(first_tokens):.2f} s" if first_tokens else "–",
            *(str(watch.replicas_by_name.get(name, "–")) for name in ("chat", "support", "agents")),
        ]
        self._page.row(cells, _WIDTHS)
        self._row_before = row
