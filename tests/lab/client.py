"""A small synchronous Kubernetes client for tests: JSON over HTTPS with kept connections.

Only requests and their errors live here; which path a kind has is said in ``objects``. It is not the product's client,
so that a fault of the product's client cannot hide itself.
"""

import functools
import http.client
import json
import ssl
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

APPLY = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
TIMEOUT_SECONDS = 30.0


class RefusedError(RuntimeError):
    """The API server answered with an error status."""

    def __init__(self, code: int, reason: str, message: str, status: Mapping[str, Any]) -> None:
        """Keep HTTP code, ``reason`` and ``message`` of the Status object, and the object itself."""
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.status = status


class UnreachableError(RuntimeError):
    """No answer came: the server is down, frozen, or broke the connection."""


class Client:
    """Requests to one API server as one identity. May be shared by threads."""

    def __init__(self, url: str, *, authority: Path | None = None, headers: Mapping[str, str]) -> None:
        """Take ``https://host:port``, and the headers that say who asks; nothing is read or sent yet.

        ``http://`` is for a local proxy that adds the authentication itself.
        """
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 443)
        self._is_encrypted = parts.scheme == "https"
        self._authority = authority
        self._headers = dict(headers)
        self._idle_connections: deque[http.client.HTTPConnection] = deque()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the decoded JSON answer, or its text where it is not JSON.

        Raises RefusedError for a status of 400 and above, UnreachableError when no answer came.
        """
        target = path + ("?" + urlencode(query) if query else "")
        payload = None if body is None else json.dumps(body).encode()
        all_headers = {
            "Accept": "application/json",
            "Content-Type": content_type,
            "User-Agent": "quartermaster-lab",
            **self._headers,
            **(headers or {}),
        }
        while True:
            try:
                connection = self._idle_connections.pop()
            except IndexError:
                return self._exchange(self._connect(), method, target, payload, all_headers)
            try:
                return self._exchange(connection, method, target, payload, all_headers)
            except UnreachableError as error:
                if not isinstance(error.__cause__, (ConnectionError, ssl.SSLEOFError)):
                    raise
                # The kept connection had gone stale, perhaps with its server: try the next, at last a new one.

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        payload: bytes | None,
        headers: Mapping[str, str],
    ) -> Any:
        try:
            connection.request(method, target, body=payload, headers=dict(headers))
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise UnreachableError(f"{method} {target} at {self._address} got no answer: {error!r}") from error
        self._idle_connections.append(connection)
        is_json = (response.getheader("Content-Type") or "").startswith("application/json")
        answer = json.loads(content) if is_json else content.decode(errors="replace")
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            status = answer if isinstance(answer, dict) else {"message": answer}
            raise RefusedError(response.status, status.get("reason", ""), status.get("message", ""), status)
        return answer

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._authority)

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._address
        if not self._is_encrypted:
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=self._tls)

    def close(self) -> None:
        """Close the idle connections; a later request opens another."""
        while self._idle_connections:
            self._idle_connections.pop().close()
