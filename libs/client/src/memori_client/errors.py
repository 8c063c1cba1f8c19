"""What can go wrong, as the API says it."""

from typing import Any


class MemoriError(Exception):
    """The API answered with a problem (RFC 9457).

    `status` is the HTTP status, `kind` the problem's type, `errors` the fields that are wrong, `request_id` what an
    operator needs to find the request.
    """

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.kind = str(problem.get("type", ""))
        self.errors: list[dict[str, str]] = list(problem.get("errors") or [])
        self.request_id = problem.get("request_id")
        fields = "; ".join(f"{error['field']}: {error['message']}" for error in self.errors)
        parts = (problem.get("title"), problem.get("detail"), fields)
        super().__init__(": ".join(str(part) for part in parts if part) or f"status {status}")


class MemoriUnavailable(MemoriError):  # noqa: N818  # reads as what it says
    """The API cannot be reached or is overloaded, also after the retries."""
