"""Reads a request from standard input, answers it on standard output."""

import json
import math
import sqlite3
import sys
from typing import Any

from sql_generator.sources import Limits, SourceUnreachable, StatementFailed, StatementTimedOut
from sql_generator.sources.sqlite_worker.reader import Reader
from sql_generator.sources.sqlite_worker.schema import read_tables

ADDRESS_SPACE_BYTES = 1024 * 1024 * 1024
# A database in WAL mode needs its -shm file (32 KiB for each 4,096 pages); nothing else is ever written.
FILE_BYTES = 1024 * 1024


def main() -> None:
    request = json.load(sys.stdin.buffer)
    limits = Limits(**request["limits"])
    _restrict_this_process(limits.seconds)
    json.dump(_answer(request, limits), sys.stdout)


def _answer(request: dict[str, Any], limits: Limits) -> dict[str, Any]:
    introspecting = request["operation"] == "introspect"
    try:
        with Reader(request["path"], limits.seconds, introspecting=introspecting) as reader:
            return _done(reader, request, limits)
    except StatementTimedOut:
        return {"error": "timed_out"}
    except SourceUnreachable as error:
        return {"error": "unreachable", "detail": error.detail}
    except (StatementFailed, sqlite3.Error, MemoryError) as error:
        return {"error": "failed", "detail": str(error) or "out of memory"}


def _done(reader: Reader, request: dict[str, Any], limits: Limits) -> dict[str, Any]:
    match request["operation"]:
        case "introspect":
            return {"tables": read_tables(reader)}
        case "execute":
            return reader.execute(request["sql"], limits)
        case "explain":
            return {"full_scans": reader.full_scans(request["sql"])}
        case _:
            return {}


def _restrict_this_process(seconds: float) -> None:
    try:
        import resource  # noqa: PLC0415  # Unix only; elsewhere the parent's deadline stands alone
    except ModuleNotFoundError:
        return
    cpu_seconds = math.ceil(seconds) + 1
    for limit, value in (
        (resource.RLIMIT_AS, ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (ceiling, ceiling))


main()
