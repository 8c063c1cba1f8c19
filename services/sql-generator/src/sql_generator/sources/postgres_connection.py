"""Connections to a PostgreSQL that belongs to someone else: to checked addresses, bounded in time and in bytes."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg
from asyncpg import exceptions as pg

from sql_generator.sources import ConnectionRejected, SourceError, SourceUnreachable, StatementFailed, StatementTimedOut
from sql_generator.sources.addresses import permitted_addresses
from sql_generator.sources.identifiers import quoted
from sql_generator.sources.postgres_metering import ByteMeter, MeteredLoop
from sql_generator.sources.postgres_url import PostgresTarget
from sql_generator.sources.server_url import SslMode, without_password
from sql_generator.sources.tls import tls_context

CONNECT_SECONDS: Final = 10.0
LOCK_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 1.0
MAX_MESSAGE_BYTES: Final = 32 * 1024 * 1024
_READ_ALL_DATA_SINCE: Final = 14
_NO_POSTGRES: Final = "the server does not speak the protocol of PostgreSQL"
_DRIVER_ERRORS: Final = (pg.PostgresError, pg.InterfaceError, pg.InternalClientError)
# What asyncpg lets escape when a server's messages come in another order, or hold something else, than they should.
_BROKEN_SERVER: Final = (AttributeError, LookupError, AssertionError, EOFError, TypeError, BufferError)


class PostgresConnector:
    """Makes fresh read-only connections to one target."""

    def __init__(
        self,
        target: PostgresTarget,
        *,
        hosts: tuple[str, ...],
        unix_sockets: bool,
        require_tls: bool,
        public_only: bool,
    ) -> None:
        if target.is_unix_socket and not unix_sockets:
            raise ConnectionRejected("connection: Unix sockets are not permitted here")
        self.target = target
        self._hosts = hosts
        self._public_only = public_only
        self.login_is_superuser = False
        """Known once there was a session."""
        self._sslmode: SslMode = target.sslmode or ("require" if require_tls else "prefer")

    @asynccontextmanager
    async def session(
        self, *, seconds: float, as_login: bool = False
    ) -> AsyncIterator[tuple[asyncpg.Connection, ByteMeter]]:
        """A connection inside a read-only transaction that is always rolled back, and its meter.

        A superuser's session continues as `pg_read_all_data`, so what only superusers may (read the server's files,
        run its programs, end other sessions) fails, unless `as_login`. Row-level security, which superusers bypass,
        then makes a statement fail rather than return fewer rows.

        Everything inside ends after `seconds`. Raises the errors of the port, for errors of the body too.
        """
        connection: asyncpg.Connection | None = None
        meter: ByteMeter | None = None
        try:
            async with asyncio.timeout(seconds):
                connection, meter = await self._connect(seconds)
                self.login_is_superuser = connection.get_settings().is_superuser == "on"
                await connection.execute(_begin(connection, as_login=as_login))
                yield connection, meter
        except TimeoutError:
            raise StatementTimedOut(f"the statement was stopped after {seconds:g} s") from None
        except (*_DRIVER_ERRORS, OSError, ValueError, ArithmeticError, *_BROKEN_SERVER) as error:
            raise self._translated(error, meter) from None
        finally:
            if connection is not None:
                await _finish(connection)

    async def _connect(self, seconds: float) -> tuple[asyncpg.Connection, ByteMeter]:
        try:
            async with asyncio.timeout(min(CONNECT_SECONDS, seconds)):
                if self.target.is_unix_socket:
                    return await self._connect_to([self.target.host], seconds, tls=False)
                addresses = await permitted_addresses(
                    self.target.host, self.target.port, self._hosts, public_only=self._public_only
                )
                try:
                    return await self._connect_to(list(addresses), seconds, tls=self._sslmode != "disable")
                except ConnectionError as error:
                    if self._sslmode != "prefer" or "rejected SSL upgrade" not in str(error):
                        raise
                return await self._connect_to(list(addresses), seconds, tls=False)
        except TimeoutError:
            raise SourceUnreachable("the server did not answer in time") from None
        except ssl.SSLError as error:
            raise SourceUnreachable(f"TLS failed: {error.reason or 'handshake error'}") from None
        except OSError as error:
            reason = "the server does not speak TLS" if "rejected SSL" in str(error) else "cannot connect to the server"
            raise SourceUnreachable(reason) from None
        except (*_DRIVER_ERRORS, ValueError) as error:
            raise SourceUnreachable(self._without_password(str(error))) from None
        except _BROKEN_SERVER:
            raise SourceUnreachable(_NO_POSTGRES) from None

    async def _connect_to(self, hosts: list[str], seconds: float, *, tls: bool) -> tuple[asyncpg.Connection, ByteMeter]:
        loop = MeteredLoop(MAX_MESSAGE_BYTES, tls=tls)
        # Every parameter is given, because asyncpg fills gaps from our own environment and home directory.
        connection = await asyncpg.connect(
            loop=loop,
            host=hosts,
            port=[self.target.port] * len(hosts),
            user=self.target.user,
            password=self.target.password,
            database=self.target.database,
            ssl=tls_context(self.target.host, self._sslmode, alpn=("postgresql",)) if tls else False,
            direct_tls=False,
            target_session_attrs="any",
            timeout=CONNECT_SECONDS,
            statement_cache_size=0,
            server_settings={
                "application_name": "memori",
                "search_path": f"{quoted(self.target.schema)}, pg_temp",
                "default_transaction_read_only": "on",
                "statement_timeout": str(max(1, int(seconds * 1_000))),
                "lock_timeout": str(max(1, int(min(LOCK_SECONDS, seconds) * 1_000))),
                "idle_in_transaction_session_timeout": str(max(1, int((seconds + CLOSE_SECONDS) * 1_000))),
            },
        )
        return connection, loop.meter

    def _translated(self, error: Exception, meter: ByteMeter | None) -> SourceError:  # noqa: PLR0911  # one for each kind
        if meter is not None and meter.exceeded:
            return StatementFailed(f"the result holds more than {MAX_MESSAGE_BYTES // 2**20} MiB in a few rows")
        match error:
            case pg.QueryCanceledError():
                return StatementTimedOut("the statement was stopped at its time limit")
            case pg.LockNotAvailableError():
                return StatementTimedOut("the statement waited too long for a lock")
            case pg.PostgresConnectionError() | pg.OperatorInterventionError() | OSError():
                return SourceUnreachable(self._without_password(str(error)))
            case pg.PostgresError():
                hint = getattr(error, "hint", None)
                return StatementFailed(self._without_password(f"{error}. {hint}" if hint else str(error)))
            case pg.InterfaceError() | pg.InternalClientError():
                return StatementFailed(str(error))
            case ValueError() | ArithmeticError():
                return StatementFailed(f"a value cannot be represented ({error}); cast it to text")
            case _:
                return SourceUnreachable(_NO_POSTGRES)

    def _without_password(self, message: str) -> str:
        return without_password(message, self.target.password)


def _begin(connection: asyncpg.Connection, *, as_login: bool) -> str:
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    if as_login or connection.get_settings().is_superuser != "on":
        return begin
    if connection.get_server_version().major < _READ_ALL_DATA_SINCE:
        return begin
    return f"{begin}; SET LOCAL row_security = off; SET LOCAL ROLE pg_read_all_data"


async def _finish(connection: asyncpg.Connection) -> None:
    # Waits for a cancel request that is under way, so that the server stops working too; then closes in any case.
    with suppress(*_DRIVER_ERRORS, TimeoutError, OSError):
        async with asyncio.timeout(CLOSE_SECONDS):
            if not connection.is_closed() and connection.is_in_transaction():
                await connection.execute("ROLLBACK")
            await connection.close()
    if not connection.is_closed():
        connection.terminate()
