"""The engine, and the transaction in which row-level security knows who asks."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import CursorResult, Executable, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

# One round trip for both settings; is_local = true, so they end with the transaction.
_ENTER = text("select set_config('app.tenant_id', :tenant_id, true), set_config('app.user_id', :user_id, true)")


class Transaction:
    """One database transaction, committed when its block ends and rolled back when the block raises."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self._after_commit: list[Callable[[], None]] = []

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """The result of a statement."""
        return await self.connection.execute(statement, parameters)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back once the transaction is committed; never when it is rolled back."""
        self._after_commit.append(callback)

    def committed(self) -> None:
        """Run the callbacks, each once."""
        for callback in dict.fromkeys(self._after_commit):
            callback()


class Database:
    """A small pool of connections under one role; `settings` are set at the start of each connection."""

    def __init__(
        self,
        url: str,
        *,
        application: str,
        pool_size: int = 4,
        max_overflow: int = 0,
        statement_timeout_seconds: float = 30.0,
        pool_timeout_seconds: float = 5.0,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.engine: AsyncEngine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=max_overflow,
            pool_timeout=pool_timeout_seconds,
            # The parameters are what users wrote: they belong in no log.
            hide_parameters=True,
            # A pre-ping costs 0.27 ms a request; a connection found dead is replaced and the caller retries instead.
            pool_pre_ping=False,
            pool_recycle=1800,
            connect_args={
                "timeout": 5,
                "command_timeout": statement_timeout_seconds + 5,
                "server_settings": {
                    "application_name": application,
                    "statement_timeout": str(round(statement_timeout_seconds * 1000)),
                    "idle_in_transaction_session_timeout": "60000",
                    # Short statements by the thousand: compiling them, or starting processes that share one, costs
                    # more than it saves (a search among a thousand memories: 8 ms instead of 1.6).
                    "jit": "off",
                    "max_parallel_workers_per_gather": "0",
                    **(settings or {}),
                },
            },
        )

    @asynccontextmanager
    async def transaction(self, *, tenant_id: str, user_id: str) -> AsyncIterator[Transaction]:
        """A transaction that sees and writes the rows of one user only."""
        async with self._begin() as transaction:
            await transaction.connection.execute(_ENTER, {"tenant_id": tenant_id, "user_id": user_id})
            yield transaction

    @asynccontextmanager
    async def worker_transaction(self) -> AsyncIterator[Transaction]:
        """A transaction of work that spans users: it sees what the role's policies for such work allow."""
        async with self._begin() as transaction:
            yield transaction

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[Transaction]:
        async with self.engine.connect() as connection:
            async with connection.begin():
                transaction = Transaction(connection)
                yield transaction
            transaction.committed()

    async def ping(self) -> None:
        """Raise when the database does not answer."""
        async with self.engine.connect() as connection:
            await connection.execute(text("select 1"))

    async def close(self) -> None:
        """Close the pool."""
        await self.engine.dispose()
