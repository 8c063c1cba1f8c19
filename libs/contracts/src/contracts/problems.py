"""How an error travels: as a typed problem (RFC 9457), never as a traceback."""

from typing import Literal

from pydantic import Field

from contracts.base import Message

ProblemType = Literal[
    "invalid",
    "unauthenticated",
    "forbidden",
    "not-found",
    "conflict",
    "too-large",
    "refused",
    "limit-exceeded",
    "failed",
    "unavailable",
    "timeout",
]

STATUS: dict[ProblemType, int] = {
    "invalid": 422,
    "unauthenticated": 401,
    "forbidden": 403,
    "not-found": 404,
    "conflict": 409,
    "too-large": 413,
    "refused": 422,
    "limit-exceeded": 429,
    "failed": 500,
    "unavailable": 503,
    "timeout": 504,
}

TITLES: dict[ProblemType, str] = {
    "invalid": "The request is not valid",
    "unauthenticated": "Authentication is required",
    "forbidden": "Not allowed",
    "not-found": "Not found",
    "conflict": "The state does not allow this",
    "too-large": "The request is too large",
    "refused": "The statement was refused",
    "limit-exceeded": "A limit was reached",
    "failed": "The service failed",
    "unavailable": "A dependency is unavailable",
    "timeout": "The answer took too long",
}

TRANSIENT: frozenset[ProblemType] = frozenset({"unavailable", "timeout", "limit-exceeded", "failed"})
"""Problems that may be gone on the next try."""


class FieldError(Message):
    """One field that is wrong, and why."""

    field: str
    message: str


class Problem(Message):
    """An RFC 9457 problem; `type` is relative to the service's problem documentation."""

    type: ProblemType
    title: str
    status: int
    detail: str = ""
    instance: str | None = None
    request_id: str | None = None
    retry_after: int | None = Field(default=None, description="Seconds to wait before the next try")
    errors: tuple[FieldError, ...] = ()

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.type in TRANSIENT


def problem(
    kind: ProblemType, detail: str = "", *, errors: tuple[FieldError, ...] = (), retry_after: int | None = None
) -> Problem:
    """The problem of a kind, with its title and status filled in."""
    return Problem(
        type=kind, title=TITLES[kind], status=STATUS[kind], detail=detail, errors=errors, retry_after=retry_after
    )
