"""One replica in real time: a batch queue, a timer, and the handlers that wait for their tokens.

Here the pure queue meets the clock of the event loop. Nothing of HTTP lives here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.lab.modelserver.batchqueue import BatchQueue
from tests.lab.modelserver.engine import FACE_BY_ENGINE, Engine
from tests.lab.modelserver.exposition.reading import Reading, read
from tests.lab.modelserver.physics import ReplicaPhysics
from tests.lab.modelserver.recorder import Recorder
from tests.lab.modelserver.sequence import Event, Finished, Sequence

_SHORTEST_NAP_SECONDS = 0.001
"""Events closer together than this are handled at once."""


class ReplicaRestartedError(ConnectionError):
    """The replica began again while a request was in it."""


@dataclass(slots=True, eq=False)
class Ticket:
    """A request as its handler sees it."""

    sequence: Sequence
    streams: bool
    generated_tokens: int = 0
    is_finished: bool = False
    is_lost: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, generated_tokens: int, *, is_finished: bool = False, is_lost: bool = False) -> None:
        """Wake the handler with what is new."""
        self.generated_tokens = generated_tokens
        self.is_finished |= is_finished
        self.is_lost |= is_lost
        self._changed.set()

    async def progress(self) -> int:
        """Wait for something new and return the tokens generated so far.

        Raises:
            ReplicaRestartedError: there will be no more.
        """
        await self._changed.wait()
        self._changed.clear()
        if self.is_lost:
            raise ReplicaRestartedError("the request was wanted, but its replica began again: send it anew")
        return self.generated_tokens


class Replica:
    """A batch queue that runs with the event loop's clock and sleeps while it is idle."""

    def __init__(self, engine: Engine, model: str, physics: ReplicaPhysics, *, stream_interval_seconds: float) -> None:
        """Start to load the model now. Streams get their tokens in pieces, one per `stream_interval_seconds`."""
        self.engine = engine
        self.model = model
        self.physics = physics
        self.face = FACE_BY_ENGINE[engine]
        self._stream_interval_seconds = stream_interval_seconds
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._is_frozen = False
        self._tickets_by_id: dict[int, Ticket] = {}
        self._begin(physics.load_seconds)

    def _begin(self, load_seconds: float) -> None:
        now = self._loop.time()
        self.queue = BatchQueue(self.physics, Recorder.with_bounds(self.face.bounds), started_at=now)
        self.created_at_unix_seconds = time.time()
        self._ready_at = now + load_seconds
        self._next_flush_at = now

    @property
    def is_loading(self) -> bool:
        """Whether the model is not loaded yet."""
        return self._loop.time() < self._ready_at

    def submit(self, prompt_tokens: int, output_tokens: int, *, finish_reason: str, streams: bool) -> Ticket:
        """Queue a request that arrives now; raises `RequestTooLongError`."""
        now = self._advance()
        sequence = self.queue.submit(prompt_tokens, output_tokens, at=now, finish_reason=finish_reason)
        ticket = Ticket(sequence, streams)
        self._tickets_by_id[sequence.id] = ticket
        self._arm(now)
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """Take back a request whose client has gone."""
        now = self._advance()
        if self._tickets_by_id.get(ticket.sequence.id) is ticket:  # not so after a restart, which counts ids anew
            del self._tickets_by_id[ticket.sequence.id]
            self.queue.cancel(ticket.sequence)
            self._arm(now)

    def reading(self) -> Reading:
        """Return the numbers of this moment."""
        now = self._advance()
        self._arm(now)
        return read(self.queue, model=self.model, created_at_unix_seconds=self.created_at_unix_seconds)

    def freeze(self) -> None:
        """Stand still until `thaw`, as a hung process does."""
        self._advance()
        self._is_frozen = True
        self._disarm()

    def thaw(self) -> None:
        """Go on where it stood still."""
        self._is_frozen, was_frozen = False, self._is_frozen
        if was_frozen:
            now = self._loop.time()
            self.queue.skip(now)
            self._arm(now)

    def restart(self, load_seconds: float) -> None:
        """Begin again with nothing: requests are lost, counters are zero, the model loads."""
        self.thaw()
        self.stop()
        self._begin(load_seconds)

    def stop(self) -> None:
        """End: whoever waits is told that there will be no more."""
        self._disarm()
        tickets, self._tickets_by_id = self._tickets_by_id, {}
        for ticket in tickets.values():
            ticket.tell(ticket.generated_tokens, is_lost=True)

    # Time.

    def _advance(self) -> float:
        """Bring the queue to the present, tell the handlers, and return the time."""
        now = self._loop.time()
        if self._is_frozen:
            self.queue.skip(now)
            return now
        self._tell(self.queue.advance(now))
        if now >= self._next_flush_at:
            self._flush()
            self._next_flush_at = now + self._stream_interval_seconds
        return now

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Finished):
                ticket = self._tickets_by_id.pop(event.id, None)
                if ticket is not None:
                    ticket.tell(event.output_tokens, is_finished=True)
            elif (ticket := self._tickets_by_id.get(event.id)) is not None and ticket.streams:
                ticket.tell(1)

    def _flush(self) -> None:
        """Give the streams the tokens that have gathered."""
        for ticket in self._tickets_by_id.values():
            if ticket.streams:
                generated = self.queue.generated(ticket.sequence)
                if generated > ticket.generated_tokens:
                    ticket.tell(generated)

    def _arm(self, now: float) -> None:
        """Set the timer to the next event, or to the next piece of the streams if that is sooner."""
        self._disarm()
        next_event_at = self.queue.next_event_at()
        if next_event_at is None or self._is_frozen:
            return
        wake_at = min(next_event_at, max(self._next_flush_at, now))
        self._timer = self._loop.call_at(max(wake_at, now + _SHORTEST_NAP_SECONDS), self._wake)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        self._arm(self._advance())
