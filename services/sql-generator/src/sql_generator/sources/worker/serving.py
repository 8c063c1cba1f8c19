"""Reads one request from standard input, answers it on standard output."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sql_generator.sources import Limits, SourceUnreachable, StatementTimedOut
from sql_generator.sources.worker.sandbox import Bounds, restrict_this_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


class Reader(Protocol):
    """A file of an engine, opened to be read."""

    def execute(self, sql: str, limits: Limits) -> dict[str, Any]:
        """Columns, rows and the cap that was reached."""

    def full_scans(self, sql: str) -> list[str]:
        """Check a statement; the relations it would read as a whole, as far as the engine says."""


ReaderT = TypeVar("ReaderT", bound=Reader)


def serve(
    bounds: Bounds,
    open_reader: Callable[[str, float, bool], AbstractContextManager[ReaderT]],
    read_tables: Callable[[ReaderT], list[dict[str, Any]]],
    *,
    failures: tuple[type[Exception], ...],
) -> None:
    """Answer the request within the bounds.

    `open_reader(path, seconds, introspecting)` opens the file, `read_tables` gives the fields of
    `contracts.sql_generator.Table`; `failures` is what a statement may raise.
    """
    request = json.load(sys.stdin.buffer)
    limits = Limits(**request["limits"])
    restrict_this_process(bounds, limits.seconds)
    try:
        with open_reader(request["path"], limits.seconds, request["operation"] == "introspect") as reader:
            answer = _done(reader, read_tables, request, limits)
    except StatementTimedOut:
        answer = {"error": "timed_out"}
    except SourceUnreachable as error:
        answer = {"error": "unreachable", "detail": error.detail}
    except failures as error:
        answer = {"error": "failed", "detail": str(error)}
    except MemoryError:
        answer = {"error": "failed", "detail": "out of memory"}
    json.dump(answer, sys.stdout)


def _done(
    reader: ReaderT,
    read_tables: Callable[[ReaderT], list[dict[str, Any]]],
    request: dict[str, Any],
    limits: Limits,
) -> dict[str, Any]:
    match request["operation"]:
        case "introspect":
            return {"tables": read_tables(reader)}
        case "execute":
            return reader.execute(request["sql"], limits)
        case "explain":
            return {"full_scans": reader.full_scans(request["sql"])}
        case _:
            return {}
