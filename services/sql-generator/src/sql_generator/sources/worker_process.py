"""A request to a process of its own that is ended in any case: what reads files of others may hang, crash or be taken.

Engines look for an interrupt between steps of their programs only: one `trim` or `instr` of long strings in SQLite runs
for minutes and stops for nothing, and a thread cannot be ended. A process can, and with it go its memory, its file
descriptors and whatever a hostile file did to it. What a process may do is in `worker.sandbox`.
There are at most two for each core: further requests wait, which counts towards their time.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from sql_generator.sources import StatementFailed, StatementTimedOut

GRACE_SECONDS: Final = 0.5
MAX_OUTPUT_BYTES: Final = 32 * 1024 * 1024
_CHUNK: Final = 256 * 1024
_WORKERS: Final = asyncio.Semaphore(2 * (os.cpu_count() or 1))


async def ask_worker(module: str, request: dict[str, Any], *, seconds: float) -> dict[str, Any]:
    """What the program in `module` answers on its standard output to a request on its standard input, both JSON.

    Raises `StatementTimedOut` when there is no answer after so many seconds, `StatementFailed` when it is none.
    """
    try:
        async with asyncio.timeout(seconds + GRACE_SECONDS):
            async with _WORKERS, worker(module, request) as process:
                output = await _read(process)
                status = await process.wait()
    except TimeoutError:
        raise StatementTimedOut(f"the statement was stopped after {seconds:g} s") from None
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError:
        raise StatementFailed(f"the statement ended the process that ran it (exit status {status})") from None
    return answer


@asynccontextmanager
async def worker(module: str, request: dict[str, Any]) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process, with its request written; it is ended when the block is left."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={},  # our own environment holds secrets, and the worker reads files of others
    )
    try:
        assert process.stdin is not None  # noqa: S101  # a pipe
        process.stdin.write(json.dumps(request).encode())
        process.stdin.write_eof()
        yield process
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _read(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None  # noqa: S101  # a pipe
    chunks = []
    size = 0
    while chunk := await process.stdout.read(_CHUNK):
        size += len(chunk)
        if size > MAX_OUTPUT_BYTES:
            raise StatementFailed(f"the answer is larger than {MAX_OUTPUT_BYTES // 2**20} MiB")
        chunks.append(chunk)
    return b"".join(chunks)
