"""Reading what an API server, or something before it, answers."""

import json

from quartermaster.cluster import errors


def test_a_kubernetes_status_gives_reason_and_message() -> None:
    """The reason is what decisions are made on, the message what people read."""
    body = json.dumps({"kind": "Status", "reason": "Conflict", "message": "the object has been modified"}).encode()
    error = errors.from_answer(409, body, request="apply /x", retry_after=None)
    assert error.is_conflict
    assert not error.is_already_exists
    assert str(error) == "apply /x: 409 Conflict: the object has been modified"


def test_a_proxys_page_still_gives_an_error() -> None:
    """A load balancer answers in HTML."""
    error = errors.from_answer(502, b"<html>Bad Gateway</html>", request="get /x", retry_after=None)
    assert (error.status, error.reason, error.message) == (502, "BadGateway", "<html>Bad Gateway</html>")
    assert error.is_temporary


def test_an_expired_version_is_gone_by_status_and_by_reason() -> None:
    """In the body of a watch there is no HTTP status to go by."""
    assert errors.from_status({"code": 410, "reason": "Expired"}).is_gone
    assert errors.from_status({"reason": "Expired"}).is_gone


def test_a_retry_after_is_read_from_header_and_body() -> None:
    """Priority and fairness set the header, admission sometimes only the body."""
    with_header = errors.from_answer(429, b"{}", request="", retry_after="7")
    body = json.dumps({"details": {"retryAfterSeconds": 3}}).encode()
    assert with_header.retry_after_seconds == 7
    assert errors.from_answer(429, body, request="", retry_after=None).retry_after_seconds == 3


def test_an_unreadable_status_code_is_told_as_it_is() -> None:
    """No answer is lost for want of a name."""
    assert errors.from_answer(599, b"", request="", retry_after=None).reason == "Unknown"
