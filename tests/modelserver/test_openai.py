"""The OpenAI interface over a real socket: whole answers, streams, and errors as clients expect them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from tests.lab.modelserver import ModelServers, ReplicaPhysics

FAST = ReplicaPhysics(alpha_seconds=0.002, kv_capacity_tokens=4096)
MODEL = "org/a-model"


@pytest.fixture
async def url(servers: ModelServers, addresses: Iterator[str]) -> str:
    """Return the root of a fast double."""
    address = next(addresses)
    await servers.add(address, engine="vllm", model=MODEL, physics=FAST)
    return f"http://{address}"


async def stream(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of a stream, which must end properly."""
    async with session.post(url, json=body) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        text = await response.text()
    events = [block.removeprefix("data: ") for block in text.split("\n\n") if block]
    assert events.pop() == "[DONE]"
    return [json.loads(event) for event in events]


async def test_a_completion_comes_whole_with_its_usage(session: aiohttp.ClientSession, url: str) -> None:
    """Words of the prompt and tokens of the answer are counted; the limit is the reason for the end."""
    body = {"model": MODEL, "prompt": "one two three", "max_tokens": 7}
    async with session.post(f"{url}/v1/completions", json=body) as response:
        answer = await response.json()
    assert answer["object"] == "text_completion"
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 7, "total_tokens": 10}
    assert answer["choices"][0]["finish_reason"] == "length"
    assert len(answer["choices"][0]["text"].split()) == 7


async def test_a_chat_comes_whole_and_ends_by_itself(session: aiohttp.ClientSession, url: str) -> None:
    """Without a limit the model stops; text parts count like strings."""
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "what is it"}]},
    ]
    async with session.post(f"{url}/v1/chat/completions", json={"model": MODEL, "messages": messages}) as response:
        answer = await response.json()
    assert answer["object"] == "chat.completion"
    assert answer["usage"]["prompt_tokens"] == 5
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["choices"][0]["message"]["role"] == "assistant"


async def test_a_stream_carries_every_token_once_and_the_usage_if_asked(
    session: aiohttp.ClientSession, url: str
) -> None:
    """The pieces add up to the answer; the last event has the usage and no choice."""
    body = {"model": MODEL, "prompt": [1, 2, 3, 4], "max_tokens": 90, "stream": True}
    events = await stream(session, f"{url}/v1/completions", body | {"stream_options": {"include_usage": True}})
    *pieces, last = events
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 4, "completion_tokens": 90, "total_tokens": 94}
    assert len("".join(piece["choices"][0]["text"] for piece in pieces).split()) == 90
    assert len(pieces) > 2
    reasons = [piece["choices"][0]["finish_reason"] for piece in pieces]
    assert reasons == [None] * (len(pieces) - 1) + ["length"]
    without = await stream(session, f"{url}/v1/completions", body)
    assert all("usage" not in event for event in without)


async def test_a_chat_stream_begins_with_the_role(session: aiohttp.ClientSession, url: str) -> None:
    """The first delta names the assistant, the others carry text."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 20, "stream": True}
    first, *others = await stream(session, f"{url}/v1/chat/completions", body)
    assert first["object"] == "chat.completion.chunk"
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert len("".join(event["choices"][0]["delta"]["content"] for event in others).split()) == 20


@pytest.mark.parametrize(
    ("body", "status", "kind", "words"),
    [
        (b"{", 400, "BadRequestError", "must be JSON"),
        (b"[]", 400, "BadRequestError", "JSON object"),
        ({"model": "another", "prompt": "a"}, 404, "NotFoundError", "does not exist"),
        ({"model": MODEL}, 400, "BadRequestError", "prompt must be"),
        ({"model": MODEL, "prompt": "a", "max_tokens": 0}, 400, "BadRequestError", "at least 1"),
        ({"model": MODEL, "prompt": "a", "max_tokens": "7"}, 400, "BadRequestError", "found '7'"),
        ({"model": MODEL, "prompt": "a", "n": 2}, 400, "BadRequestError", "n must be 1"),
        ({"model": MODEL, "prompt": "a", "max_tokens": 5000}, 400, "BadRequestError", "4096 tokens"),
    ],
)
async def test_what_cannot_be_served_is_answered_with_an_error_document(
    session: aiohttp.ClientSession, url: str, body: bytes | dict[str, Any], status: int, kind: str, words: str
) -> None:
    """Status, type and message say what is wrong; nothing is queued."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with session.post(f"{url}/v1/completions", data=data) as response:
        assert response.status == status
        error = (await response.json())["error"]
    assert (error["type"], error["code"]) == (kind, status)
    assert words in error["message"]


async def test_only_vllm_refuses_a_model_of_another_name(
    session: aiohttp.ClientSession, servers: ModelServers, addresses: Iterator[str]
) -> None:
    """SGLang and TensorRT-LLM answer whatever name is asked for."""
    for engine, status in (("vllm", 404), ("sglang", 200), ("trtllm", 200)):
        address = next(addresses)
        await servers.add(address, engine=engine, model=MODEL, physics=FAST)
        body = {"model": "another", "prompt": "a", "max_tokens": 2}
        async with session.post(f"http://{address}/v1/completions", json=body) as response:
            assert response.status == status


async def test_models_health_and_unknown_paths_answer_as_engines_do(session: aiohttp.ClientSession, url: str) -> None:
    """`/v1/models` names the model and its context, `/health` is empty, other paths and methods are refused."""
    async with session.get(f"{url}/v1/models") as response:
        (card,) = (await response.json())["data"]
    assert (card["id"], card["object"], card["max_model_len"]) == (MODEL, "model", 4096)
    for path, status in (("/health", 200), ("/nowhere", 404), ("/v1/completions", 405)):
        async with session.get(url + path) as response:
            assert response.status == status
