"""What the quick start insists on: a state that must come in time, or a failure that says what was seen instead."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from tests.lab import client, cluster, processes, reservation, waiting

Result = TypeVar("Result")
PAUSE_SECONDS = 0.2


class NotAsWantedError(Exception):
    """A step did not reach its state. The text says what was wanted and what was seen."""


FAILURES = (
    NotAsWantedError,
    client.RefusedError,
    client.UnreachableError,
    cluster.CommandError,
    processes.ProcessError,
    reservation.NoReservationError,
    waiting.NotInTimeError,
)
"""What may go wrong while the story is told; anything else is a fault of the story."""


def insist(is_so: object, wanted: str, seen: object) -> None:
    """Raise NotAsWantedError unless ``is_so`` is true."""
    if not is_so:
        raise NotAsWantedError(f"wanted {wanted}; saw {seen}")


async def wait_for(
    wanted: str, look: Callable[[], Result], is_so: Callable[[Result], bool], *, timeout_seconds: float
) -> Result:
    """Look again and again, each time in a thread, until what is seen is as wanted, and return it.

    Raises:
        NotAsWantedError: naming what was seen last.
    """
    deadline_seconds = time.monotonic() + timeout_seconds
    while not is_so(seen := await asyncio.to_thread(look)):
        if time.monotonic() > deadline_seconds:
            raise NotAsWantedError(f"wanted within {timeout_seconds:g} s {wanted}; saw {seen}")
        await asyncio.sleep(PAUSE_SECONDS)
    return seen
