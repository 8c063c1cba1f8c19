"""The problems this service answers with."""

from contracts.methods import ProblemError
from contracts.problems import FieldError, problem


def not_found(field: str) -> ProblemError:
    """There is no such entity of this user."""
    return ProblemError(problem("not-found", "no such entity", errors=(FieldError(field=field, message="not found"),)))


def invalid(field: str, message: str) -> ProblemError:
    """A field is wrong."""
    return ProblemError(problem("invalid", errors=(FieldError(field=field, message=message),)))


def conflict(detail: str) -> ProblemError:
    """The state does not allow it."""
    return ProblemError(problem("conflict", detail))
