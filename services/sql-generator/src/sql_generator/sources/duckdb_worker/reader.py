"""A connection to a DuckDB file that can do nothing but read."""

import os
import threading
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Final, Self

import _duckdb as duckdb

from sql_generator.sources import Limits, SourceUnreachable, StatementFailed, StatementTimedOut
from sql_generator.sources.capped_rows import MAX_NAME, CappedRows
from sql_generator.sources.duckdb_config import HARDENED, Config
from sql_generator.sources.values import duration, json_document, json_value

MEMORY: Final = "256MB"
# In force before the file is looked into.
_CONFIG: Final[Config] = {
    **HARDENED,
    "enable_external_access": "false",
    "memory_limit": MEMORY,
    "temp_directory": "",
    "max_temp_directory_size": "0B",
}
_READING: Final = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
_FETCHED_AT_ONCE: Final = 500
_INTERVAL: Final = "INTERVAL"
# Months, days and microseconds: fetched as it is, an interval has months of 30 days.
_PARTS: Final = (
    "[extract(year FROM {0}) * 12 + extract(month FROM {0}), extract(day FROM {0}),"
    " (extract(hour FROM {0}) * 60 + extract(minute FROM {0})) * 60000000 + extract(microsecond FROM {0})]"
)


class Reader(AbstractContextManager["Reader"]):
    """Raises `SourceUnreachable` where the file cannot be read as a database."""

    def __init__(self, path: str, _seconds: float, _introspecting: bool) -> None:
        try:
            self._connection = duckdb.connect(path, read_only=True, config=_CONFIG)
            self._connection.execute("SET TimeZone = 'UTC'")
            self._connection.execute("SET lock_configuration = true")
        except duckdb.Error as error:
            reason = str(error).replace(path, "the file").replace(os.path.dirname(path), "…")  # noqa: PTH120  # a string
            raise SourceUnreachable(f"the file cannot be read as a DuckDB database: {reason}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def execute(self, sql: str, limits: Limits) -> dict[str, Any]:
        """Columns, rows and the cap that was reached."""
        statement = self._one(sql)
        cursor = self._connection.execute(statement.query)
        columns = [(str(name)[:MAX_NAME], str(kind).strip('"')[:MAX_NAME]) for name, kind, *_ in cursor.description]
        if statement.type == duckdb.StatementType.SELECT and any(kind == _INTERVAL for _, kind in columns):
            cursor = self._connection.execute(_with_parts(statement.query, columns))
        result = CappedRows(columns, limits)
        kinds = [kind for _, kind in columns]
        while rows := cursor.fetchmany(min(result.expected_more(), _FETCHED_AT_ONCE)):
            shown = ([_json(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in rows)
            if not all(map(result.add, shown)):
                break
        return {"columns": columns, "rows": result.rows, "truncated_by": result.truncated_by}

    def full_scans(self, sql: str) -> list[str]:
        """Bind and plan the statement without running it; none are named: DuckDB reads columns, and always whole."""
        statement = self._one(sql)
        if statement.type == duckdb.StatementType.SELECT:
            self._connection.execute(f"EXPLAIN {statement.query}")
        return []

    def rows(self, sql: str, *, seconds: float | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query of our own, in at most `seconds`."""
        if seconds is None:
            return self._connection.execute(sql).fetchall()
        timer = threading.Timer(seconds, self._connection.interrupt)
        timer.start()
        try:
            return self._connection.execute(sql).fetchall()
        except duckdb.InterruptException:
            raise StatementTimedOut(f"stopped after {seconds:g} s") from None
        except duckdb.Error as error:
            raise StatementFailed(str(error)) from None
        finally:
            timer.cancel()

    def _one(self, sql: str) -> duckdb.Statement:
        statements = self._connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type not in _READING:
            raise StatementFailed("not permitted: anything but one statement that reads")
        return statements[0]


def _with_parts(query: str, columns: list[tuple[str, str]]) -> str:
    names = [f"c{number}" for number in range(len(columns))]
    shown = (_PARTS.format(name) if kind == _INTERVAL else name for name, (_, kind) in zip(names, columns, strict=True))
    # On a line of its own: the query may end in a comment.
    inner = query.rstrip().removesuffix(";")
    return f"SELECT {', '.join(shown)} FROM ({inner}\n) AS t({', '.join(names)})"  # noqa: S608  # checked to only read


def _json(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == _INTERVAL and isinstance(value, list):
        return duration(*value) if None not in value else None
    return json_document(value) if kind == "JSON" else json_value(value)
