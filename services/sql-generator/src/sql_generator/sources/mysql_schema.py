"""The tables of a MySQL database, from information_schema in three queries; samples in one bounded query a table."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import aiomysql

from contracts.sql_generator import Column, ForeignKey, Table
from sql_generator.sources.mysql_connection import MySqlConnection, limited_to
from sql_generator.sources.samples import MAX_DISTINCT, MAX_LENGTH, ROWS_SCANNED, kept_samples, may_be_sampled

INTROSPECTION_SECONDS: Final = 40.0
SAMPLING_SECONDS: Final = 20.0
SAMPLE_SECONDS: Final = 2.0
MAX_COMMENT: Final = 500
_SAMPLED_TYPES: Final = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"})

# Only what the login may read is listed. A view's comment is the word VIEW.
_TABLES: Final = """
SELECT table_name, table_type, table_comment, table_rows
FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')
ORDER BY table_name
"""

_COLUMNS: Final = """
SELECT table_name, column_name, data_type, column_type, is_nullable, column_key, column_comment
FROM information_schema.columns
WHERE table_schema = DATABASE() AND FIND_IN_SET('select', privileges)
ORDER BY table_name, ordinal_position
"""

_FOREIGN_KEYS: Final = """
SELECT table_name, constraint_name, column_name, referenced_table_name, referenced_column_name
FROM information_schema.key_column_usage
WHERE table_schema = DATABASE() AND referenced_table_schema = DATABASE()
ORDER BY table_name, constraint_name, ordinal_position
"""


class _Column(NamedTuple):
    table: str
    name: str
    kind: str
    type: str
    nullable: str
    key: str
    comment: str


async def read_schema(connection: MySqlConnection) -> tuple[Table, ...]:
    """The tables and views of the connection's database, by name."""
    relations = await connection.run(_TABLES)
    columns: defaultdict[str, list[_Column]] = defaultdict(list)
    for row in await connection.run(_COLUMNS):
        column = _Column(*row)
        columns[column.table].append(column)
    readable = {(column.table, column.name) for group in columns.values() for column in group}
    foreign = _foreign_keys(await connection.run(_FOREIGN_KEYS), readable)
    samples = await _samples(connection, [name for name, *_ in relations], columns)
    return tuple(
        Table(
            name=name,
            columns=tuple(_column(column, samples) for column in columns[name]),
            foreign_keys=foreign.get(name, ()),
            comment="" if kind == "VIEW" else comment[:MAX_COMMENT],
            row_estimate=None if kind == "VIEW" else rows,
        )
        for name, kind, comment, rows in relations
        if columns[name]
    )


def _column(column: _Column, samples: Mapping[tuple[str, str], tuple[str, ...]]) -> Column:
    return Column(
        name=column.name,
        type=column.type,
        nullable=column.nullable == "YES",
        primary_key=column.key == "PRI",
        comment=column.comment[:MAX_COMMENT],
        samples=samples.get((column.table, column.name), ()),
    )


def _foreign_keys(rows: Sequence[tuple[Any, ...]], readable: set[tuple[str, str]]) -> dict[str, tuple[ForeignKey, ...]]:
    """The references of each table, but those of which a part cannot be read."""
    pairs: defaultdict[tuple[str, str, str], list[tuple[str, str]]] = defaultdict(list)
    for table, constraint, column, target, target_column in rows:
        pairs[table, constraint, target].append((column, target_column))
    found: defaultdict[str, list[ForeignKey]] = defaultdict(list)
    for (table, _, target), columns in pairs.items():
        if all((table, here) in readable and (target, there) in readable for here, there in columns):
            here, there = zip(*columns, strict=True)
            found[table].append(ForeignKey(columns=here, target_table=target, target_columns=there))
    return {table: tuple(keys) for table, keys in found.items()}


async def _samples(
    connection: MySqlConnection, tables: Sequence[str], columns: Mapping[str, Sequence[_Column]]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Values of text columns that hold few distinct ones among the first rows.

    A table that cannot be sampled in time goes without; after `SAMPLING_SECONDS` all the rest do.
    """
    deadline = asyncio.get_running_loop().time() + SAMPLING_SECONDS
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    await connection.run(limited_to(connection, SAMPLE_SECONDS))
    for table in tables:
        sampled = [c for c in columns[table] if c.kind in _SAMPLED_TYPES and may_be_sampled(c.name)]
        if not sampled:
            continue
        if asyncio.get_running_loop().time() > deadline:
            break
        try:
            rows = await connection.run(_sample_query(table, sampled))
        except aiomysql.Error:
            if connection.closed:
                raise
            # A lock, a view that divides by zero: whatever it is, the table only goes without samples.
            continue
        for position, column in enumerate(sampled):
            found[table, column.name] = kept_samples(value for at, value in rows if at == position)
    return found


def _sample_query(table: str, columns: Sequence[_Column]) -> str:
    # Under one collation, because columns of several cannot stand in one union; a binary one, because it tells
    # `Paid` from `paid`.
    return " UNION ALL ".join(
        f"SELECT {position}, v FROM (SELECT DISTINCT v FROM"  # noqa: S608  # quoted names only
        f" (SELECT CONVERT(LEFT({_quoted(column.name)}, {MAX_LENGTH + 1}) USING utf8mb4) COLLATE utf8mb4_bin AS v"
        f" FROM {_quoted(table)} LIMIT {ROWS_SCANNED}) AS scanned"
        f" WHERE v IS NOT NULL LIMIT {MAX_DISTINCT + 1}) AS d{position}"
        for position, column in enumerate(columns)
    )


def _quoted(identifier: str) -> str:
    return "`" + identifier.replace("`", "``") + "`"
