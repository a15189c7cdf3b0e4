"""Sending one request and reading its stream. The only file of the load that speaks HTTP."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import aiohttp

_USAGE = b'"usage":{'
_HEADERS = {"Content-Type": "application/json"}


class BadAnswerError(RuntimeError):
    """The answer was not what was asked for; the text is the kind of error."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: seconds since the request was sent, and the tokens that the server says it counted."""

    first_token_seconds: float
    last_token_seconds: float
    prompt_tokens: int
    output_tokens: int


def body_of(*, model: str, prompt_tokens: int, output_tokens: int, is_chat: bool) -> bytes:
    """Return the JSON of a streaming request with prompts of one-word tokens and an answer of exactly that length."""
    text = "a " * prompt_tokens
    document: dict[str, object] = {
        "model": model,
        "max_tokens": output_tokens,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    document |= {"messages": [{"role": "user", "content": text}]} if is_chat else {"prompt": text}
    return json.dumps(document).encode()


async def send(session: aiohttp.ClientSession, url: str, body: bytes) -> Answer:
    """Send one streaming request and read its answer to the end.

    Raises:
        BadAnswerError: an HTTP status other than 200, or a stream without its end.
        aiohttp.ClientError, TimeoutError: the connection failed or took too long.
    """
    loop = asyncio.get_running_loop()
    sent_at = loop.time()
    async with session.post(url, data=body, headers=_HEADERS, allow_redirects=False) as response:
        if response.status != 200:
            await response.read()
            raise BadAnswerError(str(response.status))
        first_at = last_at = 0.0
        pieces = []
        async for piece in response.content.iter_any():
            last_at = loop.time()
            first_at = first_at or last_at
            pieces.append(piece)
    stream = b"".join(pieces)
    start = stream.rfind(_USAGE)
    if start < 0 or not stream.endswith(b"data: [DONE]\n\n"):
        raise BadAnswerError("truncated")
    line_start = stream.rfind(b"\ndata: ", 0, start) + len(b"\ndata: ")
    usage = json.loads(stream[line_start : stream.index(b"\n", start)])["usage"]
    return Answer(
        first_token_seconds=first_at - sent_at,
        last_token_seconds=last_at - sent_at,
        prompt_tokens=usage["prompt_tokens"],
        output_tokens=usage["completion_tokens"],
    )
