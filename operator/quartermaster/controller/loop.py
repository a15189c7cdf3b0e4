"""The loop: observe → decide → apply, fleet-wide. Handlers and caches only wake it.

Two speeds: a decision follows every change, after a short pause in which changes gather, and every ``scale_seconds``
once engines have been scraped. What is decided is ``reconcile.decide``; here nothing is.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime
from functools import partial

from quartermaster.catalog.catalog import Catalog
from quartermaster.cluster.client import Client
from quartermaster.cluster.lease import Candidate
from quartermaster.controller import figures
from quartermaster.controller.load import Load
from quartermaster.controller.settings import Settings
from quartermaster.controller.watching import Caches
from quartermaster.controller.writing import Writer
from quartermaster.reconcile.decide import decide
from quartermaster.reconcile.observation import Observed
from quartermaster.reconcile.outcome import Memory, Outcome
from quartermaster.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

_RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
_STUCK_SECONDS = 120.0
_STALE_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 1.0
_SCRAPE_REST = 3.0
"""After a round of scraping, no other begins for so many times the processor time that it took: with thousands of
replicas the rounds become rarer, instead of leaving no time for anything else."""
_PLAN_REST = 10.0
"""After a plan was made, none is made for the mere passing of time for so many times as long as it took: where plans
take long, what was planned gets the time to start."""


class Loop:
    """One process's loop over one fleet."""

    def __init__(self, client: Client, *, catalog: Catalog, settings: Settings, metrics: Metrics) -> None:
        """Nothing is sent yet."""
        self._settings = settings
        self._catalog = catalog
        self._metrics = metrics
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._scraped = asyncio.Event()
        self._caches = Caches(client, wake=self.wake)
        self._writer = Writer(client, self._caches, instance=settings.process_name, progressed=self._progressed)
        self._load = Load(catalog, metrics, interval_seconds=settings.scale_seconds)
        self._candidate = Candidate(
            client,
            namespace=settings.lease_namespace,
            name=settings.lease_name,
            identity=settings.process_name,
        )
        self._memory = Memory()
        self._failures = 0
        self._pause_seconds = 0.0
        self._rest_seconds = 0.0
        self._turned_seconds = time.monotonic()

    def wake(self) -> None:
        """Ask for a decision soon. Cheap, and safe to call for every event."""
        self._woken.set()

    def stop(self) -> None:
        """Ask ``run`` to finish what it is writing and to return."""
        self._stopping.set()
        self.wake()

    def is_alive(self) -> tuple[bool, str]:
        """Whether the loop still turns."""
        age = time.monotonic() - self._turned_seconds
        return age < _STUCK_SECONDS, f"the loop last turned {age:.0f} s ago"

    def is_ready(self) -> tuple[bool, str]:
        """Whether the caches may be acted on.

        They may through an outage of the API server as long as its upgrade takes (``Timing.stale_seconds`` of the
        informer): nothing could be written meanwhile, and a process that started anew would know less. Only when the
        outage lasts is the process not ready, and it decides nothing until every cache is fresh again.
        """
        stale = self._caches.stale
        return not stale, f"caches not fresh: {', '.join(stale)}" if stale else "every cache is fresh"

    async def run(self) -> None:
        """Watch, scrape, lead if nobody else does, decide and write, until stopped."""
        async with self._load, asyncio.TaskGroup() as group:
            background = [
                group.create_task(self._caches.run(), name="caches"),
                group.create_task(self._candidate.run(), name="lease"),
                group.create_task(self._scrape(), name="scrape"),
            ]
            try:
                await asyncio.to_thread(self._get_ready)
                await self._turn_until_stopped()
            finally:
                for task in background:
                    task.cancel()

    def _get_ready(self) -> None:
        """Decide on nothing once: what has to be compiled and loaded is there before a decision has to be in time."""
        nothing = Observed(datetime.now(UTC), time.monotonic())
        decide(nothing, Memory(), catalog=self._catalog, plan_seconds=self._settings.plan_seconds)
        self._progressed()

    async def _scrape(self) -> None:
        while True:
            started_seconds, used_seconds = time.monotonic(), time.thread_time()
            if self._caches.stale:
                await asyncio.sleep(_STALE_PAUSE_SECONDS)
                continue
            await self._load.scrape(self._caches.pods.store.values(), self._caches.keys, now_seconds=started_seconds)
            self._scraped.set()
            self.wake()
            taken_seconds, busy_seconds = time.monotonic() - started_seconds, time.thread_time() - used_seconds
            rest_seconds = max(0.05, self._settings.scale_seconds - taken_seconds, _SCRAPE_REST * busy_seconds)
            self._load.interval_seconds = max(self._settings.scale_seconds, taken_seconds + rest_seconds)
            await asyncio.sleep(rest_seconds)

    async def _turn_until_stopped(self) -> None:
        while not self._stopping.is_set():
            await self._woken_or(self._settings.scale_seconds)
            # Where a decision takes long, changes gather for as long: half of the time is for hearing of them.
            await asyncio.sleep(max(self._settings.debounce_seconds, self._pause_seconds))
            self._woken.clear()
            self._turned_seconds = time.monotonic()
            figures.tell_caches(self._metrics, self._caches.all, is_leader=self._candidate.is_leader)
            # Before engines were asked once, missing signals would only mean that nobody has asked yet.
            is_seeing = self._scraped.is_set() and not self._caches.stale
            if self._stopping.is_set() or not is_seeing or not self._candidate.is_leader:
                continue
            if not await self._turn():
                # Writes that failed are tried again one by one; here nothing could be decided at all.
                delay_seconds = _RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS)) - 1]
                await self._stopping_or(delay_seconds)
                self.wake()

    async def _turn(self) -> bool:
        """Observe, decide, apply once; returns whether there was a decision."""
        started_seconds = time.monotonic()
        observed = self._caches.observe(windows=self._load.window_by_key, now_seconds=started_seconds)
        try:
            outcome = await asyncio.to_thread(
                decide,
                observed,
                self._memory,
                catalog=self._catalog,
                plan_seconds=max(self._settings.plan_seconds, self._rest_seconds),
                is_late=partial(_is_after, started_seconds + self._settings.solve_seconds),
                proposes_profiles=self._settings.profiles == "Propose",
            )
        except Exception:  # the one boundary of the loop: a decision that fails must not end the process
            logger.exception("no decision: the world stays as it is")
            self._failures += 1
            return False
        self._failures = 0
        decided_seconds = self._turned_seconds = time.monotonic()
        if outcome.has_replanned:
            self._rest_seconds = _PLAN_REST * (decided_seconds - started_seconds)
        else:
            self._pause_seconds = min(_LONGEST_PAUSE_SECONDS, decided_seconds - started_seconds)
        self._memory = outcome.memory
        written = await self._writer.write(self._writer.due(outcome))
        for error in written.errors:
            logger.warning("not written: %s", error)
        if not written.is_whole:
            self.wake()
        self._tell(
            written.outcome,
            decide_seconds=decided_seconds - started_seconds,
            turn_seconds=time.monotonic() - started_seconds,
        )
        return True

    def _progressed(self) -> None:
        """Note that the loop is at work."""
        self._turned_seconds = time.monotonic()

    def _tell(self, outcome: Outcome, *, decide_seconds: float, turn_seconds: float) -> None:
        figures.tell_outcome(self._metrics, outcome, decide_seconds=decide_seconds, turn_seconds=turn_seconds)
        if not outcome.is_settled:
            logger.info(
                "applied %d, deleted %d, statuses %d",
                len(outcome.apply),
                len(outcome.delete),
                len(outcome.statuses),
                extra={
                    "dollars_per_hour": round(outcome.plan.dollars_per_hour, 2),
                    "gap_fraction": round(outcome.plan.gap_fraction, 5),
                    "has_replanned": outcome.has_replanned,
                    "decide_seconds": round(decide_seconds, 3),
                },
            )

    async def _woken_or(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _stopping_or(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


def _is_after(deadline_seconds: float) -> bool:
    return time.monotonic() > deadline_seconds
