"""SQLite files as a source. Each statement runs in a process of its own (`sqlite_worker`).

SQLite looks for an interrupt between steps of its program only: one `trim` or `instr` of long strings runs for minutes
and stops for neither `interrupt()` nor a progress handler, and a thread cannot be ended. A process can, and with it go
its memory, its file descriptors and whatever a hostile file did to it. Starting one takes about 40 ms.
There are at most two for each core: further statements wait, which counts towards their time.
"""

import asyncio
import json
import os
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

from contracts.sql_generator import DatabaseSchema, QueryResult, ResultColumn
from sql_generator.sources import ConnectionRejected, Limits, SourceUnreachable, StatementFailed, StatementTimedOut

INTROSPECTION: Final = Limits(seconds=40.0)
TEST: Final = Limits(seconds=10.0)
GRACE_SECONDS: Final = 0.5
MAX_OUTPUT_BYTES: Final = 32 * 1024 * 1024
_CHUNK: Final = 256 * 1024
_WORKERS: Final = asyncio.Semaphore(2 * (os.cpu_count() or 1))


def permitted_file(path: str, root: Path | None, *, any_file: bool) -> Path:
    """The real path of a database file.

    With a root, the file must lie in it after symbolic links are followed, and a relative path starts there. Without
    one, `any_file` says whether files are permitted at all. Raises `ConnectionRejected`, or `SourceUnreachable` where
    a permitted path holds no file.
    """
    if root is None and not any_file:
        raise ConnectionRejected("connection: SQLite files are not permitted here")
    try:
        real = ((root or Path()) / path).resolve()
        if root is not None and not real.is_relative_to(root.resolve()):
            raise ConnectionRejected("connection: the file is outside the directory for SQLite files")
        mode = real.stat().st_mode
    except (ValueError, RuntimeError):
        raise ConnectionRejected("connection: not a valid path") from None
    except OSError:
        raise SourceUnreachable("the file does not exist or cannot be read") from None
    if not stat.S_ISREG(mode):
        raise ConnectionRejected("connection: not a file")
    return real


class SqliteSource:
    """Statements run on a read-only connection whose authorizer permits nothing but reading tables."""

    kind: Literal["sqlite"] = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path

    async def test(self) -> None:
        await self._read("test", TEST)

    async def introspect(self) -> DatabaseSchema:
        schema = await self._read("introspect", INTROSPECTION)
        return DatabaseSchema.model_validate({"dialect": "sqlite", "tables": schema["tables"]})

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
        """SQLite has no roles; the file is opened read-only."""
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
        try:
            async with asyncio.timeout(limits.seconds + GRACE_SECONDS):
                async with _WORKERS:
                    output, status = await _answer(json.dumps(request).encode())
        except TimeoutError:
            raise StatementTimedOut(f"the statement was stopped after {limits.seconds:g} s") from None
        try:
            answer: dict[str, Any] = json.loads(output)
        except ValueError:
            raise StatementFailed(f"the statement ended the process that ran it (exit status {status})") from None
        match answer.get("error"):
            case None:
                return answer
            case "unreachable":
                raise SourceUnreachable(answer["detail"])
            case "timed_out":
                raise StatementTimedOut(f"the statement was stopped after {limits.seconds:g} s")
            case _:
                raise StatementFailed(answer["detail"])


async def _answer(request: bytes) -> tuple[bytes, int]:
    """What the worker says to one request, and its exit status; it is ended in any case."""
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", "sql_generator.sources.sqlite_worker"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={},  # our own environment holds secrets, and the worker reads files of others
    )
    try:
        assert worker.stdin is not None and worker.stdout is not None  # noqa: S101, PT018  # both are pipes
        worker.stdin.write(request)
        worker.stdin.write_eof()
        chunks = []
        size = 0
        while chunk := await worker.stdout.read(_CHUNK):
            size += len(chunk)
            if size > MAX_OUTPUT_BYTES:
                raise StatementFailed(f"the answer is larger than {MAX_OUTPUT_BYTES // 2**20} MiB")
            chunks.append(chunk)
        return b"".join(chunks), await worker.wait()
    finally:
        if worker.returncode is None:
            with suppress(ProcessLookupError):
                worker.kill()
            await worker.wait()
