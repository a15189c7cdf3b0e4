"""Requests to be sent: when, how long. Traces and synthetic ones; pure but for reading a file."""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

_TRACE_COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request: when it is sent (seconds from the start of the load) and its lengths."""

    at_seconds: float
    prompt_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of constant load."""

    requests_per_second: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Lengths:
    """Token lengths: log-normal around their means with this coefficient of variation; 0 makes all equal."""

    mean_prompt_tokens: float = 512
    mean_output_tokens: float = 128
    variation: float = 0.0
    longest_tokens: int = 32_768

    def draw(self, source: random.Random) -> tuple[int, int]:
        """Return one prompt and one output length."""
        return self._one(self.mean_prompt_tokens, source), self._one(self.mean_output_tokens, source)

    def _one(self, mean: float, source: random.Random) -> int:
        if self.variation == 0:
            return max(round(mean), 1)
        sigma = math.sqrt(math.log(1 + self.variation**2))
        drawn = source.lognormvariate(math.log(mean) - sigma**2 / 2, sigma)
        return min(max(round(drawn), 1), self.longest_tokens)


def read_trace(path: Path, *, limit: int | None = None) -> list[Arrival]:
    """Return the arrivals of a CSV with TIMESTAMP, ContextTokens, GeneratedTokens, from time 0 in order of time.

    Raises:
        ValueError: a column is missing.
    """
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        if missing := [column for column in _TRACE_COLUMNS if column not in (reader.fieldnames or ())]:
            raise ValueError(f"{path} must have the columns {_TRACE_COLUMNS}, found no {missing}: choose another file")
        rows = [
            (datetime.fromisoformat(row["TIMESTAMP"]), int(row["ContextTokens"]), int(row["GeneratedTokens"]))
            for row in islice(reader, limit)
        ]
    rows.sort(key=lambda row: row[0])
    return [Arrival((at - rows[0][0]).total_seconds(), max(prompt, 1), max(output, 1)) for at, prompt, output in rows]


def rescale(
    arrivals: Sequence[Arrival], *, speed: float = 1.0, rate_factor: float = 1.0, seed: int = 0
) -> list[Arrival]:
    """Return the arrivals `speed` times as fast, and `rate_factor` times as many.

    The number is changed by leaving out or repeating at random; repeats come within the gap to the next arrival, so
    bursts stay bursts. Both factors multiply the request rate; only `speed` shortens the load.
    """
    if speed <= 0 or rate_factor <= 0:
        raise ValueError(f"speed and rate_factor must be above 0, found {speed} and {rate_factor}")
    source = random.Random(seed)
    scaled = []
    for index, arrival in enumerate(arrivals):
        gap = arrivals[index + 1].at_seconds - arrival.at_seconds if index + 1 < len(arrivals) else 0.0
        whole, part = divmod(rate_factor, 1)
        for copy in range(int(whole) + (source.random() < part)):
            shift = source.random() * gap if copy else 0.0
            at = (arrival.at_seconds + shift) / speed
            scaled.append(Arrival(at, arrival.prompt_tokens, arrival.output_tokens))
    scaled.sort(key=lambda arrival: arrival.at_seconds)
    return scaled


def synthetic(phases: Iterable[Phase], lengths: Lengths, *, variation: float = 1.0, seed: int = 0) -> Iterator[Arrival]:
    """Yield arrivals of one phase after the other, equal for equal seeds.

    Gaps are gamma distributed with the coefficient of variation `variation`: 1 is Poisson, more is burstier, 0 is even.
    """
    source = random.Random(seed)
    start = 0.0
    for phase in phases:
        end, at = start + phase.seconds, start
        while phase.requests_per_second > 0:
            mean_gap = 1 / phase.requests_per_second
            at += source.gammavariate(1 / variation**2, mean_gap * variation**2) if variation else mean_gap
            if at >= end:
                break
            yield Arrival(at, *lengths.draw(source))
        start = end
