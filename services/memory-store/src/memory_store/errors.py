"""The problems memory-store answers with; each names the field of the request that is wrong."""

from contracts.methods import ProblemError
from contracts.problems import FieldError, problem


def not_found(field: str, what: str) -> ProblemError:
    """Unknown, or another user's: nobody is told which."""
    return ProblemError(problem("not-found", f"no such {what}", errors=(FieldError(field=field, message="not found"),)))


def invalid(field: str, message: str) -> ProblemError:
    """A value that the types alone do not refuse."""
    return ProblemError(problem("invalid", errors=(FieldError(field=field, message=message),)))


def conflict(detail: str) -> ProblemError:
    """The state of what is there does not allow what is asked."""
    return ProblemError(problem("conflict", detail))


def switched_off() -> ProblemError:
    """Nothing is stored in this deployment."""
    return conflict("memory is switched off here (MEMORI_ENABLED=false): nothing is stored")
