"""Work divided among the cores there are: compiled loops, that let others run beside them. No word of plans here."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

Found = TypeVar("Found")

PARTS = 8
"""Parts that work is divided into, however many cores there are: results must not depend on these."""


def count() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def divided(work: Callable[[int], None], *, is_alone: bool) -> None:
    """Do the work of each part; on one core where the work is small, and handing it out would take longer."""
    if is_alone or count() == 1:
        for part in range(PARTS):
            work(part)
    else:
        list(_workers().map(work, range(PARTS)))


def beside(*works: Callable[[], Found]) -> list[Found]:
    """Return what each work finds, done side by side where there are cores for it."""
    if count() == 1:
        return [work() for work in works]
    return [future.result() for future in [_workers().submit(work) for work in works]]


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(count(), PARTS), thread_name_prefix="planner")
