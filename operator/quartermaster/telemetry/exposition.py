"""Reading Prometheus' text format: the wanted series of one page, strictly, and within limits. No names of metrics.

Every line must be a sample, a comment or empty, wanted or not: one that is none of these refuses the whole page, since
what cannot be read in part should not be trusted in part.

Why a scanner of our own beside ``prometheus_client.parser``, which builds a family with metadata and sample objects for
every line: on vLLM's page of 389 lines (30 kB) the parser takes 4.0 to 6.9 ms and this 0.44 to 0.50 ms, a ninth or less
(one shared core, 2026-11-21). At 150 replicas every 2 s that is a third of a core or more against a thirtieth.
``tests/benchmarks/scrape.py`` measures it anew; ``tests/telemetry/test_exposition.py`` holds the two side by side.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

MOST_SERIES: Final = 20_000
"""Samples on one page, wanted or not. An engine shows some 350."""
MOST_WANTED_SERIES: Final = 500
"""Wanted samples of one page; an engine has one set for each of its data-parallel ranks."""
MOST_LABELS: Final = 32
"""Labels of one wanted series."""

_LINE: Final = re.compile(
    r"([a-zA-Z_:][a-zA-Z0-9_:]*)"
    r'(?:\{[ \t]*((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*"(?:,[ \t]*)?)*)\})?'
    r"[ \t]+([+-]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|Inf|inf|NaN|nan))"
    r"(?:[ \t]+-?[0-9]+)?[ \t\r]*"
)
_LABEL: Final = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(r"\\(.)")
_SHOWN_CHARACTERS: Final = 60


class GarbageError(ValueError):
    """A page that is not the text format."""


class TooManySeriesError(ValueError):
    """A page with more series, or a series with more labels, than are read."""


@dataclass(frozen=True, slots=True)
class Series:
    """One sample: labels and value."""

    labels: Mapping[str, str] = field(hash=False)
    value: float


SeriesByName = Mapping[str, tuple[Series, ...]]


def parse(page: bytes, wanted: Collection[str]) -> SeriesByName:
    """Return the wanted series by metric name, in the order of the page; names that it lacks are absent.

    Raises:
        GarbageError: a line is not of the format, or the page is not UTF-8.
        TooManySeriesError: there are too many series or labels.
    """
    found: dict[str, list[Series]] = {}
    count = kept = 0
    for number, line in enumerate(_text(page).split("\n"), start=1):
        if not line or line[0] == "#":
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            if line.isspace():
                continue
            raise GarbageError(f"line {number}: wanted name{{labels}} value, found {line[:_SHOWN_CHARACTERS]!r}")
        count += 1
        kept += match[1] in wanted
        if count > MOST_SERIES or kept > MOST_WANTED_SERIES:
            raise TooManySeriesError(
                f"wanted at most {MOST_SERIES} series, of which {MOST_WANTED_SERIES} of the load, found more:"
                " is this an engine's metrics page?"
            )
        if match[1] in wanted:
            found.setdefault(match[1], []).append(Series(_labels(match[2] or "", number), float(match[3])))
    return {name: tuple(series) for name, series in found.items()}


def _text(page: bytes) -> str:
    try:
        return page.decode()
    except UnicodeDecodeError as error:
        raise GarbageError(f"wanted UTF-8 text, found byte {page[error.start]:#04x} at {error.start}") from None


def _labels(text: str, number: int) -> dict[str, str]:
    pairs = _LABEL.findall(text)
    if len(pairs) > MOST_LABELS:
        raise TooManySeriesError(f"line {number}: wanted at most {MOST_LABELS} labels, found {len(pairs)}")
    return {name: _ESCAPED.sub(_unescape, value) if "\\" in value else value for name, value in pairs}


def _unescape(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]
