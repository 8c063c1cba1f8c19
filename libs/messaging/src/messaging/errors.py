"""How a handler says what went wrong: for now, or for good."""

from asyncpg.exceptions import (
    CannotConnectNowError,
    ConnectionDoesNotExistError,
    InterfaceError,
    PostgresConnectionError,
    QueryCanceledError,
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


def problem_of(error: BaseException) -> Problem:
    """The problem an exception means to whoever asked; nothing of its text leaves unless it was written for that."""
    if isinstance(error, ProblemError):
        return error.problem
    if isinstance(error, ValidationError):
        return problem("invalid", errors=field_errors(error))
    if isinstance(error, TimeoutError):
        return problem("timeout")
    if isinstance(error, SQLAlchemyError):
        return _database_problem(error)
    if isinstance(error, OSError | NatsError):
        return problem("unavailable", retry_after=2)
    return problem("failed")


def _database_problem(error: SQLAlchemyError) -> Problem:
    if isinstance(error, PoolTimeoutError):
        return problem("unavailable", "the database is busy", retry_after=1)
    if _caused_by(error, (QueryCanceledError,)):
        return problem("timeout", "the database took too long")
    if isinstance(error, OperationalError | SqlInterfaceError) or _caused_by(error, _DATABASE_AWAY):
        return problem("unavailable", "the database is away", retry_after=2)
    return problem("failed")


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
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, kinds):
            return True
        seen = seen.__cause__ or getattr(seen, "orig", None)
        if seen is error:
            return False
    return False


class RetryLater(Exception):  # noqa: N818  # reads as what it asks for
    """The event cannot be handled now: deliver it again, after `delay` seconds if given."""

    def __init__(self, reason: str, delay: float | None = None) -> None:
        super().__init__(reason)
        self.delay = delay


class GiveUp(Exception):  # noqa: N818
    """The event can never be handled: keep it as a dead letter."""
