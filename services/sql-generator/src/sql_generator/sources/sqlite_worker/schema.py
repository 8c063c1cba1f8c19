"""The tables of a SQLite file, as the fields of `contracts.sql_generator.Table`."""

from collections import defaultdict
from typing import Any, Final

from sql_generator.sources import SourceError
from sql_generator.sources.identifiers import quoted
from sql_generator.sources.samples import MAX_LENGTH, ROWS_SCANNED, kept_samples, may_be_sampled
from sql_generator.sources.sqlite_worker.reader import Reader

COUNTED_EXACTLY: Final = 1_000_000
TABLE_SECONDS: Final = 2.0
_GENERATED: Final = {0, 2, 3}


def read_tables(reader: Reader) -> list[dict[str, Any]]:
    """Tables and views by name; without SQLite's own, and without a view that can no longer be read."""
    listed = sorted(
        (name, kind, without_rowid)
        for schema, name, kind, _, without_rowid, *_ in reader.rows("PRAGMA table_list")
        if schema == "main" and kind != "shadow" and not name.startswith("sqlite_")
    )
    columns = {name: found for name, _, _ in listed if (found := _columns(reader, name))}
    real_names = {name.lower(): name for name in columns}
    analysed = _analysed(reader)
    tables = []
    for name, kind, without_rowid in listed:
        if name not in columns:
            continue
        _add_samples(reader, name, columns[name])
        tables.append(
            {
                "name": name,
                "columns": columns[name],
                "foreign_keys": _foreign_keys(reader, name, real_names),
                "row_estimate": _row_estimate(reader, name, analysed, has_rowid=not without_rowid)
                if kind == "table"
                else None,
            }
        )
    return tables


def _columns(reader: Reader, table: str) -> list[dict[str, Any]]:
    try:
        # `hidden` tells generated columns, which can be read, from the hidden ones of virtual tables.
        found = reader.rows(f"PRAGMA table_xinfo({quoted(table)})")
    except SourceError:
        return []
    return [
        {"name": name, "type": kind or "", "nullable": not not_null and not key, "primary_key": bool(key)}
        for _, name, kind, not_null, _, key, hidden in found
        if hidden in _GENERATED
    ]


def _foreign_keys(reader: Reader, table: str, real_names: dict[str, str]) -> list[dict[str, Any]]:
    keys: defaultdict[int, list[tuple[str, str, str | None]]] = defaultdict(list)
    for number, _, target, here, there, *_ in sorted(reader.rows(f"PRAGMA foreign_key_list({quoted(table)})")):
        keys[number].append((target, here, there))
    found = []
    for pairs in keys.values():
        target = real_names.get(pairs[0][0].lower())
        if target is None:
            continue
        there = [name for _, _, name in pairs if name is not None]
        if not there:
            # A key that names no columns refers to the primary key, in the order of its declaration.
            there = _primary_key(reader, target)
        if len(there) == len(pairs):
            here = [name for _, name, _ in pairs]
            found.append({"columns": here, "target_table": target, "target_columns": there})
    return found


def _primary_key(reader: Reader, table: str) -> list[str]:
    positions = sorted((row[5], row[1]) for row in reader.rows(f"PRAGMA table_xinfo({quoted(table)})") if row[5])
    return [name for _, name in positions]


def _analysed(reader: Reader) -> dict[str, int]:
    """Row counts at the last ANALYZE, if there was one."""
    try:
        found = reader.rows("SELECT tbl, stat FROM sqlite_stat1")
    except SourceError:
        return {}
    counts = ((table, str(stat).split(" ", 1)[0]) for table, stat in found)
    return {str(table): int(count) for table, count in counts if count.isdigit()}


def _row_estimate(reader: Reader, table: str, analysed: dict[str, int], *, has_rowid: bool) -> int | None:
    """Counted where that is quick; else as analysed; else the largest row id."""
    try:
        # The largest row id is found without a scan, and says whether counting would be one.
        highest = reader.rows(f"SELECT max(_rowid_) FROM {quoted(table)}")[0][0] if has_rowid else 0  # noqa: S608  # quoted
        if (highest or 0) <= COUNTED_EXACTLY:
            return int(reader.rows(f"SELECT count(*) FROM {quoted(table)}", seconds=TABLE_SECONDS)[0][0])  # noqa: S608
    except SourceError:
        return analysed.get(table)
    return analysed.get(table, int(highest))


def _add_samples(reader: Reader, table: str, columns: list[dict[str, Any]]) -> None:
    """Put `samples` on text and boolean columns that hold few distinct values among the rows looked at."""
    candidates = [column for column in columns if _is_sampled(column)]
    if not candidates:
        return
    scanned = ", ".join(f"substr({quoted(column['name'])}, 1, {MAX_LENGTH + 1})" for column in candidates)
    try:
        rows = reader.rows(f"SELECT {scanned} FROM {quoted(table)} LIMIT {ROWS_SCANNED}", seconds=TABLE_SECONDS)  # noqa: S608
    except SourceError:
        return
    for position, column in enumerate(candidates):
        values = (row[position] for row in rows)
        column["samples"] = kept_samples(None if value is None else str(value) for value in values)


def _is_sampled(column: dict[str, Any]) -> bool:
    kind = column["type"].upper()
    # Text affinity, as https://sqlite.org/datatype3.html#determination_of_column_affinity has it.
    return may_be_sampled(column["name"]) and any(part in kind for part in ("CHAR", "CLOB", "TEXT", "BOOL", "ENUM"))
