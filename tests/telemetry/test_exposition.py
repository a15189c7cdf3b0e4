"""Reading the text format: the same as Prometheus' own parser where a page is well formed, and a refusal where not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from quartermaster.telemetry import exposition
from quartermaster.telemetry.exposition import GarbageError, TooManySeriesError, parse
from tests.lab.modelserver.engine import Engine
from tests.telemetry.pages import page_of, reading_of


@pytest.mark.parametrize("engine", list(Engine))
def test_every_engines_page_reads_as_the_official_parser_reads_it(engine: Engine) -> None:
    """Names, labels and values of every sample, in order."""
    page = page_of(engine, reading_of(engine))
    official: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(page.decode()):
        for one in family.samples:
            official.setdefault(one.name, []).append((one.labels, one.value))
    ours = {name: [(dict(one.labels), one.value) for one in found] for name, found in parse(page, official).items()}
    assert ours == official


@given(
    value=st.floats(),
    labels=st.tuples(st.text(max_size=20), st.text(max_size=20)),
)
def test_whatever_the_official_client_writes_is_read_back(value: float, labels: tuple[str, str]) -> None:
    """Any value, and any text in labels: quotes, backslashes, line breaks, braces."""
    registry = CollectorRegistry()
    Gauge("held", "Help.", ("one", "other"), registry=registry).labels(*labels).set(value)
    found = parse(generate_latest(registry), {"held"})["held"]
    assert [dict(series.labels) for series in found] == [{"one": labels[0], "other": labels[1]}]
    assert found[0].value == value or (math.isnan(found[0].value) and math.isnan(value))


def test_only_wanted_series_are_kept() -> None:
    """And a name that is absent is absent, not zero."""
    assert set(parse(b"a 1\nb 2\n", {"b", "c"})) == {"b"}


def test_spaces_time_stamps_and_carriage_returns_are_part_of_the_format() -> None:
    """As other clients than Python's write them."""
    found = parse(b'a{x="1", y="2",} 3 1700000000000\r\n\n  \na  4\n', {"a"})["a"]
    assert [series.value for series in found] == [3.0, 4.0]
    assert dict(found[0].labels) == {"x": "1", "y": "2"}


@pytest.mark.parametrize(
    "line",
    [
        b"<html>",
        b"a",
        b"a one",
        b"a 1_000",
        b"a{x=1} 2",
        b'a{x="1" 2',
        b'a{x="1"}',
        b"a 1 2 3",
        b"1a 2",
        b"\xff 1",
        b"a 0x10",
        b'a 1 # {trace="x"} 1',
    ],
)
def test_one_bad_line_refuses_the_page_also_where_nobody_wanted_it(line: bytes) -> None:
    """What cannot be read in part is not trusted in part."""
    with pytest.raises(GarbageError):
        parse(b"wanted 1\n" + line + b"\n", {"wanted"})


def test_a_page_of_too_many_series_is_not_read_to_its_end() -> None:
    """Wanted or not."""
    with pytest.raises(TooManySeriesError):
        parse(b"a 1\n" * (exposition.MOST_SERIES + 1), {"b"})
    with pytest.raises(TooManySeriesError):
        parse(b"a 1\n" * (exposition.MOST_WANTED_SERIES + 1), {"a"})


def test_a_series_of_too_many_labels_is_refused() -> None:
    """Labels are bounded as well."""
    labels = ",".join(f'l{index}="x"' for index in range(exposition.MOST_LABELS + 1))
    with pytest.raises(TooManySeriesError):
        parse(f"a{{{labels}}} 1\n".encode(), {"a"})


@given(page=st.binary(max_size=400))
def test_no_page_does_more_harm_than_to_be_refused(page: bytes) -> None:
    """Any bytes: series or one of the two errors."""
    try:
        found = parse(page, {"a"})
    except (GarbageError, TooManySeriesError):
        return
    assert set(found) <= {"a"}
