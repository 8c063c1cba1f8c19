"""The tables of a PostgreSQL database, from pg_catalog in three queries, and samples in one bounded query a table."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
from asyncpg import exceptions as pg

from contracts.sql_generator import Column, ForeignKey, Table
from sql_generator.sources.identifiers import quoted
from sql_generator.sources.postgres_metering import ByteMeter
from sql_generator.sources.samples import MAX_DISTINCT, MAX_LENGTH, ROWS_SCANNED, kept_samples, may_be_sampled

INTROSPECTION_SECONDS: Final = 40.0
SAMPLING_SECONDS: Final = 20.0
SAMPLE_TIMEOUT_MS: Final = 2_000
MAX_COMMENT: Final = 500

# Tables, partitioned tables (once: their partitions are left out), views, materialized views and foreign tables that
# can be read and belong to no extension.
_RELATIONS: Final = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text AS kind,
       left(obj_description(c.oid, 'pg_class'), $1) AS comment,
       CASE WHEN c.relkind IN ('v', 'f') THEN NULL
            WHEN c.relkind = 'p' AND c.reltuples < 0 THEN
                 (SELECT sum(leaf.reltuples) FILTER (WHERE leaf.reltuples >= 0)
                  FROM pg_partition_tree(c.oid) AS tree JOIN pg_class AS leaf ON leaf.oid = tree.relid
                  WHERE tree.isleaf)
            WHEN c.reltuples >= 0 THEN c.reltuples END::float8 AS row_estimate
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname
"""

_COLUMNS: Final = """
SELECT a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull,
       left(col_description(a.attrelid, a.attnum), $2) AS comment,
       t.typcategory::text AS category, has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS readable
FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
WHERE a.attrelid = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

_KEYS: Final = """
SELECT conrelid, contype::text AS kind, conkey, confrelid, confkey
FROM pg_catalog.pg_constraint
WHERE conrelid = ANY ($1) AND contype IN ('p', 'f') AND conparentid = 0
ORDER BY conrelid, conname
"""


async def read_schema(connection: asyncpg.Connection, meter: ByteMeter, default_schema: str) -> tuple[Table, ...]:
    """Tables by name; those outside the default schema are named `schema.table`."""
    relations = await connection.fetch(_RELATIONS, MAX_COMMENT)
    names = {r["oid"]: _name(r, default_schema) for r in relations}
    columns: defaultdict[int, list[Any]] = defaultdict(list)
    for column in await connection.fetch(_COLUMNS, list(names), MAX_COMMENT):
        if column["readable"]:
            columns[column["attrelid"]].append(column)
    column_names = {(c["attrelid"], c["attnum"]): c["attname"] for group in columns.values() for c in group}
    primary: defaultdict[int, set[int]] = defaultdict(set)
    foreign: defaultdict[int, list[ForeignKey]] = defaultdict(list)
    for key in await connection.fetch(_KEYS, list(names)):
        if key["kind"] == "p":
            primary[key["conrelid"]].update(key["conkey"])
        elif reference := _foreign_key(key, names, column_names):
            foreign[key["conrelid"]].append(reference)
    samples = await _samples(connection, meter, relations, columns)
    tables = (
        Table(
            name=names[oid],
            columns=tuple(_column(c, primary[oid], samples) for c in columns[oid]),
            foreign_keys=tuple(foreign[oid]),
            comment=relation["comment"] or "",
            row_estimate=None if relation["row_estimate"] is None else int(relation["row_estimate"]),
        )
        for relation in relations
        if columns[oid := relation["oid"]]
    )
    return tuple(sorted(tables, key=lambda table: table.name))


def _name(relation: Mapping[str, Any], default_schema: str) -> str:
    schema, name = str(relation["nspname"]), str(relation["relname"])
    return name if schema == default_schema else f"{schema}.{name}"


def _column(column: Mapping[str, Any], primary: set[int], samples: Mapping[tuple[int, int], tuple[str, ...]]) -> Column:
    return Column(
        name=column["attname"],
        type=column["type"],
        nullable=not column["attnotnull"],
        primary_key=column["attnum"] in primary,
        comment=column["comment"] or "",
        samples=samples.get((column["attrelid"], column["attnum"]), ()),
    )


def _foreign_key(
    key: Mapping[str, Any], names: Mapping[int, str], columns: Mapping[tuple[int, int], str]
) -> ForeignKey | None:
    """The reference, unless a part of it cannot be read."""
    here = [columns.get((key["conrelid"], number)) for number in key["conkey"]]
    there = [columns.get((key["confrelid"], number)) for number in key["confkey"]]
    target = names.get(key["confrelid"])
    if target is None or None in here or None in there:
        return None
    return ForeignKey(
        columns=tuple(name for name in here if name),
        target_table=target,
        target_columns=tuple(name for name in there if name),
    )


async def _samples(
    connection: asyncpg.Connection,
    meter: ByteMeter,
    relations: Sequence[Mapping[str, Any]],
    columns: Mapping[int, Sequence[Mapping[str, Any]]],
) -> dict[tuple[int, int], tuple[str, ...]]:
    """Values of text, enum and boolean columns that hold few distinct ones among the rows looked at.

    A table that cannot be sampled in time goes without; after `SAMPLING_SECONDS` all the rest do.
    """
    deadline = asyncio.get_running_loop().time() + SAMPLING_SECONDS
    found: dict[tuple[int, int], tuple[str, ...]] = {}
    for relation in relations:
        # A foreign table is another server's; reading it may cost anything.
        candidates = [
            c for c in columns[relation["oid"]] if c["category"] in {"S", "E", "B"} and may_be_sampled(c["attname"])
        ]
        if relation["kind"] == "f" or not candidates:
            continue
        if asyncio.get_running_loop().time() > deadline:
            break
        meter.received = 0
        await connection.execute(f"SAVEPOINT sample; SET LOCAL statement_timeout = {SAMPLE_TIMEOUT_MS}")
        try:
            row = await connection.fetchrow(_sample_query(relation, candidates))
        except (pg.PostgresConnectionError, pg.OperatorInterventionError) as error:
            if not isinstance(error, pg.QueryCanceledError):
                raise
            row = None
        except pg.PostgresError:
            # A lock, a view that divides by zero, a policy: whatever it is, the table only goes without samples.
            row = None
        if row is None:
            await connection.execute("ROLLBACK TO SAVEPOINT sample")
            continue
        for column, values in zip(candidates, row.values(), strict=True):
            found[column["attrelid"], column["attnum"]] = kept_samples(values or ())
    return found


def _sample_query(relation: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]) -> str:
    table = f"{quoted(relation['nspname'])}.{quoted(relation['relname'])}"
    rows = relation["row_estimate"] or 0
    if relation["kind"] in {"r", "m", "p"} and rows > 10 * ROWS_SCANNED:
        # The first rows of a large table are its oldest; random pages are fairer.
        table += f" TABLESAMPLE SYSTEM ({max(100 * 2 * ROWS_SCANNED / rows, 0.0001):.4f})"
    scanned = ", ".join(
        f"left({quoted(c['attname'])}::text, {MAX_LENGTH + 1}) AS s{position}" for position, c in enumerate(columns)
    )
    distinct = ", ".join(
        f"(SELECT array_agg(v) FROM (SELECT DISTINCT s{position} AS v FROM sample"  # noqa: S608  # quoted names only
        f" WHERE s{position} IS NOT NULL LIMIT {MAX_DISTINCT + 1}) AS d)"
        for position in range(len(columns))
    )
    return f"WITH sample AS MATERIALIZED (SELECT {scanned} FROM {table} LIMIT {ROWS_SCANNED}) SELECT {distinct}"  # noqa: S608
