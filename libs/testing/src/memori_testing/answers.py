"""What a scripted model provider can be told to do with a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived. Header names are lower-cased; `body` is the parsed JSON object."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def streams(self) -> bool:
        return self.body.get("stream") is True


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model calls one tool. To an OpenAI request that offers no tools but a JSON `response_format`, the arguments
    are the content. `truncated` reports that the output limit was reached.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    input_tokens: int = 100
    output_tokens: int = 20
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """The model answers in prose. `truncated` reports that the output limit was reached."""

    text: str
    input_tokens: int = 100
    output_tokens: int = 20
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """An HTTP error. `retry_after` is in seconds; without a `body` the provider's own error document is sent."""

    code: int
    retry_after: float | None = None
    body: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Hang:
    """Silence for `seconds`, or until the server closes; then the connection is closed without an answer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Malformed:
    """Status 200 with these bytes as they are, under the content type the client asked for."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The connection is closed before a byte of the response."""


Answer = ToolCall | Text
Fault = Status | Hang | Malformed | Disconnect
