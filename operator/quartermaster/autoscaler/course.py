"""The course of one replica: followed sample by sample until a steady stretch is enough for a point of operation.

A stretch is broken off where samples are missing, a counter fell, or a reading that is needed is not there. It is no
point where the batch was empty, or changed more than chance lets it: a mean of unlike times is a time of none. The
replica must have answered before the stretch, so that what is warmed up once does not count. A course is a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final

from quartermaster.autoscaler.operation import Growth, Operation, operation
from quartermaster.autoscaler.sample import Readings, Sample
from quartermaster.autoscaler.trail import has_restarted
from quartermaster.autoscaler.window import FRESH_INTERVALS, Window

SHORTEST_SECONDS: Final = 8.0
LONGEST_SECONDS: Final = 300.0
"""A stretch that has not shown enough by then never will at this load."""
ENOUGH_SAMPLES: Final = 6
ENOUGH_REQUESTS: Final = 20
ENOUGH_TOKENS: Final = 400
STEADY_FRACTION: Final = 0.35
"""Standard deviation of the batch, as a part of its mean, that is allowed beyond chance."""
_FULL_SAMPLES: Final = 4
_FULL_CACHE: Final = 0.9
"""From here on requests wait for the cache and not for a place in the batch."""


@dataclass(frozen=True, slots=True)
class Course:
    """A stretch so far."""

    first: Sample
    last: Sample
    samples: int = 1
    running_seconds: float = 0.0
    """The batch, summed over time; likewise below."""
    running_square_seconds: float = 0.0
    waiting_seconds: float = 0.0
    most_running: float = 0.0
    full_samples: int = 0
    """Samples in which requests waited although the cache had room, at the largest batch seen."""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.last.at_seconds - self.first.at_seconds

    def plus(self, sample: Sample) -> "Course":
        """Return the course with the next sample."""
        before, after = self.last.readings, sample.readings
        seconds = sample.at_seconds - self.last.at_seconds
        earlier, later = before.running or 0.0, after.running or 0.0
        most = max(self.most_running, later)
        is_full = bool(after.waiting) and (after.kv_used_fraction or 0.0) < _FULL_CACHE and later == most
        kept = self.full_samples if most == self.most_running else 0
        return Course(
            first=self.first,
            last=sample,
            samples=self.samples + 1,
            running_seconds=self.running_seconds + seconds * (earlier + later) / 2,
            running_square_seconds=self.running_square_seconds + seconds * (earlier**2 + later**2) / 2,
            waiting_seconds=self.waiting_seconds + seconds * ((before.waiting or 0.0) + (after.waiting or 0.0)) / 2,
            most_running=most,
            full_samples=kept + is_full,
        )

    @property
    def is_long_enough(self) -> bool:
        """Whether it has shown enough."""
        if self.seconds < SHORTEST_SECONDS or self.samples < ENOUGH_SAMPLES:
            return False
        grown = self._grown
        return grown.first_tokens >= ENOUGH_REQUESTS and grown.generation_tokens >= ENOUGH_TOKENS

    @property
    def is_steady(self) -> bool:
        """Whether the batch varied no more than chance lets it (as a Poisson number does), and a part of its mean."""
        mean = self.running_seconds / self.seconds
        variance = self.running_square_seconds / self.seconds - mean**2
        return mean > 0 and variance <= 1.0 + mean + (STEADY_FRACTION * mean) ** 2

    @property
    def operation(self) -> Operation | None:
        """The point of operation of the whole stretch; None where it is none."""
        if not self.is_steady:
            return None
        is_full = self.full_samples >= _FULL_SAMPLES
        return operation(
            self._grown,
            full_batch=int(self.most_running) if is_full else None,
            kv_capacity_tokens=self.last.readings.kv_capacity_tokens,
        )

    @property
    def _grown(self) -> Growth:
        before, after = self.first.readings, self.last.readings
        return Growth(
            seconds=self.seconds,
            first_tokens=_between(before.time_to_first_token_count, after.time_to_first_token_count),
            first_token_seconds=_between(before.time_to_first_token_seconds_sum, after.time_to_first_token_seconds_sum),
            prompt_tokens=_between(before.prompt_tokens_total, after.prompt_tokens_total),
            generation_tokens=_between(before.generation_tokens_total, after.generation_tokens_total),
            gaps=_between(before.inter_token_latency_count, after.inter_token_latency_count),
            gap_seconds=_between(before.inter_token_latency_seconds_sum, after.inter_token_latency_seconds_sum),
            running=self.running_seconds / self.seconds if self.seconds > 0 else 0.0,
            waiting=self.waiting_seconds / self.seconds if self.seconds > 0 else 0.0,
            samples=self.samples,
        )


def _between(earlier: float | None, later: float | None) -> float:
    return (later or 0.0) - (earlier or 0.0)


def _is_whole(readings: Readings) -> bool:
    """Whether everything is there that an operation is made of, and the replica has answered before."""
    needed = (
        readings.running,
        readings.waiting,
        readings.prompt_tokens_total,
        readings.generation_tokens_total,
        readings.time_to_first_token_count,
        readings.time_to_first_token_seconds_sum,
        readings.inter_token_latency_count,
        readings.inter_token_latency_seconds_sum,
    )
    return all(value is not None and isfinite(value) for value in needed) and bool(readings.time_to_first_token_count)


Courses = Mapping[str, Course]
"""By pod uid."""


def followed(courses: Courses, window: Window) -> tuple[dict[str, Course], list[tuple[Sample, Operation]]]:
    """Return the courses with the last samples of a window, and the points of operation that ended with them.

    Only replicas that serve are scraped, so one that serves no more has no next sample, and its course breaks off.

    Args:
        courses: what the last call returned.
        window: samples of one deployment.
    """
    found: dict[str, Course] = {}
    ended: list[tuple[Sample, Operation]] = []
    for uid, trail in window.trail_by_pod.items():
        course: Course | None = courses.get(uid)
        sample = trail.last
        if course is not None and course.last.at_seconds >= sample.at_seconds:
            found[uid] = course
            continue
        course = _next(course, sample, longest_gap_seconds=FRESH_INTERVALS * window.interval_seconds)
        if course is not None and course.is_long_enough:
            point = course.operation
            if point is not None:
                ended.append((sample, point))
            course = Course(sample, sample)
        if course is not None:
            found[uid] = course
    return found, ended


def _next(course: Course | None, sample: Sample, *, longest_gap_seconds: float) -> Course | None:
    """Return the course with a later sample, a new one where it is broken off, None where nothing can begin."""
    if not _is_whole(sample.readings):
        return None
    if course is None:
        return Course(sample, sample)
    is_broken = (
        sample.at_seconds - course.last.at_seconds > longest_gap_seconds
        or course.seconds > LONGEST_SECONDS
        or has_restarted(course.last.readings, sample.readings)
        or sample.place != course.last.place
    )
    return Course(sample, sample) if is_broken else course.plus(sample)
