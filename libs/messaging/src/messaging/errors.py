"""How a handler says what went wrong: for now, or for good."""

from collections.abc import Iterator

from asyncpg.exceptions import (
    CannotConnectNowError,
    ConnectionDoesNotExistError,
    DeadlockDetectedError,
    InterfaceError,
    PostgresConnectionError,
    QueryCanceledError,
    SerializationError,
    TooManyConnectionsError,
)
from nats.errors import Error as NatsError
from pydantic import ValidationError
from sqlalchemy.exc import InterfaceError as SqlInterfaceError
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from contracts.methods import ProblemError
from contracts.problems import FieldError, Problem, problem

_DATABASE_AWAY = (
    PostgresConnectionError,
    ConnectionDoesNotExistError,
    CannotConnectNowError,
    TooManyConnectionsError,
    InterfaceError,
    OSError,
)
# Of two transactions that were in each other's way, Postgres gave up this one.
_IN_THE_WAY = (DeadlockDetectedError, SerializationError)


def problem_of(error: BaseException) -> Problem:
    """The problem an exception means to whoever asked; nothing of its text leaves unless it was written for that."""
    if isinstance(error, ProblemError):
        return error.problem
    if isinstance(error, ValidationError):
        return problem("invalid", errors=field_errors(error))
    if isinstance(error, TimeoutError):
        return problem("timeout")
    if isinstance(error, (SQLAlchemyError, *_IN_THE_WAY)):
        return _database_problem(error)
    if isinstance(error, OSError | NatsError):
        return problem("unavailable", retry_after=2)
    return problem("failed")


def _database_problem(error: BaseException) -> Problem:
    if isinstance(error, PoolTimeoutError):
        return problem("unavailable", "the database is busy", retry_after=1)
    if is_in_the_way(error):
        return problem("unavailable", "another change came first", retry_after=1)
    if _caused_by(error, (QueryCanceledError,)):
        return problem("timeout", "the database took too long")
    if isinstance(error, OperationalError | SqlInterfaceError) or _caused_by(error, _DATABASE_AWAY):
        return problem("unavailable", "the database is away", retry_after=2)
    return problem("failed")


def reason_of(error: BaseException) -> str:
    """What may be kept of an error: its text where that was written for it, else its type and those of its causes.

    The texts of databases, parsers and clients quote what users wrote.
    """
    if isinstance(error, ProblemError | RetryLater | GiveUp):
        return f"{type(error).__name__}: {error}"
    return " from ".join(dict.fromkeys(type(each).__name__ for each in _causes(error)))


def field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    """The fields that are wrong, by their path, without the values that were sent."""
    return tuple(
        FieldError(
            field=".".join(str(part) for part in item["loc"]) or "body",
            message=item["msg"].removeprefix("Value error, "),
        )
        for item in error.errors(include_url=False, include_input=False, include_context=False)
    )


def _caused_by(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    return any(isinstance(each, kinds) for each in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and so on; each once."""
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        seen.append(cause)
        yield cause
        cause = cause.__cause__ or getattr(cause, "orig", None)


def is_in_the_way(error: BaseException) -> bool:
    """Whether two transactions were in each other's way, and Postgres gave up this one: it may be tried again."""
    return _caused_by(error, _IN_THE_WAY)


def is_passing(error: BaseException) -> bool:
    """Whether it is not the fault of what was asked: something that is needed is away, busy or slow."""
    return isinstance(error, RetryLater) or problem_of(error).type in {"unavailable", "timeout", "limit-exceeded"}


class RetryLater(Exception):  # noqa: N818  # reads as what it asks for
    """The event cannot be handled now: deliver it again, after `delay` seconds if given."""

    def __init__(self, reason: str, delay: float | None = None) -> None:
        super().__init__(reason)
        self.delay = delay


class GiveUp(Exception):  # noqa: N818
    """The event can never be handled: keep it as a dead letter."""
