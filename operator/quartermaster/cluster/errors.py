"""The errors of this room: what an API server answered, or that it did not.

Only the error types and how they are read from an answer; deciding what to do about one belongs to the caller.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

NO_ANSWER = 0


class CredentialsError(Exception):
    """Where the cluster is, or how to speak to it, could not be read."""


@dataclass(eq=False)  # not frozen: contextlib sets the traceback of an exception that passes through
class ApiError(Exception):
    """A request that did not succeed.

    `status` is the HTTP status, or 0 (`NO_ANSWER`) where no answer came. `reason` is the machine-readable reason of the
    Kubernetes Status (`NotFound`, `Conflict`, `Expired`, …), or `Unreachable` or `TimedOut` where no answer came.
    """

    status: int
    reason: str
    message: str
    request: str = ""
    retry_after_seconds: float | None = None

    def __str__(self) -> str:
        """One line: what was asked, and what came of it."""
        asked = f"{self.request}: " if self.request else ""
        return f"{asked}{self.status or 'no answer'} {self.reason}: {self.message}"

    @property
    def is_not_found(self) -> bool:
        """Whether the object, or its kind, does not exist."""
        return self.status == HTTPStatus.NOT_FOUND

    @property
    def is_conflict(self) -> bool:
        """Whether someone else was there first: an edit, a replacement, or an object of the same name."""
        return self.status == HTTPStatus.CONFLICT

    @property
    def is_already_exists(self) -> bool:
        """Whether an object of this name is already there."""
        return self.status == HTTPStatus.CONFLICT and self.reason == "AlreadyExists"

    @property
    def is_gone(self) -> bool:
        """Whether the resource version asked for is too old to be served, so that only a new list helps."""
        return self.status == HTTPStatus.GONE or self.reason in {"Expired", "Gone"}

    @property
    def is_unauthorized(self) -> bool:
        """Whether the credentials are not, or no longer, good."""
        return self.status == HTTPStatus.UNAUTHORIZED

    @property
    def is_invalid(self) -> bool:
        """Whether the API server refuses the content, so that asking again is of no use."""
        return self.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}

    @property
    def is_unreachable(self) -> bool:
        """Whether no answer came at all."""
        return self.status == NO_ANSWER

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may well succeed later."""
        return (
            self.is_unreachable
            or self.status == HTTPStatus.TOO_MANY_REQUESTS
            or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        )


def from_status(document: Mapping[str, Any], *, status: int = NO_ANSWER, request: str = "") -> ApiError:
    """The error that a Kubernetes `Status` document describes; `status` counts where the document has no code."""
    code = int(document.get("code") or status)
    details = document.get("details") or {}
    retry_after = details.get("retryAfterSeconds")
    return ApiError(
        status=code,
        reason=str(document.get("reason") or _phrase(code)),
        message=str(document.get("message") or "no message"),
        request=request,
        retry_after_seconds=float(retry_after) if retry_after else None,
    )


def from_answer(status: int, body: bytes, *, request: str, retry_after: str | None) -> ApiError:
    """The error in an HTTP answer, whether its body is a Kubernetes `Status` or a proxy's page."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        document = {"message": body[:500].decode("utf-8", "replace").strip()}
    found = from_status({**document, "code": status}, request=request)
    # An HTTP date is also allowed here, but no API server sends one: then our own backoff decides.
    if retry_after is not None and retry_after.isdigit():
        return ApiError(found.status, found.reason, found.message, request, float(retry_after))
    return found


def _phrase(status: int) -> str:
    """A CamelCase reason for a status whose answer gives none."""
    try:
        return HTTPStatus(status).phrase.replace(" ", "")
    except ValueError:
        return "Unknown"
