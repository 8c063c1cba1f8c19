"""Says how far a question has got to whoever waits for its answer, if anybody does."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.errors import Error as NatsError

from contracts.progress import Progress, Stage, subject_of
from observability import logger

_log = logger(__name__)


class Reporter:
    """Publishes stages. Nobody may be listening, and NATS may be away: the question goes on all the same."""

    def __init__(self, broker: NatsBroker) -> None:
        self._broker = broker

    @contextmanager
    def following(self, progress_id: UUID | None) -> Iterator[None]:
        """Have `report` in this block say what it is told under this id."""
        token = _current.set((self, progress_id) if progress_id is not None else None)
        try:
            yield
        finally:
            _current.reset(token)

    async def publish(self, progress_id: UUID, progress: Progress) -> None:
        """Say a stage; what cannot be said at once is not said later."""
        connection: Client = self._broker.connection
        if not connection.is_connected:
            return
        try:
            await connection.publish(subject_of(progress_id), progress.model_dump_json(exclude_none=True).encode())
        except (NatsError, OSError) as error:
            _log.warning("progress_not_said", error=type(error).__name__)


# What is at work for a question does not know who waits for it, as it does not know its trace.
_current: ContextVar[tuple[Reporter, UUID] | None] = ContextVar("progress", default=None)


async def report(stage: Stage, *, repair: int | None = None) -> None:
    """Say that a stage of the question at hand begins."""
    if (current := _current.get()) is not None:
        reporter, progress_id = current
        await reporter.publish(progress_id, Progress(stage=stage, repair=repair))
