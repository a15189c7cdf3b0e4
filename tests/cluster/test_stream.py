"""Splitting a stream into events."""

import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartermaster.cluster import stream
from quartermaster.cluster.errors import ApiError


async def _chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line)), st.integers(1, 7))
async def test_lines_do_not_depend_on_how_the_bytes_arrive(whole: list[bytes], size: int) -> None:
    """A network cuts where it likes."""
    data = b"".join(line + b"\n" for line in whole)
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    assert [line async for line in stream.lines(_chunks(*parts))] == whole


async def test_an_unfinished_last_line_is_dropped() -> None:
    """A connection closed in the middle of an event gave no event."""
    assert [line async for line in stream.lines(_chunks(b"one\ntw"))] == [b"one"]


async def test_a_bookmark_without_a_name_is_an_event() -> None:
    """The first object of a watch may be one."""
    line = b'{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"7","name":""}}}\n'
    (event,) = [event async for event in stream.events(_chunks(line))]
    assert (event.type, event.resource_version, event.ends_initial_events) == ("BOOKMARK", "7", False)


async def test_the_bookmark_that_ends_a_streamed_list_is_known_by_its_annotation() -> None:
    """The other bookmarks lack it."""
    metadata = {"resourceVersion": "7", "annotations": {"k8s.io/initial-events-end": "true"}}
    line = json.dumps({"type": "BOOKMARK", "object": {"metadata": metadata}}).encode() + b"\n"
    (event,) = [event async for event in stream.events(_chunks(line))]
    assert event.ends_initial_events


async def test_an_error_event_is_raised() -> None:
    """A watch whose version is too old ends like this, with HTTP status 200."""
    line = b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}\n'
    with pytest.raises(ApiError) as caught:
        _ = [event async for event in stream.events(_chunks(line))]
    assert caught.value.is_gone


@pytest.mark.parametrize(
    "line", [b"<html>", b"[]", b'"text"', b'{"type":"ADDED"}', b'{"type":"ADDED","object":7}', b"\xff"]
)
async def test_what_is_no_event_is_named_as_such(line: bytes) -> None:
    """Something in between may write into the stream."""
    with pytest.raises(ApiError, match="wanted a"):
        _ = [event async for event in stream.events(_chunks(line + b"\n"))]
