"""Writing the Prometheus text format 0.0.4 the way the Python client of the engines does. No names of metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf

from tests.lab.modelserver.histogram import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]


class Exposition:
    """Text under construction; every family gets the same constant labels first."""

    def __init__(self, labels: Labels, *, created_at_unix_seconds: float | None) -> None:
        """Start empty. With a creation time, counters and histograms are followed by their `_created` gauges.

        Engines in Prometheus' multiprocess mode (SGLang, TensorRT-LLM) have none: pass None.
        """
        self._labels = labels
        self._created_at = created_at_unix_seconds
        self._lines: list[str] = []

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Add a gauge with one series."""
        self.gauges(name, [(labels, value)])

    def gauges(self, name: str, series: Iterable[tuple[Labels, float]]) -> None:
        """Add a gauge with several series."""
        self._head(name, "gauge")
        self._lines += [f"{name}{self._braces(labels)} {_number(value)}" for labels, value in series]

    def bare_gauge(self, name: str, labels: Labels, value: float) -> None:
        """Add a gauge that lacks the constant labels."""
        self._head(name, "gauge")
        self._lines.append(f"{name}{_braces(labels)} {_number(value)}")

    def counter(self, name: str, value: float, **labels: str) -> None:
        """Add a counter with one series; `name` ends in `_total`."""
        self.counters(name, [(labels, value)])

    def counters(self, name: str, series: Iterable[tuple[Labels, float]]) -> None:
        """Add a counter with several series; `name` ends in `_total`."""
        if not name.endswith("_total"):
            raise ValueError(f"a counter is exposed with _total, found {name}: add the suffix")
        self._head(name, "counter")
        braces = [(self._braces(labels), value) for labels, value in series]
        self._lines += [f"{name}{labels} {_number(value)}" for labels, value in braces]
        self._created(name.removesuffix("_total"), [labels for labels, _ in braces])

    def histogram(self, name: str, histogram: Histogram) -> None:
        """Add a histogram with its buckets, count and sum."""
        self._head(name, "histogram")
        braces = self._braces({})
        self._lines += [
            f"{name}_bucket{self._braces({'le': '+Inf' if bound == inf else _number(bound)})} {_number(count)}"
            for bound, count in histogram.cumulative()
        ]
        self._lines.append(f"{name}_count{braces} {_number(histogram.count)}")
        self._lines.append(f"{name}_sum{braces} {_number(histogram.sum)}")
        self._created(name, [braces])

    def text(self) -> str:
        """Return what was written, with the final line break that the format wants."""
        return "\n".join(self._lines) + "\n"

    def _created(self, stem: str, braces: Iterable[str]) -> None:
        if self._created_at is not None:
            self._head(f"{stem}_created", "gauge")
            self._lines += [f"{stem}_created{labels} {_number(self._created_at)}" for labels in braces]

    def _head(self, name: str, kind: str) -> None:
        self._lines.append(f"# HELP {name} {name.replace('_', ' ').replace(':', ' ')}.")
        self._lines.append(f"# TYPE {name} {kind}")

    def _braces(self, labels: Labels) -> str:
        return _braces({**self._labels, **labels})


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = (f'{key}="{_escaped(value)}"' for key, value in sorted(labels.items()))
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return repr(float(value))
