"""A cumulative histogram that takes many equal observations at once. Only that; how it is printed lives elsewhere."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from math import inf


class Histogram:
    """Counts per bucket with their sum, as Prometheus defines them: a value belongs to the first bound not below it."""

    __slots__ = ("_counts", "bounds", "count", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        """Start empty with the finite upper `bounds`, ascending; the bucket without a bound is added."""
        self.bounds = tuple(bounds)
        self._counts = [0] * (len(self.bounds) + 1)
        self.count = 0
        self.sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Add `value`, `times` times."""
        self._counts[bisect_left(self.bounds, value)] += times
        self.count += times
        self.sum += value * times

    def observe_ramp(self, first: float, slope: float, *, length: int, times: int) -> None:
        """Add the arithmetic series first, first + slope, … of `length` values, each `times` times."""
        last = first + slope * (length - 1)
        if bisect_left(self.bounds, first) == bisect_left(self.bounds, last):
            self.observe((first + last) / 2, times * length)
            return
        for index in range(length):
            self.observe(first + slope * index, times)

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """Yield (upper bound, observations at most that), ending with infinity."""
        total = 0
        for bound, count in zip((*self.bounds, inf), self._counts, strict=True):
            total += count
            yield bound, total
