"""The tables of a DuckDB file, as the fields of `contracts.sql_generator.Table`."""

from collections import defaultdict
from typing import Any, Final

from sql_generator.sources import SourceError
from sql_generator.sources.duckdb_worker.reader import Reader
from sql_generator.sources.identifiers import quoted
from sql_generator.sources.samples import MAX_LENGTH, ROWS_SCANNED, kept_samples, may_be_sampled

TABLE_SECONDS: Final = 2.0
MAX_TYPE: Final = 200
_DEFAULT_SCHEMA: Final = "main"

_RELATIONS: Final = """
SELECT schema_name, table_name, comment, estimated_size FROM duckdb_tables()
WHERE database_name = current_database() AND NOT internal AND NOT temporary
UNION ALL
SELECT schema_name, view_name, comment, NULL FROM duckdb_views()
WHERE database_name = current_database() AND NOT internal AND NOT temporary
ORDER BY ALL"""
_COLUMNS: Final = """
SELECT schema_name, table_name, column_name, data_type, is_nullable, comment FROM duckdb_columns()
WHERE database_name = current_database() AND NOT internal ORDER BY schema_name, table_name, column_index"""
_KEYS: Final = """
SELECT schema_name, table_name, constraint_type, constraint_column_names, referenced_table, referenced_column_names
FROM duckdb_constraints()
WHERE database_name = current_database() AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY')
ORDER BY schema_name, table_name, constraint_index"""

_Name = tuple[str, str]


def read_tables(reader: Reader) -> list[dict[str, Any]]:
    """Tables and views by name; without a view that can no longer be read."""
    columns: defaultdict[_Name, list[dict[str, Any]]] = defaultdict(list)
    for schema, table, name, kind, nullable, comment in reader.rows(_COLUMNS):
        columns[schema, table].append(
            {
                "name": name,
                "type": kind if len(kind) <= MAX_TYPE else f"{kind[: MAX_TYPE - 1]}…",
                "nullable": nullable,
                "comment": comment or "",
            }
        )
    foreign_keys = _keys(reader, columns)
    tables = []
    for schema, name, comment, size in reader.rows(_RELATIONS):
        key = (schema, name)
        is_view = size is None
        if is_view and not _is_readable(reader, key):
            continue
        _add_samples(reader, key, columns[key])
        tables.append(
            {
                "name": _shown(key),
                "columns": columns[key],
                "foreign_keys": foreign_keys[key],
                "comment": comment or "",
                "row_estimate": size,
            }
        )
    return tables


def _shown(key: _Name) -> str:
    schema, name = key
    return name if schema == _DEFAULT_SCHEMA else f"{schema}.{name}"


def _from(key: _Name) -> str:
    return ".".join(map(quoted, key))


def _keys(reader: Reader, columns: dict[_Name, list[dict[str, Any]]]) -> defaultdict[_Name, list[dict[str, Any]]]:
    """Mark the columns of primary keys; the foreign keys by table. DuckDB has none across schemas."""
    foreign: defaultdict[_Name, list[dict[str, Any]]] = defaultdict(list)
    for schema, table, kind, here, target, there in reader.rows(_KEYS):
        if kind == "FOREIGN KEY":
            key = {"columns": here, "target_table": _shown((schema, target)), "target_columns": there}
            foreign[schema, table].append(key)
            continue
        for column in columns[schema, table]:
            if column["name"] in here:
                column["primary_key"] = True
    return foreign


def _is_readable(reader: Reader, view: _Name) -> bool:
    try:
        reader.rows(f"SELECT 1 FROM {_from(view)} LIMIT 0", seconds=TABLE_SECONDS)  # noqa: S608  # quoted
    except SourceError:
        return False
    return True


def _add_samples(reader: Reader, table: _Name, columns: list[dict[str, Any]]) -> None:
    """Put `samples` on text, boolean and ENUM columns that hold few distinct values among the rows looked at."""
    candidates = [column for column in columns if _is_sampled(column)]
    if not candidates:
        return
    scanned = ", ".join(f"left({quoted(column['name'])}::VARCHAR, {MAX_LENGTH + 1})" for column in candidates)
    try:
        rows = reader.rows(f"SELECT {scanned} FROM {_from(table)} LIMIT {ROWS_SCANNED}", seconds=TABLE_SECONDS)  # noqa: S608
    except SourceError:
        return
    for position, column in enumerate(candidates):
        column["samples"] = kept_samples(row[position] for row in rows)


def _is_sampled(column: dict[str, Any]) -> bool:
    kind = column["type"]
    return may_be_sampled(column["name"]) and (kind in {"VARCHAR", "BOOLEAN"} or kind.startswith("ENUM("))
