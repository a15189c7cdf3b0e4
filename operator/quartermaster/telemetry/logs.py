"""Logs: one JSON object a line. Nothing of what is logged is decided here."""

import json
import logging
from datetime import UTC, datetime
from typing import Final, TextIO

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record carries; everything else was given as ``extra``."""


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: ts, level, logger, message, the extras, and the exception as text.

    It never fails: what JSON does not know is written as text, and an extra does not hide a field of the record.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        line: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        extras = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        line |= {f"{name}_" if name in line else name: value for name, value in extras.items()}
        try:
            return json.dumps(line, ensure_ascii=False, default=str)
        except (TypeError, ValueError, RecursionError):  # keys that are no text, or a value that holds itself
            return json.dumps({name: str(value) for name, value in line.items()}, ensure_ascii=False)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # the arguments do not fit the text: both are shown rather than nothing
        return f"{record.msg} {record.args!r}"


def configure(level: str, stream: TextIO) -> None:
    """Send every log of the process, warnings of Python included, to the stream in JSON.

    Raises:
        ValueError: when the level is not known.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.setLevel(level)
    root.handlers[:] = [handler]
    logging.captureWarnings(capture=True)
    # kopf says at INFO what every handler does; ours only wake the loop.
    logging.getLogger("kopf").setLevel(max(logging.WARNING, root.level))
