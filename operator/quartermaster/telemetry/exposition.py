"""Reading Prometheus' text format: only the series that are wanted, strictly, and within limits.

``prometheus_client.parser`` builds a family with metadata and sample objects for every line; an engine's page has some
six hundred of them, of which about twenty matter. ``tests/benchmarks/scrape.py`` measures the ratio.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

MOST_LINES: Final = 20_000
MOST_SERIES: Final = 500
"""Wanted series of one page; an engine has one set for each of its data-parallel ranks."""
MOST_LABELS: Final = 32

_LINE: Final = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?[ \t]*(?:#.*)?$")
_LABEL: Final = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')


class GarbageError(ValueError):
    """A page that is not the text format, or is beyond its limits."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a page."""

    name: str
    labels: dict[str, str]
    value: float


def parse(page: str, wanted: Collection[str]) -> list[Series]:
    """Return the wanted series of a page, in its order.

    Raises:
        GarbageError: when a line is not of the format, or there are too many.
    """
    lines = page.splitlines()
    if len(lines) > MOST_LINES:
        raise GarbageError(f"wanted at most {MOST_LINES} lines, found {len(lines)}: is this an engine's metrics page?")
    found: list[Series] = []
    for number, line in enumerate(lines, start=1):
        if not line or line[0] == "#" or line.isspace():
            continue
        match = _LINE.match(line)
        if match is None:
            raise GarbageError(f"line {number}: wanted name{{labels}} value, found {line[:60]!r}")
        name, labels, value = match.groups()
        if name not in wanted:
            continue
        if len(found) == MOST_SERIES:
            raise GarbageError(f"wanted at most {MOST_SERIES} series of interest, found more")
        try:
            number_read = float(value)
        except ValueError:
            raise GarbageError(f"line {number}: wanted a number, found {value[:30]!r}") from None
        found.append(Series(name, _labels(labels or "", number), number_read))
    return found


def _labels(text: str, number: int) -> dict[str, str]:
    labels: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _LABEL.match(text, at)
        if match is None or len(labels) == MOST_LABELS:
            raise GarbageError(f"line {number}: wanted at most {MOST_LABELS} labels, found {text[at : at + 60]!r}")
        labels[match[1]] = match[2]
        at = match.end()
    return labels
