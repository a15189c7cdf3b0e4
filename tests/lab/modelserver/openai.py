"""The documents of the OpenAI interface: requests read, answers written. Pure; no sockets, no waiting.

One token is one word of a string, or one element of a list of token numbers; a generated token is the text " a".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

DEFAULT_OUTPUT_TOKENS = 128
"""Length of an answer that the client does not limit; the engine then stops by itself."""

_WORD = " a"


class BadRequestError(Exception):
    """The request cannot be served; carries the status and what OpenAI calls the type of the error."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        """Carry `status` (HTTP), `kind` (for example BadRequestError) and a message for the client."""
        super().__init__(message)
        self.status = status
        self.kind = kind


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """What matters of a request."""

    is_chat: bool
    prompt_tokens: int
    output_tokens: int
    finish_reason: str
    streams: bool
    includes_usage: bool


def error_body(status: int, kind: str, message: str) -> bytes:
    """Return the JSON of an error."""
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": status}}).encode()


def models_body(model: str, *, owner: str, created: int, max_model_len: int) -> bytes:
    """Return the JSON of `/v1/models`."""
    card = {
        "id": model,
        "object": "model",
        "created": created,
        "owned_by": owner,
        "root": model,
        "parent": None,
        "max_model_len": max_model_len,
    }
    return json.dumps({"object": "list", "data": [card]}).encode()


def parse(body: bytes, *, is_chat: bool, model: str | None) -> CompletionRequest:
    """Read a request for the model `model`, or for any when None.

    Raises:
        BadRequestError: with the status that the engines give.
    """
    try:
        document = json.loads(body)
    except ValueError as error:
        raise _bad(f"the body must be JSON, found: {error}") from error
    if not isinstance(document, dict):
        raise _bad(f"the body must be a JSON object, found {type(document).__name__}")
    asked = document.get("model", model)
    if model is not None and asked != model:
        raise BadRequestError(404, "NotFoundError", f"The model `{asked}` does not exist; `{model}` is served here.")
    if document.get("n", 1) != 1:
        raise _bad("n must be 1: this server gives one answer per request")
    limit = document.get("max_completion_tokens", document.get("max_tokens"))
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise _bad(f"max_tokens must be an integer of at least 1, found {limit!r}")
    options = document.get("stream_options") or {}
    return CompletionRequest(
        is_chat=is_chat,
        prompt_tokens=_chat_tokens(document) if is_chat else _prompt_tokens(document),
        output_tokens=limit or DEFAULT_OUTPUT_TOKENS,
        finish_reason="length" if limit else "stop",
        streams=bool(document.get("stream", False)),
        includes_usage=bool(isinstance(options, dict) and options.get("include_usage", False)),
    )


def _bad(message: str) -> BadRequestError:
    return BadRequestError(400, "BadRequestError", message)


def _prompt_tokens(document: dict[str, Any]) -> int:
    prompt = document.get("prompt")
    if isinstance(prompt, str):
        return max(len(prompt.split()), 1)
    if isinstance(prompt, list) and prompt and all(isinstance(item, int) for item in prompt):
        return len(prompt)
    raise _bad("prompt must be a string or a non-empty list of token numbers")


def _chat_tokens(document: dict[str, Any]) -> int:
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _bad("messages must be a non-empty list")
    total = 0
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        for part in parts:
            text = part.get("text") if isinstance(part, dict) else None
            if not isinstance(text, str):
                raise _bad("every message must have content: a string or a list of text parts")
            total += len(text.split())
    return max(total, 1)


class Answer:
    """The answer to one request, whole or in pieces of server-sent events."""

    def __init__(self, request: CompletionRequest, *, id_number: int, model: str, created: int) -> None:
        """Prepare the parts that all pieces share."""
        self._request = request
        prefix = "chatcmpl" if request.is_chat else "cmpl"
        kind = "text_completion"
        if request.is_chat:
            kind = "chat.completion.chunk" if request.streams else "chat.completion"
        self._envelope = {"id": f"{prefix}-{id_number:016x}", "object": kind, "created": created, "model": model}
        self._head = json.dumps(self._envelope, separators=(",", ":"))[:-1]
        self._sent_tokens = 0

    def _usage(self) -> dict[str, int]:
        prompt, output = self._request.prompt_tokens, self._request.output_tokens
        return {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}

    def whole(self) -> bytes:
        """Return the answer as one document."""
        text = _WORD * self._request.output_tokens
        choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": self._request.finish_reason}
        if self._request.is_chat:
            choice["message"] = {"role": "assistant", "content": text}
        else:
            choice["text"] = text
        return json.dumps({**self._envelope, "choices": [choice], "usage": self._usage()}).encode()

    def piece(self, generated_tokens: int, *, is_finished: bool) -> bytes:
        """Return the events for what was generated since the last piece, and those that end the stream."""
        text = _WORD * (generated_tokens - self._sent_tokens)
        events = []
        if self._request.is_chat and self._sent_tokens == 0:
            events.append(self._event('"delta":{"role":"assistant","content":""}', "null"))
        self._sent_tokens = generated_tokens
        content = f'"delta":{{"content":"{text}"}}' if self._request.is_chat else f'"text":"{text}"'
        events.append(self._event(content, f'"{self._request.finish_reason}"' if is_finished else "null"))
        if is_finished:
            if self._request.includes_usage:
                events.append(f'data: {self._head},"choices":[],"usage":{json.dumps(self._usage())}}}\n\n')
            events.append("data: [DONE]\n\n")
        return "".join(events).encode()

    def _event(self, content: str, finish_reason: str) -> str:
        return f'data: {self._head},"choices":[{{"index":0,{content},"finish_reason":{finish_reason}}}]}}\n\n'
