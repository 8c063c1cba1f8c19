"""Leadership: work that only one of several processes may do at a time, under a session advisory lock of Postgres."""

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from persistence.database import Database

_log = logging.getLogger(__name__)

_POLL_SECONDS = 1.0
_ANSWER_SECONDS = 5.0

Work = Callable[[], Coroutine[Any, Any, None]]


async def work_while_leading(database: Database, name: str, *work: Work) -> None:
    """Do endless work, each kind beside the others, while this process is the one that leads; until cancelled.

    One process at a time leads under a name in a database; the others wait, and one of them is next a second after the
    leader has gone. Work is cancelled when the connection that holds the lock is lost, a few seconds after the lock at
    most: for that long two may be at it, so it has to be safe to do twice. Work that raises, or ends, gives up
    leadership; all of it begins again under whoever leads then.
    """
    while True:
        try:
            async with _leading(database, name) as leader, asyncio.TaskGroup() as tasks:
                tasks.create_task(_end_with(leader))
                for start in work:
                    tasks.create_task(_endless(start))
        except* (SQLAlchemyError, OSError) as errors:
            _log.warning("leadership of %s was interrupted: %s", name, _names(errors))
        except* Exception:  # noqa: BLE001  # whatever it is, the work must go on, here or elsewhere
            _log.exception("leadership of %s ended", name)
        await asyncio.sleep(_POLL_SECONDS)


@asynccontextmanager
async def _leading(database: Database, name: str) -> AsyncIterator[AsyncConnection]:
    """The connection that holds the lock of a name, once nobody else does."""
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        # It is held for ever: the pool, which is small, gets its place back.
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await connection.run_sync(lambda leader: leader.detach())
        try:
            lock = {"lock": zlib.crc32(name.encode())}
            # Tried again and again: a statement that waits for the lock would meet the statement time-out.
            while not await connection.scalar(text("select pg_try_advisory_lock(:lock)"), lock):  # noqa: ASYNC110
                await asyncio.sleep(_POLL_SECONDS)
            yield connection
        finally:
            # Unlocking fails on a connection that was interrupted; the lock goes with the connection instead.
            driver.terminate()


async def _end_with(leader: AsyncConnection) -> None:
    """Raise once the connection, and the lock with it, is gone."""
    while True:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await leader.execute(text("select 1"))
        await asyncio.sleep(_POLL_SECONDS)


async def _endless(start: Work) -> None:
    await start()
    raise RuntimeError(f"{getattr(start, '__qualname__', start)} ended")


def _names(errors: BaseExceptionGroup[Exception]) -> str:
    return ", ".join(_names(e) if isinstance(e, BaseExceptionGroup) else type(e).__name__ for e in errors.exceptions)
