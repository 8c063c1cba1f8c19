"""A process that turns one uploaded file into a DuckDB database, and ends.

The request on standard input: `{kind, name, path, folder, limits}`; `path` lies in `folder`, to which everything is
written, the database as `DATABASE`. On standard output a line of JSON each: `{progress: 0 to 1}` while it is at work,
at the end `{}`, or `{error}` with what is wrong with the file, in words for its user.
"""

from dataclasses import dataclass

DATABASE = "database.duckdb"


@dataclass(frozen=True, slots=True)
class ConversionLimits:
    """What one file may hold and take; `expanded_bytes` is of what it holds once it is unpacked."""

    seconds: float = 300.0
    rows: int = 5_000_000
    columns: int = 500
    tables: int = 50
    cell_chars: int = 100_000
    expanded_bytes: int = 1024 * 1024 * 1024


class Refused(Exception):  # noqa: N818  # reads as what it says
    """The file cannot be taken; the message is one for its user."""
