"""PostgreSQL 13 and later as a source."""

import json
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import asyncpg
from asyncpg import exceptions as pg
from pydantic import JsonValue

from contracts.sql_generator import DatabaseSchema, QueryResult, ResultColumn
from sql_generator.sources import Limits, SourceUnreachable, StatementFailed, StatementTimedOut, check_text
from sql_generator.sources.capped_rows import MAX_NAME, CappedRows
from sql_generator.sources.postgres_connection import CONNECT_SECONDS, PostgresConnector
from sql_generator.sources.postgres_metering import ByteMeter
from sql_generator.sources.postgres_role import role_warnings
from sql_generator.sources.postgres_schema import INTROSPECTION_SECONDS, read_schema
from sql_generator.sources.postgres_superuser import check_plan
from sql_generator.sources.values import duration, json_document, json_value

FIRST_SLICE: Final = 16
SLICE_BYTES: Final = 4 * 1024 * 1024
_SQL_NAMES: Final = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "varchar": "character varying",
    "bpchar": "character",
    "varbit": "bit varying",
    "time": "time without time zone",
    "timetz": "time with time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}


class PostgresSource:
    """Statements run as prepared statements of the extended protocol, one at a time, inside a read-only transaction."""

    kind: Literal["postgres"] = "postgres"

    def __init__(self, connector: PostgresConnector) -> None:
        self._connector = connector

    async def test(self) -> str:
        try:
            async with self._connector.session(seconds=CONNECT_SECONDS) as (connection, _):
                version = str(await connection.fetchval("SHOW server_version"))
        except (StatementFailed, StatementTimedOut) as error:
            raise SourceUnreachable(error.detail) from None
        return f"PostgreSQL {version.partition(' ')[0]}"

    async def introspect(self) -> DatabaseSchema:
        try:
            async with self._connector.session(seconds=INTROSPECTION_SECONDS) as (connection, meter):
                tables = await read_schema(connection, meter, self._connector.target.schema)
        except (StatementFailed, StatementTimedOut) as error:
            raise SourceUnreachable(f"the schema could not be read: {error.detail}") from None
        return DatabaseSchema(dialect="postgres", tables=tables)

    async def execute(self, sql: str, limits: Limits) -> QueryResult:
        started = time.perf_counter()
        async with self._connector.session(seconds=limits.seconds) as (connection, meter):
            statement = await _prepared(connection, sql)
            if self._connector.login_is_superuser:
                await check_plan(connection, sql)
            columns = [(column.name[:MAX_NAME], _sql_name(column.type)) for column in statement.get_attributes()]
            result = CappedRows(columns, limits)
            await _fetch(statement, meter, result)
        return QueryResult(
            columns=tuple(ResultColumn(name=name, type=kind) for name, kind in columns),
            rows=tuple(tuple(row) for row in result.rows),
            row_count=len(result.rows),
            truncated=result.truncated_by is not None,
            truncated_by=result.truncated_by,
            elapsed_ms=(time.perf_counter() - started) * 1_000,
        )

    async def explain(self, sql: str, limits: Limits) -> tuple[str, ...]:
        async with self._connector.session(seconds=limits.seconds) as (connection, _):
            # Parse analysis finds unknown tables, columns, functions and wrong types.
            await _prepared(connection, sql)
            try:
                # With its options in parentheses, a text that goes on with ANALYZE is an error instead of a run.
                plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON, COSTS FALSE) {sql}")
            except pg.PostgresError:
                # The statement is a look at a plan or a setting itself.
                return ()
        return tuple(dict.fromkeys(_full_scans(json.loads(plan)[0]["Plan"])))

    async def role_warnings(self) -> tuple[str, ...]:
        try:
            async with self._connector.session(seconds=CONNECT_SECONDS, as_login=True) as (connection, _):
                return await role_warnings(connection, self._connector.target.schema)
        except (StatementFailed, StatementTimedOut) as error:
            raise SourceUnreachable(error.detail) from None

    async def close(self) -> None:
        """Nothing is held between statements."""


async def _prepared(connection: asyncpg.Connection, sql: str) -> Any:
    check_text(sql)
    statement = await connection.prepare(sql)
    if statement.get_parameters():
        raise StatementFailed("the statement has placeholders; write the values themselves")
    # COPY, DO, SET, LOCK, NOTIFY, LOAD and the like describe no columns, and not all of them are stopped by a
    # read-only transaction: COPY … TO PROGRAM runs a program on the server.
    if not statement.get_attributes():
        raise StatementFailed("the statement returns no rows; only queries are run")
    if any("interval" in column.type.name for column in statement.get_attributes()):
        # asyncpg reads an interval as a timedelta, in which a month is 30 days.
        await connection.set_type_codec(
            "interval", schema="pg_catalog", encoder=tuple, decoder=lambda parts: duration(*parts), format="tuple"
        )
        statement = await connection.prepare(sql)
    return statement


async def _fetch(statement: Any, meter: ByteMeter, result: CappedRows) -> None:
    converters = [_converter(column.type) for column in statement.get_attributes()]
    cursor = await statement.cursor()
    size = min(FIRST_SLICE, result.expected_more())
    total_bytes = total_rows = 0
    while True:
        meter.received = 0
        rows = await cursor.fetch(size)
        total_bytes += meter.received
        total_rows += len(rows)
        for row in rows:
            if not result.add([convert(value) for convert, value in zip(converters, row.values(), strict=True)]):
                return
        if len(rows) < size:
            return
        # A row's JSON can be far smaller than what was sent (binary is cut), so both sizes bound the next slice.
        size = max(1, min(result.expected_more(), SLICE_BYTES * total_rows // max(1, total_bytes)))


def _full_scans(node: Mapping[str, Any]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan":
        yield node["Alias"]
    for child in node.get("Plans", ()):
        yield from _full_scans(child)


def _sql_name(kind: asyncpg.Type) -> str:
    element = kind.name.removesuffix("[]")
    suffix = "[]" if kind.name.endswith("[]") else ""
    return f"{_SQL_NAMES.get(element, element)}{suffix}"


def _converter(kind: asyncpg.Type) -> Callable[[Any], JsonValue]:
    element = kind.name.removesuffix("[]")
    if element in {"json", "jsonb"}:
        return _mapped(json_document)
    if element == "float4":
        return _mapped(_single_precision)
    if element == "char":
        return _mapped(lambda value: value.decode(errors="replace") if isinstance(value, bytes) else json_value(value))
    return lambda value: json_value(_plain(value))


def _mapped(convert: Callable[[Any], JsonValue]) -> Callable[[Any], JsonValue]:
    def apply(value: Any) -> JsonValue:
        if isinstance(value, list):
            return [apply(item) for item in value]
        return None if value is None else convert(value)

    return apply


def _single_precision(value: float) -> JsonValue:
    # 0.1::real arrives as 0.10000000149011612; the fewest digits that name the same real are what psql shows.
    for digits in range(6, 9):
        shorter = float(f"{value:.{digits}g}")
        try:
            if struct.pack("f", shorter) == struct.pack("f", value):
                return json_value(shorter)
        except OverflowError:
            continue
    return json_value(value)


def _plain(value: Any) -> Any:
    """Values of asyncpg's own types as values of Python's."""
    if isinstance(value, asyncpg.Record):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, asyncpg.Range):
        return _range_text(value)
    if isinstance(value, asyncpg.BitString):
        return value.as_string().replace(" ", "")
    if isinstance(value, Mapping):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return [_plain(item) for item in value]
    return value


def _range_text(value: Any) -> str:
    if value.isempty:
        return "empty"
    lower, upper = ("" if bound is None else str(json_value(bound)) for bound in (value.lower, value.upper))
    return f"{'[' if value.lower_inc else '('}{lower},{upper}{']' if value.upper_inc else ')'}"
