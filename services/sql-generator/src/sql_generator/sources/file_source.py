"""Database files as a source, of SQLite and of DuckDB. Each statement runs in a process of its own (`*_worker`).

Starting one takes about 55 ms for SQLite and 95 ms for DuckDB.
"""

import sqlite3
import stat
import time
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from contracts.sql_generator import DatabaseSchema, QueryResult, ResultColumn
from sql_generator.sources import ConnectionRejected, Limits, SourceUnreachable, StatementFailed, StatementTimedOut
from sql_generator.sources.worker_process import ask_worker

FileKind: TypeAlias = Literal["sqlite", "duckdb"]

INTROSPECTION: Final = Limits(seconds=40.0)
TEST: Final = Limits(seconds=10.0)
_WORKERS: Final[dict[FileKind, str]] = {
    "sqlite": "sql_generator.sources.sqlite_worker",
    "duckdb": "sql_generator.sources.duckdb_worker",
}


def permitted_file(path: str, root: Path | None, *, any_file: bool) -> Path:
    """The real path of a database file.

    With a root, the file must lie in it after symbolic links are followed, and a relative path starts there. Without
    one, `any_file` says whether files are permitted at all. Raises `ConnectionRejected`, or `SourceUnreachable` where
    a permitted path holds no file.
    """
    if root is None and not any_file:
        raise ConnectionRejected("connection: database files are not permitted here")
    try:
        real = ((root or Path()) / path).resolve()
        if root is not None and not real.is_relative_to(root.resolve()):
            raise ConnectionRejected("connection: the file is outside the directory for database files")
        mode = real.stat().st_mode
    except (ValueError, RuntimeError):
        raise ConnectionRejected("connection: not a valid path") from None
    except OSError:
        raise SourceUnreachable("the file does not exist or cannot be read") from None
    if not stat.S_ISREG(mode):
        raise ConnectionRejected("connection: not a file")
    return real


class FileSource:
    """Statements run on a connection that is read-only and locked: nothing but tables of the file can be read."""

    def __init__(self, kind: FileKind, path: Path) -> None:
        self._kind = kind
        self._path = path

    @property
    def kind(self) -> FileKind:
        return self._kind

    async def test(self) -> str:
        await self._read("test", TEST)
        if self._kind == "sqlite":
            return f"SQLite {sqlite3.sqlite_version}"
        return f"DuckDB {metadata.version('duckdb')}"

    async def introspect(self) -> DatabaseSchema:
        schema = await self._read("introspect", INTROSPECTION)
        return DatabaseSchema.model_validate({"dialect": self._kind, "tables": schema["tables"]})

    async def execute(self, sql: str, limits: Limits) -> QueryResult:
        started = time.perf_counter()
        result = await self._run("execute", limits, sql)
        return QueryResult(
            columns=tuple(ResultColumn(name=name, type=kind) for name, kind in result["columns"]),
            rows=tuple(tuple(row) for row in result["rows"]),
            row_count=len(result["rows"]),
            truncated=result["truncated_by"] is not None,
            truncated_by=result["truncated_by"],
            elapsed_ms=(time.perf_counter() - started) * 1_000,
        )

    async def explain(self, sql: str, limits: Limits) -> tuple[str, ...]:
        return tuple((await self._run("explain", limits, sql))["full_scans"])

    async def role_warnings(self) -> tuple[str, ...]:
        """Files have no roles; this one is opened read-only."""
        return ()

    async def close(self) -> None:
        """Nothing is held between statements."""

    async def _read(self, operation: str, limits: Limits) -> dict[str, Any]:
        """What we ask ourselves: if it fails, the statement is not to blame but the file."""
        try:
            return await self._run(operation, limits)
        except (StatementFailed, StatementTimedOut) as error:
            raise SourceUnreachable(f"the file could not be read: {error.detail}") from None

    async def _run(self, operation: str, limits: Limits, sql: str = "") -> dict[str, Any]:
        request = {
            "operation": operation,
            "path": str(self._path),
            "sql": sql,
            "limits": {"rows": limits.rows, "bytes": limits.bytes, "seconds": limits.seconds},
        }
        answer = await ask_worker(_WORKERS[self._kind], request, seconds=limits.seconds)
        match answer.get("error"):
            case None:
                return answer
            case "unreachable":
                raise SourceUnreachable(answer["detail"])
            case "timed_out":
                raise StatementTimedOut(f"the statement was stopped after {limits.seconds:g} s")
            case _:
                raise StatementFailed(answer["detail"])
