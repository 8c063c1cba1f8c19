"""What a provider's protocol has to say about one endpoint; the server itself knows only HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol

from memori_testing.answers import Answer, Request


class Endpoint(Protocol):
    """One endpoint of one provider: what it refuses, and how it says so."""

    def invalid(self, request: Request) -> str | None:
        """Why the provider would refuse this request with status 400, or None."""

    def error(self, code: int, message: str) -> dict[str, Any]:
        """The body of an error with the HTTP status `code`."""


class Completions(Endpoint, Protocol):
    """An endpoint where a model answers."""

    def document(self, request: Request, answer: Answer) -> dict[str, Any]:
        """The JSON body that says `answer`."""

    def stream(self, request: Request, answer: Answer) -> Iterator[bytes]:
        """`answer` as server-sent events, one item an event."""


def missing(request: Request, *fields: str) -> str | None:
    """The complaint about the first of `fields` that the body lacks, or None."""
    for field in fields:
        if request.body.get(field) in (None, "", []):
            return f"{field}: Field required"
    return None


def encoded(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def pieces(text: str, size: int = 12) -> Iterator[str]:
    """`text` in the portions in which a stream delivers it."""
    for start in range(0, len(text), size):
        yield text[start : start + size]
