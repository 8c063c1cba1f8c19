"""A connection to a SQLite file that can do nothing but read, for as long as it is given."""

import sqlite3
import time
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

from sql_generator.sources import Limits, SourceUnreachable, StatementFailed, StatementTimedOut
from sql_generator.sources.capped_rows import MAX_NAME, CappedRows
from sql_generator.sources.identifiers import quoted
from sql_generator.sources.values import json_value

BUSY_SECONDS: Final = 5.0
HEAP_BYTES: Final = 256 * 1024 * 1024
STEPS_BETWEEN_CHECKS: Final = 10_000

_PRAGMAS: Final = (
    f"hard_heap_limit = {HEAP_BYTES}",
    "query_only = ON",
    "trusted_schema = OFF",
    "cell_size_check = ON",
    "mmap_size = 0",
    "temp_store = MEMORY",
)
_LIMITS: Final = (
    (sqlite3.SQLITE_LIMIT_LENGTH, 8 * 1024 * 1024),
    (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 200_000),
    (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 500),
    (sqlite3.SQLITE_LIMIT_VDBE_OP, 100_000),
    (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 5_000),
    (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 0),
    (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
    (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
)
_READING: Final = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_FUNCTIONS_NEVER: Final = {
    *("load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "eval", "sqlite_compileoption_get"),
    *("sqlite_compileoption_used", "sqlite_log", "zipfile", "sqlar_compress", "sqlar_uncompress"),
}
_SCHEMA_PRAGMAS: Final = {"table_list", "table_xinfo", "foreign_key_list"}
# Full-text tables ask for it at each query.
_HARMLESS_PRAGMAS: Final = {"data_version"}
_INTERNAL_TABLES: Final = {"dbstat", "bytecode", "tables_used", "fsdir", "zipfile", "csv", "completion"}


class Reader(AbstractContextManager["Reader"]):
    """Raises `SourceUnreachable` where the file cannot be read as a database."""

    def __init__(self, path: str, seconds: float, introspecting: bool) -> None:
        self._deadline = time.monotonic() + seconds
        self._introspecting = introspecting
        self._denied: str | None = None
        try:
            self._connection = sqlite3.connect(
                f"file:{quote(path)}?mode=ro",
                uri=True,
                timeout=min(BUSY_SECONDS, seconds),
                isolation_level=None,
                cached_statements=0,
            )
            self._harden()
        except sqlite3.Error as error:
            raise SourceUnreachable(f"the file cannot be read as a SQLite database: {error}") from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def execute(self, sql: str, limits: Limits) -> dict[str, Any]:
        """Columns, rows and the cap that was reached. A column's type is that of its values: SQLite types values."""
        cursor = self._statement(sql)
        names = [str(column[0])[:MAX_NAME] for column in cursor.description]
        kinds = [""] * len(names)
        result = CappedRows([(name, "integer") for name in names], limits)
        for row in self._rows(cursor):
            kinds = [_common(kind, value) for kind, value in zip(kinds, row, strict=True)]
            if not result.add([json_value(value) for value in row]):
                break
        columns = [(name, kind or "null") for name, kind in zip(names, kinds, strict=True)]
        return {"columns": columns, "rows": result.rows, "truncated_by": result.truncated_by}

    def full_scans(self, sql: str) -> list[str]:
        """Compile the statement; the names in its plan that are read from end to end, by an index or without."""
        # https://sqlite.org/eqp.html: "SCAN orders", "SCAN o USING INDEX …"; what is not a table's name helps nobody.
        plan = [str(detail) for *_, detail in self._rows(self._statement(f"EXPLAIN QUERY PLAN {sql}"))]
        return list(dict.fromkeys(detail.split()[1] for detail in plan if detail.startswith("SCAN ")))

    def rows(self, sql: str, *, seconds: float | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query of our own, in at most `seconds`."""
        whole, now = self._deadline, time.monotonic()
        self._deadline = whole if seconds is None else min(whole, now + seconds)
        try:
            return list(self._rows(self._statement(sql)))
        finally:
            self._deadline = whole

    def _statement(self, sql: str) -> sqlite3.Cursor:
        self._denied = None
        try:
            cursor = self._connection.execute(sql)
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            # Python 3.11 warns of a second statement where later versions raise an error; ValueError is a NUL.
            raise self._translated(error) from None
        if cursor.description is None:
            raise StatementFailed("the statement returns no rows; only queries are run")
        return cursor

    def _rows(self, cursor: sqlite3.Cursor) -> Any:
        try:
            yield from cursor
        except sqlite3.Error as error:
            raise self._translated(error) from None

    def _translated(self, error: Exception) -> StatementFailed | StatementTimedOut:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
            return StatementTimedOut("the statement was stopped at its time limit")
        if self._denied is not None:
            return StatementFailed(f"not permitted: {self._denied}")
        return StatementFailed(str(error) or "out of memory")

    def _harden(self) -> None:
        connection = self._connection
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.set_progress_handler(lambda: time.monotonic() > self._deadline, STEPS_BETWEEN_CHECKS)
        self._open_virtual_tables()
        for category, value in _LIMITS:
            connection.setlimit(category, value)
        if set_config := getattr(connection, "setconfig", None):  # Python 3.12
            set_config(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)  # type: ignore[attr-defined,unused-ignore]
        connection.text_factory = lambda raw: raw.decode(errors="replace")
        connection.set_authorizer(self._authorize)

    def _open_virtual_tables(self) -> None:
        # The first use of one looks to the authorizer like a write of the schema, so that comes before it is set.
        virtual = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL%'"
        for (name,) in self._connection.execute(virtual).fetchall():
            # One whose module is not there cannot be opened, and will not be readable.
            with suppress(sqlite3.Error):
                self._connection.execute(f"SELECT 1 FROM {quoted(name)} LIMIT 0")  # noqa: S608  # quoted

    def _authorize(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_PRAGMA and first in (_SCHEMA_PRAGMAS if self._introspecting else _HARMLESS_PRAGMAS):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FUNCTIONS_NEVER:
            return self._deny(f"the function {second}")
        if action == sqlite3.SQLITE_READ and not self._introspecting and _is_internal(first or ""):
            return self._deny(f"the table {first}")
        return sqlite3.SQLITE_OK if action in _READING else self._deny("anything but reading")

    def _deny(self, what: str) -> int:
        self._denied = what
        return sqlite3.SQLITE_DENY


def _is_internal(table: str) -> bool:
    name = table.lower()
    return name in _INTERNAL_TABLES or name.startswith(("sqlite_", "pragma_"))


def _common(kind: str, value: object) -> str:
    match value:
        case None:
            return kind
        case int():
            found = "integer"
        case float():
            found = "real"
        case str():
            found = "text"
        case _:
            found = "blob"
    if kind in {"", found}:
        return found
    return "real" if {kind, found} == {"integer", "real"} else "any"
