"""The problems sql-generator answers with; each names the field of the request that is wrong."""

from contracts.methods import ProblemError
from contracts.problems import FieldError, problem


def not_found(field: str, what: str) -> ProblemError:
    """Unknown, or another user's: nobody is told which."""
    return ProblemError(problem("not-found", f"no such {what}", errors=(FieldError(field=field, message="not found"),)))


def invalid(field: str, message: str) -> ProblemError:
    """A value that the types alone do not refuse."""
    return ProblemError(problem("invalid", errors=(FieldError(field=field, message=message),)))


def conflict(detail: str) -> ProblemError:
    """The request is fine, but not for a row in this state."""
    return ProblemError(problem("conflict", detail))


def erased() -> ProblemError:
    """The user was erased while the request was at work; nothing of it was kept."""
    return conflict("everything of this user was erased meanwhile")


def limit_exceeded(detail: str, retry_after: int) -> ProblemError:
    """More than was granted; `retry_after` in seconds."""
    return ProblemError(problem("limit-exceeded", detail, retry_after=retry_after))


def unavailable(detail: str, retry_after: int) -> ProblemError:
    """Something this service depends on is away; `retry_after` in seconds."""
    return ProblemError(problem("unavailable", detail, retry_after=retry_after))


def too_large(detail: str) -> ProblemError:
    """More than is taken at once."""
    return ProblemError(problem("too-large", detail))
