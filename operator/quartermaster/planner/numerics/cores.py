"""Work divided among cores: compiled loops, which let others run beside them. No word of plans here."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

Found = TypeVar("Found")

PARTS = 8
"""Parts that work is divided into, however many cores there are: results must not depend on these."""
MOST = 4
"""Cores that are used at most: a container sees those of its node, and may have a small part of them."""


def count() -> int:
    """Return how many cores to use."""
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(seen, MOST)


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
    return ThreadPoolExecutor(count(), thread_name_prefix="planner")
