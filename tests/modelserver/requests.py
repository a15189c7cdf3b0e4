"""Requests of the tests, sent as plain clients do."""

from __future__ import annotations

from typing import Any

import aiohttp

MODEL = "m"


def completion(prompt: int, output: int, *, streams: bool = False) -> dict[str, Any]:
    """Return the body of a completion of those lengths in tokens."""
    return {
        "model": MODEL,
        "prompt": [1] * prompt,
        "max_tokens": output,
        "stream": streams,
        "stream_options": {"include_usage": True} if streams else None,
    }


async def complete(session: aiohttp.ClientSession, address: str, *, prompt: int = 50, output: int = 10) -> int:
    """Send a completion to a double, read it whole, and return the tokens that came back."""
    async with session.post(f"http://{address}/v1/completions", json=completion(prompt, output)) as response:
        assert response.status == 200
        tokens: int = (await response.json())["usage"]["completion_tokens"]
        return tokens


async def status_of(session: aiohttp.ClientSession, address: str, path: str) -> int:
    """Return the status of a GET."""
    async with session.get(f"http://{address}{path}", allow_redirects=False) as response:
        return response.status
