"""When a component serves: probes of its socket or its health endpoint, and waiting for them.

Only the questions live here; which component is asked what is said in ``components`` and ``kwok``.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

from tests.lab.processes import Component, ProcessError

READY_TIMEOUT_SECONDS = 90.0
PROBE_PERIOD_SECONDS = 0.03
REQUEST_TIMEOUT_SECONDS = 2.0


def until(probe: Callable[[], bool]) -> Callable[[Component], None]:
    """Return a wait for the probe; it raises ProcessError when the component ends or takes longer than 90 s."""

    def wait_ready(component: Component) -> None:
        deadline_seconds = time.monotonic() + READY_TIMEOUT_SECONDS
        while not probe():
            if not component.is_running:
                raise ProcessError(f"wanted {component.name} to serve, found that it ended: {component.explain()}")
            if time.monotonic() > deadline_seconds:
                raise ProcessError(
                    f"{component.name} did not serve within {READY_TIMEOUT_SECONDS:g} s: {component.explain()}"
                )
            time.sleep(PROBE_PERIOD_SECONDS)

    return wait_ready


def https(address: tuple[str, int], path: str, *, authority: str, headers: Mapping[str, str]) -> Callable[[], bool]:
    """Return a probe that asks for the path; the authority's file is read at the first question."""

    def probe() -> bool:
        context = ssl.create_default_context(cafile=authority)
        host, port = address
        connection = http.client.HTTPSConnection(host, port, timeout=REQUEST_TIMEOUT_SECONDS, context=context)
        return _answers(connection, path, headers)

    return probe


def http_plain(address: tuple[str, int], path: str) -> Callable[[], bool]:
    """Return a probe that asks for the path without encryption."""
    host, port = address
    return lambda: _answers(http.client.HTTPConnection(host, port, timeout=REQUEST_TIMEOUT_SECONDS), path, {})


def unix(path: str) -> Callable[[], bool]:
    """Return a probe that connects to a unix socket."""

    def probe() -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(path)
            except OSError:
                return False
            return True

    return probe


def _answers(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]) -> bool:
    try:
        connection.request("GET", path, headers=dict(headers))
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
