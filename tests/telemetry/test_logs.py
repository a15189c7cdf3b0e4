"""Logs: one JSON object a line, whatever is logged."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from quartermaster.telemetry.logs import JsonFormatter, configure


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Yield what the process logs, and put the logging of the test run back afterwards."""
    root, kopf = logging.getLogger(), logging.getLogger("kopf")
    before = (root.handlers[:], root.level, kopf.level)
    written = io.StringIO()
    configure("INFO", written)
    yield written
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level, kopf.level = before


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return the objects, one for each line."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_line_with_its_fields_and_extras(stream: io.StringIO) -> None:
    """Arguments are filled in, line breaks do not break the line."""
    logging.getLogger("room.part").info("placed %d\nreplicas", 3, extra={"pool": "eu", "gap_fraction": 0.01})
    (line,) = lines(stream)
    assert line.pop("ts").startswith("2")
    assert line == {
        "level": "info",
        "logger": "room.part",
        "message": "placed 3\nreplicas",
        "pool": "eu",
        "gap_fraction": 0.01,
    }


def test_an_exception_is_text_in_its_own_field(stream: io.StringIO) -> None:
    """With its traceback, on the same line."""
    try:
        int("lost")
    except ValueError:
        logging.getLogger("room").exception("failed")
    (line,) = lines(stream)
    assert line["level"] == "error"
    assert "Traceback" in line["exception"]
    assert "ValueError: invalid literal" in line["exception"]


def test_nothing_that_is_logged_breaks_the_log(stream: io.StringIO) -> None:
    """Objects that JSON does not know, keys that are no text, values that hold themselves."""
    circle: list[object] = []
    circle.append(circle)
    logger = logging.getLogger("room")
    logger.info("object", extra={"what": object()})
    logger.info("keys", extra={"what": {("a", "b"): 1}})
    logger.info("circle", extra={"what": circle})
    assert [line["message"] for line in lines(stream)] == ["object", "keys", "circle"]


def test_arguments_that_do_not_fit_are_shown_with_their_text() -> None:
    """A mistake in a log line costs its form, not the line."""
    record = logging.makeLogRecord({"msg": "wanted %d", "args": ("text",)})
    assert json.loads(JsonFormatter().format(record))["message"] == "wanted %d ('text',)"


def test_an_extra_does_not_hide_a_field_of_the_record(stream: io.StringIO) -> None:
    """It is shown beside it."""
    logging.getLogger("room").info("placed", extra={"level": "three", "logger": "mine"})
    (line,) = lines(stream)
    assert (line["level"], line["logger"], line["level_"], line["logger_"]) == ("info", "room", "three", "mine")


def test_records_below_the_level_are_not_written_and_warnings_of_python_are(stream: io.StringIO) -> None:
    """A warning on standard error would be a line that is no JSON."""
    logging.getLogger("room").debug("hidden")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old ways", UserWarning, stacklevel=1)
    (line,) = lines(stream)
    assert line["logger"] == "py.warnings"
    assert "old ways" in line["message"]


def test_an_unknown_level_is_refused(stream: io.StringIO) -> None:
    """Before anything is changed."""
    with pytest.raises(ValueError, match="LOUD"):
        configure("LOUD", stream)
