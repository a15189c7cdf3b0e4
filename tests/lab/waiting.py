"""Waiting for a condition of the cluster, with a message that says what was awaited."""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from tests.lab import client as clients

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.25

Result = TypeVar("Result")


class NotInTimeError(AssertionError):
    """What was awaited did not come true in time."""


def wait(description: str, predicate: Callable[[], Result], *, timeout_seconds: float = 30.0) -> Result:
    """Call the predicate until it returns something true, and return that.

    An object that is not there (404), a server in trouble (5xx) or one that gives no answer count as "not yet"; every
    other error is raised.
    NotInTimeError names the description and what was last seen.
    """
    deadline_seconds = time.monotonic() + timeout_seconds
    pause_seconds = FIRST_PAUSE_SECONDS
    while True:
        seen: object
        try:
            result = predicate()
        except clients.UnreachableError as error:
            seen = error
        except clients.RefusedError as error:
            if error.code != HTTPStatus.NOT_FOUND and error.code < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            seen = error
        else:
            if result:
                return result
            seen = result
        if time.monotonic() > deadline_seconds:
            raise NotInTimeError(f"waited {timeout_seconds:g} s until {description}; last seen: {seen!r}")
        time.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)
