"""MySQL 8 and MariaDB 10.6 and later as a source."""

import re
import time
from typing import Final, Literal

import aiomysql

from contracts.sql_generator import DatabaseSchema, QueryResult, ResultColumn
from sql_generator.sources import Limits, SourceUnreachable, StatementFailed, StatementTimedOut, check_text
from sql_generator.sources.capped_rows import MAX_NAME, CappedRows
from sql_generator.sources.mysql_connection import (
    CONNECT_SECONDS,
    MAX_MESSAGE_BYTES,
    WAITED,
    MySqlConnection,
    MySqlConnector,
)
from sql_generator.sources.mysql_role import role_warnings
from sql_generator.sources.mysql_schema import INTROSPECTION_SECONDS, read_schema
from sql_generator.sources.mysql_values import type_name
from sql_generator.sources.values import json_value

_READING: Final = re.compile(r"[\s(]*(?:SELECT|WITH|VALUES|TABLE|SHOW|DESC|DESCRIBE|EXPLAIN)\b", re.IGNORECASE)


class MySqlSource:
    """Each statement is prepared, so that the server says what it is, before it runs in a read-only transaction."""

    kind: Literal["mysql"] = "mysql"

    def __init__(self, connector: MySqlConnector) -> None:
        self._connector = connector

    async def test(self) -> str:
        try:
            async with self._connector.session(seconds=CONNECT_SECONDS) as connection:
                ((version,),) = await connection.run("SELECT version()")
        except (StatementFailed, StatementTimedOut) as error:
            raise SourceUnreachable(error.detail) from None
        return f"{'MariaDB' if connection.is_mariadb else 'MySQL'} {str(version).partition('-')[0]}"

    async def introspect(self) -> DatabaseSchema:
        try:
            async with self._connector.session(seconds=INTROSPECTION_SECONDS) as connection:
                tables = await read_schema(connection)
        except (StatementFailed, StatementTimedOut) as error:
            raise SourceUnreachable(f"the schema could not be read: {error.detail}") from None
        return DatabaseSchema(dialect="mysql", tables=tables)

    async def execute(self, sql: str, limits: Limits) -> QueryResult:
        started = time.perf_counter()
        async with self._connector.session(seconds=limits.seconds) as connection:
            await _check(connection, sql)
            columns, result = await _rows(connection, sql, limits)
        return QueryResult(
            columns=columns,
            rows=tuple(tuple(row) for row in result.rows),
            row_count=len(result.rows),
            truncated=result.truncated_by is not None,
            truncated_by=result.truncated_by,
            elapsed_ms=(time.perf_counter() - started) * 1_000,
        )

    async def explain(self, sql: str, limits: Limits) -> tuple[str, ...]:
        async with self._connector.session(seconds=limits.seconds) as connection:
            # To prepare a statement finds unknown tables, columns and functions.
            await _check(connection, sql)
            return await _full_scans(connection, sql)

    async def role_warnings(self) -> tuple[str, ...]:
        try:
            async with self._connector.session(seconds=CONNECT_SECONDS) as connection:
                return await role_warnings(connection, self._connector.target.database)
        except (StatementFailed, StatementTimedOut) as error:
            raise SourceUnreachable(error.detail) from None

    async def close(self) -> None:
        """Nothing is held between statements."""


async def _check(connection: MySqlConnection, sql: str) -> None:
    check_text(sql)
    # ANALYZE TABLE, CHECK TABLE and SET STATEMENT … FOR describe columns as well.
    if not _READING.match(sql):
        raise StatementFailed("the statement does not begin as a query does")
    columns, placeholders = await connection.prepare(sql)
    if placeholders:
        raise StatementFailed("the statement has placeholders; write the values themselves")
    # DML, SET, CALL, KILL, BEGIN NOT ATOMIC … END, SELECT … INTO OUTFILE and the like describe no columns, and not all
    # of them are stopped by a read-only transaction: some end it first.
    if not columns:
        raise StatementFailed("the statement returns no rows; only queries are run")


async def _full_scans(connection: MySqlConnection, sql: str) -> tuple[str, ...]:
    cursor = await connection.cursor(aiomysql.SSDictCursor)
    try:
        await cursor.execute(f"EXPLAIN FORMAT=TRADITIONAL {sql}")
        plan = await cursor.fetchall()
    except aiomysql.Error as error:
        if connection.closed or error.args[0] in WAITED:
            raise
        # The statement is a look at a plan or a table itself, or reads a view whose tables the login may not see.
        return ()
    scanned = (step["table"] for step in plan if step["type"] in {"ALL", "index"})
    # What it derives on the way is called <derived2>.
    return tuple(dict.fromkeys(name for name in scanned if not name.startswith("<")))


async def _rows(connection: MySqlConnection, sql: str, limits: Limits) -> tuple[tuple[ResultColumn, ...], CappedRows]:
    # Unbuffered, and never closed: that would read what is left of ten million rows. The connection ends instead.
    cursor = await connection.cursor(aiomysql.SSCursor)
    await cursor.execute(sql)
    names = [(field.name[:MAX_NAME], type_name(field)) for field in cursor._result.fields]  # noqa: SLF001  # the public description lacks flags and character sets
    result = CappedRows(names, limits)
    connection.room = MAX_MESSAGE_BYTES
    while (row := await cursor.fetchone()) is not None:
        if not result.add([json_value(value) for value in row]):
            break
        connection.room = MAX_MESSAGE_BYTES
    return tuple(ResultColumn(name=name, type=kind) for name, kind in names), result
