"""The databases that questions are asked of: one port, and an adapter for each engine.

A new engine is a module with a class that satisfies `Source`, its kind in `contracts.sql_generator.SourceKind`, and a
case in `connect.open_source`. Whatever an adapter executes, it must hold on its own, even where the guard before it
let something through: nothing is changed, and the limits are kept.

This module imports the standard library only: the process that reads SQLite files imports it too, for each statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contracts.sql_generator import DatabaseSchema, QueryResult, SourceKind

MAX_DETAIL = 600


def one_line(text: str) -> str:
    """An engine's message on one line, of at most `MAX_DETAIL` characters."""
    line = " ".join(text.replace("\x00", " ").split())
    return line if len(line) <= MAX_DETAIL else line[: MAX_DETAIL - 1] + "…"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one statement may take: rows and JSON bytes returned, and seconds from connecting to the last row.

    The default result fits one message between services (512 KiB).
    """

    rows: int = 1_000
    bytes: int = 256 * 1024
    seconds: float = 30.0


class SourceError(Exception):
    """What a source answers instead of a result; `detail` is one line that may be shown to the user."""

    def __init__(self, detail: str) -> None:
        super().__init__(one_line(detail) or "the server gave no reason")

    @property
    def detail(self) -> str:
        return str(self.args[0])


class SourceUnreachable(SourceError):  # noqa: N818  # reads as what it says
    """It cannot be connected to, refused the credentials, or the file is gone; never holds the connection."""


class ConnectionRejected(SourceUnreachable):
    """The connection itself is malformed or not permitted here: only another connection can help."""


class StatementFailed(SourceError):  # noqa: N818
    """The engine rejected the statement; the detail is the engine's message, for repair."""


class StatementTimedOut(SourceError):  # noqa: N818
    """The statement was stopped at its time limit, or waited too long for a lock."""


def check_text(sql: str) -> None:
    """Raises `StatementFailed` for what cannot be sent as text: a NUL, half of a surrogate pair."""
    if "\x00" in sql or (not sql.isascii() and sql != sql.encode(errors="replace").decode()):
        raise StatementFailed("the statement contains characters that are not valid text")


class Source(Protocol):
    """A database that is only ever read.

    Every method may raise `SourceUnreachable`. A statement runs on a fresh connection that is closed after it, so
    nothing a statement does to its session reaches the next one.
    """

    @property
    def kind(self) -> SourceKind: ...

    async def test(self) -> str:
        """Connect and read; returns the engine and its version. Raises `SourceUnreachable` with the reason."""

    async def introspect(self) -> DatabaseSchema:
        """The tables and views that can be read, with keys, comments, row estimates and a few sample values."""

    async def execute(self, sql: str, limits: Limits) -> QueryResult:
        """Run one statement and return its rows up to the limits. Raises `StatementFailed`, `StatementTimedOut`."""

    async def explain(self, sql: str, limits: Limits) -> tuple[str, ...]:
        """Have the engine check one statement without running it.

        Returns the relations that it would read as a whole, by the alias they have in the statement if any: as far as
        the engine says. Raises `StatementFailed`, `StatementTimedOut`.
        """

    async def role_warnings(self) -> tuple[str, ...]:
        """What the login could do beyond reading, each a sentence of advice; empty when it is as it should be."""

    async def close(self) -> None:
        """Release what is held between statements."""
