"""Connections to a MySQL or MariaDB of someone else: to checked addresses, bounded in time and in bytes."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiomysql
from pymysql.constants import CLIENT, COMMAND
from pymysql.protocol import MysqlPacket

from sql_generator.sources import SourceError, SourceUnreachable, StatementFailed, StatementTimedOut
from sql_generator.sources.addresses import permitted_addresses
from sql_generator.sources.mysql_url import MySqlTarget
from sql_generator.sources.mysql_values import DECODERS
from sql_generator.sources.server_url import SslMode, without_password
from sql_generator.sources.tls import tls_context

CONNECT_SECONDS: Final = 10.0
LOCK_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 1.0
MAX_MESSAGE_BYTES: Final = 32 * 1024 * 1024
# What the driver lets escape when a server's messages come in another order, or hold something else, than they should.
# RuntimeError: the server asked for one of our files. UnboundLocalError: its greeting ended early.
_BROKEN_SERVER: Final = (
    *(AssertionError, AttributeError, LookupError, RuntimeError, TypeError, UnboundLocalError),
    struct.error,
)
_NO_MYSQL: Final = "the server does not speak the protocol of MySQL"
_TIMED_OUT: Final = frozenset({1317, 1969, 3024})
_LOCKED: Final = frozenset({1205, 3572})
WAITED: Final = _TIMED_OUT | _LOCKED
_GONE: Final = frozenset({1053, 1077, 1079, 1158, 1159, 1160, 1161, 1184, 1927, 2003, 2006, 2013, 2014, 4031})
_CONCAT_BYTES: Final = 1024 * 1024


class TooLargeError(Exception):
    """The server sent more than `MAX_MESSAGE_BYTES` where one row should be."""


class TlsMissingError(Exception):
    """The server does not speak TLS, and the connection is not to be without."""


class MySqlConnection(aiomysql.Connection):  # type: ignore[misc]  # aiomysql has no types
    """aiomysql's connection to a server that is not trusted.

    It never sends more than one statement at once, reads no file for the server, sends no password that a listener
    could read, and takes no more bytes than `room`.
    """

    def __init__(
        self, address: str, target: MySqlTarget, context: ssl.SSLContext | None, *, tls_required: bool
    ) -> None:
        super().__init__(
            host=address,
            port=target.port,
            user=target.user,
            # The driver encodes passwords as Latin-1, servers and their own clients as UTF-8.
            password=target.password.encode().decode("latin-1"),
            db=target.database,
            charset="utf8mb4",
            conv=DECODERS,
            autocommit=None,
            local_infile=False,
            ssl=context,
        )
        self.client_flag &= ~CLIENT.MULTI_STATEMENTS
        self._server_auth_plugin: str
        self._connect_attrs = {"program_name": "memori"}
        self._tls_required = tls_required
        self.room = MAX_MESSAGE_BYTES

    @property
    def is_mariadb(self) -> bool:
        """Whether the server is a MariaDB, which calls some settings by other names."""
        return "mariadb" in self.server_version.lower()

    async def run(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement of ours."""
        self.room = MAX_MESSAGE_BYTES
        # Unbuffered, because the other cursor turns the server's warnings into Python's.
        cursor = await self.cursor(aiomysql.SSCursor)
        await cursor.execute(statement)
        return list(await cursor.fetchall()) if cursor.description else []

    async def prepare(self, statement: str) -> tuple[int, int]:
        """Have the server check a statement: how many columns it returns, and how many placeholders it has."""
        self.room = MAX_MESSAGE_BYTES
        await self._execute_command(COMMAND.COM_STMT_PREPARE, statement)
        answer = await self._read_packet()
        columns, placeholders = struct.unpack_from("<HH", answer.get_all_data(), 5)
        for described in (placeholders, columns):
            # As many descriptions, and an end.
            for _ in range(described + 1 if described else 0):
                await self._read_packet()
        return columns, placeholders

    async def _request_authentication(self) -> None:
        if self._tls_required and not self.server_capabilities & CLIENT.SSL:
            raise TlsMissingError
        if not self.server_capabilities & CLIENT.PLUGIN_AUTH:
            raise aiomysql.OperationalError(2059, "the server only knows how passwords were sent before MySQL 5.5")
        if self._server_auth_plugin == "mysql_clear_password":
            self._server_auth_plugin = "mysql_native_password"  # it may ask again once TLS is there
        await super()._request_authentication()

    async def _process_auth(self, plugin_name: bytes, auth_packet: MysqlPacket) -> Any:
        if plugin_name == b"mysql_old_password" or (plugin_name == b"mysql_clear_password" and not self._secure):
            raise aiomysql.OperationalError(2059, "the server asks for the password in a form that others could read")
        return await super()._process_auth(plugin_name, auth_packet)

    async def _read_packet(self, packet_type: type[MysqlPacket] = MysqlPacket) -> MysqlPacket:
        try:
            return await super()._read_packet(packet_type)
        except (aiomysql.Error, OSError, TooLargeError):
            raise
        except Exception as error:  # the driver raises Exception itself where a packet is too short
            raise aiomysql.InternalError("a malformed packet") from error

    async def _read_bytes(self, num_bytes: int) -> bytes:
        self.room -= num_bytes
        if self.room < 0:
            raise TooLargeError
        data: bytes = await super()._read_bytes(num_bytes)
        return data

    async def leave(self) -> None:
        """Say goodbye where the server listens, and be gone in any case."""
        writer = self._writer
        if writer is None:
            return
        try:
            if self._result is None or not self._result.unbuffered_active:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self.ensure_closed()
        except (TimeoutError, OSError, aiomysql.Error):
            pass
        finally:
            writer.transport.abort()
            self.close()


class MySqlConnector:
    """Makes fresh read-only connections to one target."""

    def __init__(self, target: MySqlTarget, *, hosts: tuple[str, ...], require_tls: bool, public_only: bool) -> None:
        self.target = target
        self._hosts = hosts
        self._public_only = public_only
        self._sslmode: SslMode = target.sslmode or ("require" if require_tls else "prefer")

    @asynccontextmanager
    async def session(self, *, seconds: float) -> AsyncIterator[MySqlConnection]:
        """A connection inside a read-only transaction.

        Everything inside ends after `seconds`. Raises the errors of the port, for errors of the body too.
        """
        connection: MySqlConnection | None = None
        try:
            async with asyncio.timeout(seconds):
                connection = await self._connect(seconds)
                for statement in _settings(connection, seconds):
                    await connection.run(statement)
                yield connection
        except TimeoutError:
            raise StatementTimedOut(f"the statement was stopped after {seconds:g} s") from None
        except (aiomysql.Error, TooLargeError, OSError, ValueError, ArithmeticError, *_BROKEN_SERVER) as error:
            raise self._translated(error) from None
        finally:
            if connection is not None:
                await connection.leave()

    async def _connect(self, seconds: float) -> MySqlConnection:
        try:
            async with asyncio.timeout(min(CONNECT_SECONDS, seconds)):
                addresses = await permitted_addresses(
                    self.target.host, self.target.port, self._hosts, public_only=self._public_only
                )
                return await self._connect_to_any(addresses)
        except TimeoutError:
            raise SourceUnreachable("the server did not answer in time") from None
        except TlsMissingError:
            raise SourceUnreachable("the server does not speak TLS") from None
        except aiomysql.Error as error:
            raise self._unreachable(error) from None
        except (TooLargeError, OSError, ValueError, *_BROKEN_SERVER):
            raise SourceUnreachable(_NO_MYSQL) from None

    async def _connect_to_any(self, addresses: tuple[str, ...]) -> MySqlConnection:
        """A connection to the first address where somebody listens."""
        for address in addresses[:-1]:
            try:
                return await self._connect_to(address)
            except aiomysql.OperationalError as error:
                if not isinstance(error.__cause__, OSError):
                    raise
        return await self._connect_to(addresses[-1])

    async def _connect_to(self, address: str) -> MySqlConnection:
        connection = MySqlConnection(
            address,
            self.target,
            None if self._sslmode == "disable" else tls_context(self.target.host, self._sslmode),
            tls_required=self._sslmode not in {"disable", "prefer"},
        )
        try:
            await connection._connect()  # noqa: SLF001  # `aiomysql.connect` takes no class of ours
        except BaseException:
            await connection.leave()
            raise
        return connection

    def _unreachable(self, error: aiomysql.Error) -> SourceUnreachable:
        code, message = _of_server(error)
        if isinstance(error.__cause__, ssl.SSLError):
            return SourceUnreachable(f"TLS failed: {error.__cause__.reason or 'handshake error'}")
        if code is None or isinstance(error.__cause__, asyncio.IncompleteReadError):
            return SourceUnreachable(_NO_MYSQL)
        if isinstance(error.__cause__, OSError):
            return SourceUnreachable("cannot connect to the server")
        return SourceUnreachable(self._without_password(message))

    def _translated(self, error: Exception) -> SourceError:  # noqa: PLR0911  # one for each kind
        if isinstance(error, TooLargeError):
            return StatementFailed(f"a row of the result holds more than {MAX_MESSAGE_BYTES // 2**20} MiB")
        if isinstance(error, ValueError | ArithmeticError):
            return StatementFailed(f"a value cannot be represented ({error}); cast it to CHAR")
        if not isinstance(error, aiomysql.Error):
            return SourceUnreachable(_NO_MYSQL)
        code, message = _of_server(error)
        if code in _TIMED_OUT:
            return StatementTimedOut("the statement was stopped at its time limit")
        if code in _LOCKED:
            return StatementTimedOut("the statement waited too long for a lock")
        if code is None:
            return SourceUnreachable(_NO_MYSQL)
        if code in _GONE:
            return SourceUnreachable("the connection to the server was lost")
        return StatementFailed(self._without_password(message))

    def _without_password(self, message: str) -> str:
        return without_password(message, self.target.password)


def _of_server(error: aiomysql.Error) -> tuple[int | None, str]:
    """The code and the text of an error; no code where the driver made it up."""
    match error.args:
        case (int(code), str(message)):
            return code, message
        case _:
            return None, str(error)


def limited_to(connection: MySqlConnection, seconds: float) -> str:
    """The statement that bounds what each later one may take, and how long it waits for locks."""
    wait = max(1, round(min(LOCK_SECONDS, seconds)))
    if connection.is_mariadb:
        limit = f"max_statement_time = {seconds:.3f}"
    else:
        limit = f"max_execution_time = {max(1, int(seconds * 1_000))}"
    return f"SET SESSION {limit}, lock_wait_timeout = {wait}, innodb_lock_wait_timeout = {wait}"


def _settings(connection: MySqlConnection, seconds: float) -> tuple[str, ...]:
    """What makes a session ours: how it reads, how long it may take, and that it changes nothing.

    The guard judges by the default SQL mode: "x" is a string, || is OR, a backslash escapes. Where the servers would
    only warn of a result that is cut off, the limits are raised: recursion in MariaDB, GROUP_CONCAT in MySQL.
    """
    if connection.is_mariadb:
        reading = "sql_mode = '', max_recursive_iterations = 4294967295"
    else:
        # MariaDB would refuse honest queries: it does not know which columns the grouped ones determine.
        reading = "sql_mode = 'ONLY_FULL_GROUP_BY'"
    return (
        f"SET SESSION {reading}, group_concat_max_len = {_CONCAT_BYTES}",
        limited_to(connection, seconds),
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        "START TRANSACTION READ ONLY",
    )
