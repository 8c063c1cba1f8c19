"""The problems memory-store answers with; each names the field of the request that is wrong."""

from contracts.methods import ProblemError
from contracts.problems import FieldError, problem


def not_found(field: str, what: str) -> ProblemError:
    """Unknown, or another user's: nobody is told which."""
    return ProblemError(problem("not-found", f"no such {what}", errors=(FieldError(field=field, message="not found"),)))


def invalid(field: str, message: str) -> ProblemError:
    """A value that the types alone do not refuse."""
    return ProblemError(problem("invalid", errors=(FieldError(field=field, message=message),)))
