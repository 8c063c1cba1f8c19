"""OpenAI's `POST /v1/chat/completions`, as https://platform.openai.com/docs/api-reference/chat describes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from memori_testing.answers import Answer, Request, ToolCall
from memori_testing.protocol import encoded, missing, pieces

_CREATED = 1_767_225_600  # 2026-01-01T00:00:00Z, so that answers do not depend on the clock
_ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_exceeded",
    500: "server_error",
    503: "server_error",
}


class OpenAIChat:
    def invalid(self, request: Request) -> str | None:
        return missing(request, "model", "messages")

    def document(self, request: Request, answer: Answer) -> dict[str, Any]:
        call = _tool_call(request, answer)
        message = {
            "role": "assistant",
            "content": _content(answer) if call is None else None,
            "refusal": None,
            **({} if call is None else {"tool_calls": [call]}),
        }
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(request, answer)}
        return {**_envelope(request, "chat.completion"), "choices": [choice], "usage": _usage(answer)}

    def stream(self, request: Request, answer: Answer) -> Iterator[bytes]:
        envelope = _envelope(request, "chat.completion.chunk")
        for delta in _deltas(request, answer):
            yield _chunk(envelope, choices=[{"index": 0, "delta": delta, "finish_reason": None}])
        yield _chunk(envelope, choices=[{"index": 0, "delta": {}, "finish_reason": _finish_reason(request, answer)}])
        if (request.body.get("stream_options") or {}).get("include_usage"):
            yield _chunk(envelope, choices=[], usage=_usage(answer))
        yield b"data: [DONE]\n\n"

    def error(self, code: int, message: str) -> dict[str, Any]:
        return openai_error(code, message)


def openai_error(code: int, message: str) -> dict[str, Any]:
    """The error document of every OpenAI endpoint."""
    kind = _ERROR_TYPES.get(code, "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": kind if code == 429 else None}}


def _envelope(request: Request, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": _CREATED, "model": request.body["model"]}


def _tool_call(request: Request, answer: Answer) -> dict[str, Any] | None:
    """The tool call to report, or None where the answer is content."""
    if not isinstance(answer, ToolCall) or _wants_json_content(request):
        return None
    function = {"name": answer.name, "arguments": encoded(answer.arguments)}
    return {"id": f"call_{uuid4().hex}", "type": "function", "function": function}


def _wants_json_content(request: Request) -> bool:
    kind = (request.body.get("response_format") or {}).get("type")
    return not request.body.get("tools") and kind in ("json_object", "json_schema")


def _content(answer: Answer) -> str:
    return encoded(answer.arguments) if isinstance(answer, ToolCall) else answer.text


def _deltas(request: Request, answer: Answer) -> Iterator[dict[str, Any]]:
    call = _tool_call(request, answer)
    if call is None:
        yield {"role": "assistant", "content": ""}
        for part in pieces(_content(answer)):
            yield {"content": part}
        return
    function = call["function"]
    opening = {**call, "index": 0, "function": {"name": function["name"], "arguments": ""}}
    yield {"role": "assistant", "content": None, "tool_calls": [opening]}
    for part in pieces(function["arguments"]):
        yield {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}


def _finish_reason(request: Request, answer: Answer) -> str:
    if answer.truncated:
        return "length"
    return "stop" if _tool_call(request, answer) is None else "tool_calls"


def _usage(answer: Answer) -> dict[str, int]:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }


def _chunk(envelope: dict[str, Any], **fields: object) -> bytes:
    return f"data: {encoded({**envelope, **fields})}\n\n".encode()
