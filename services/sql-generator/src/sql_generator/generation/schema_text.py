"""A schema as a model reads it: compact, like DDL, with comments, keys and sample values as quoted data."""

import re
from collections.abc import Iterable

from pydantic import JsonValue

from contracts.sql_generator import Column, SourceKind, Table
from sql_generator.generation.quoting import cut, quoted

MAX_COMMENT_CHARS = 200
MAX_SAMPLES = 10
MAX_SAMPLE_CHARS = 80
MAX_NAMES_LEFT_OUT = 100

# Postgres folds an unquoted name to lower case, so a name that needs its capitals is shown in quotes.
_PLAIN_NAME: dict[SourceKind, re.Pattern[str]] = {
    "postgres": re.compile(r"[a-z_][a-z0-9_$]*"),
    "mysql": re.compile(r"[A-Za-z_][A-Za-z0-9_$]*"),
    "sqlite": re.compile(r"[A-Za-z_][A-Za-z0-9_$]*"),
    "duckdb": re.compile(r"[A-Za-z_][A-Za-z0-9_]*"),
}
_PLAIN_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_ ,.()\[\]]{0,79}")


def table_text(table: Table, dialect: SourceKind) -> str:
    """One table: a head line, then its columns and keys, each on an indented line; remarks follow ` -- ` as JSON."""
    keys = [column.name for column in table.columns if column.primary_key]
    lines = [_remarked(f"table {table_name(table.name, dialect)}", _table_remark(table))]
    for column in table.columns:
        sole_key = column.primary_key and len(keys) == 1
        lines.append(_remarked(f"  {_definition(column, dialect, sole_key=sole_key)}", _column_remark(column)))
    if len(keys) > 1:
        lines.append(f"  primary key {_names(keys, dialect)}")
    lines += [
        f"  foreign key {_names(key.columns, dialect)}"
        f" references {table_name(key.target_table, dialect)} {_names(key.target_columns, dialect)}"
        for key in table.foreign_keys
    ]
    return "\n".join(lines)


def left_out_text(tables: tuple[str, ...], columns: tuple[tuple[str, int], ...], dialect: SourceKind) -> str:
    """What an excerpt lacks, one line each for whole tables and for columns of tables that are shown."""
    lines = []
    if tables:
        names = ", ".join(table_name(name, dialect) for name in tables[:MAX_NAMES_LEFT_OUT])
        more = f" and {len(tables) - MAX_NAMES_LEFT_OUT} more" if len(tables) > MAX_NAMES_LEFT_OUT else ""
        lines.append(f"left out to save space, {len(tables)} tables: {names}{more}")
    lines += [f"left out to save space, {count} columns of {table_name(name, dialect)}" for name, count in columns]
    return "\n".join(lines)


def table_name(name: str, dialect: SourceKind) -> str:
    """A table's name as SQL would spell it, each part in quotes where it needs them."""
    return ".".join(_name(part, dialect) for part in name.split(".", 1))


def _name(name: str, dialect: SourceKind) -> str:
    if _PLAIN_NAME[dialect].fullmatch(name):
        return name
    if dialect != "mysql":
        return quoted(name)
    # "name" would be a string there.
    return "`" + quoted(name)[1:-1].replace('\\"', '"').replace("`", "``") + "`"


def _names(names: Iterable[str], dialect: SourceKind) -> str:
    return f"({', '.join(_name(name, dialect) for name in names)})"


def _definition(column: Column, dialect: SourceKind, *, sole_key: bool) -> str:
    kind = column.type if _PLAIN_TYPE.fullmatch(column.type) else quoted(cut(column.type, 80))
    words = [_name(column.name, dialect), kind]
    if sole_key:
        words.append("primary key")
    elif not column.nullable:
        words.append("not null")
    return " ".join(words)


def _table_remark(table: Table) -> dict[str, JsonValue]:
    remark: dict[str, JsonValue] = {}
    if table.comment:
        remark["comment"] = cut(table.comment, MAX_COMMENT_CHARS)
    if table.row_estimate is not None:
        remark["rows"] = table.row_estimate
    return remark


def _column_remark(column: Column) -> dict[str, JsonValue]:
    remark: dict[str, JsonValue] = {}
    if column.comment:
        remark["comment"] = cut(column.comment, MAX_COMMENT_CHARS)
    if column.samples:
        remark["samples"] = [cut(sample, MAX_SAMPLE_CHARS) for sample in column.samples[:MAX_SAMPLES]]
    return remark


def _remarked(line: str, remark: dict[str, JsonValue]) -> str:
    return f"{line} -- {quoted(remark)}" if remark else line
