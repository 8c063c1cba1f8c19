"""Anthropic's `POST /v1/messages`, as https://docs.anthropic.com/en/api/messages describes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from memori_testing.answers import Answer, Request, ToolCall
from memori_testing.protocol import encoded, missing, pieces

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


_MAX_BREAKPOINTS = 4
_CHARS_PER_TOKEN = 4


class AnthropicMessages:
    """The endpoint, and where it `caches` its prompt cache.

    Prefixes that end in a `cache_control` are found again byte for byte. Tools come before the system's blocks. Answers
    say how many tokens they have, so those of the cache come on top.
    """

    def __init__(self, *, caches: bool = False) -> None:
        self._caches = caches
        self._cached: set[str] = set()

    def invalid(self, request: Request) -> str | None:
        if len(_breakpoints(request)) > _MAX_BREAKPOINTS:
            return f"A maximum of {_MAX_BREAKPOINTS} blocks with cache_control may be provided."
        return missing(request, "model", "max_tokens", "messages")

    def document(self, request: Request, answer: Answer) -> dict[str, Any]:
        return {
            **_envelope(request),
            "content": [_content_block(answer)],
            "stop_reason": _stop_reason(answer),
            "usage": _usage(answer.input_tokens, answer.output_tokens) | self._cache_usage(request),
        }

    def stream(self, request: Request, answer: Answer) -> Iterator[bytes]:
        start = {**_envelope(request), "content": [], "stop_reason": None, "usage": _usage(answer.input_tokens, 1)}
        yield _event("message_start", message=start)
        yield _event("content_block_start", index=0, content_block=_empty_block(_content_block(answer)))
        yield _event("ping")
        for delta in _deltas(answer):
            yield _event("content_block_delta", index=0, delta=delta)
        yield _event("content_block_stop", index=0)
        yield _event(
            "message_delta",
            delta={"stop_reason": _stop_reason(answer), "stop_sequence": None},
            usage={"output_tokens": answer.output_tokens},
        )
        yield _event("message_stop")

    def _cache_usage(self, request: Request) -> dict[str, int]:
        prefixes = _breakpoints(request) if self._caches else []
        read = max((len(prefix) for prefix in prefixes if prefix in self._cached), default=0)
        written = max(map(len, prefixes), default=0) - read
        self._cached.update(prefixes)
        return {
            "cache_creation_input_tokens": written // _CHARS_PER_TOKEN,
            "cache_read_input_tokens": read // _CHARS_PER_TOKEN,
        }

    def error(self, code: int, message: str) -> dict[str, Any]:
        error = {"type": _ERROR_TYPES.get(code, "api_error"), "message": message}
        return {"type": "error", "error": error, "request_id": f"req_{uuid4().hex}"}


def _breakpoints(request: Request) -> list[str]:
    """The prefixes of the prompt that are to be cached."""
    system = request.body.get("system") or []
    prefix, found = encoded([request.body.get("model"), request.body.get("tools")]), []
    for block in system if isinstance(system, list) else []:
        prefix += encoded(block)
        if "cache_control" in block:
            found.append(prefix)
    return found


def _envelope(request: Request) -> dict[str, Any]:
    return {
        "id": f"msg_{uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": request.body["model"],
        "stop_sequence": None,
    }


def _content_block(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, ToolCall):
        return {"type": "tool_use", "id": f"toolu_{uuid4().hex}", "name": answer.name, "input": answer.arguments}
    return {"type": "text", "text": answer.text}


def _empty_block(block: dict[str, Any]) -> dict[str, Any]:
    return {**block, "input": {}} if block["type"] == "tool_use" else {**block, "text": ""}


def _deltas(answer: Answer) -> Iterator[dict[str, str]]:
    if isinstance(answer, ToolCall):
        for part in pieces(encoded(answer.arguments)):
            yield {"type": "input_json_delta", "partial_json": part}
    else:
        for part in pieces(answer.text):
            yield {"type": "text_delta", "text": part}


def _stop_reason(answer: Answer) -> str:
    if answer.truncated:
        return "max_tokens"
    return "tool_use" if isinstance(answer, ToolCall) else "end_turn"


def _usage(input_tokens: int, output_tokens: int) -> dict[str, int]:
    return {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    }


def _event(name: str, **fields: object) -> bytes:
    return f"event: {name}\ndata: {encoded({'type': name, **fields})}\n\n".encode()
