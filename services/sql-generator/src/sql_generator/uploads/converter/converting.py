"""From a file of a kind to its tables."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sql_generator.uploads.converter import ConversionLimits, Refused
from sql_generator.uploads.converter.database import Database
from sql_generator.uploads.converter.names import clean_names
from sql_generator.uploads.converter.staging import stage
from sql_generator.uploads.converter.text import as_utf8, encoding_of, rows_of
from sql_generator.uploads.converter.workbook import is_workbook, sheets_of

_STAGED: Final = 0.6
_PARQUET: Final = b"PAR1"
_ZIP: Final = b"PK\x03\x04"
_SQLITE: Final = b"SQLite format 3\x00"


def convert(kind: str, name: str, path: Path, folder: Path, limits: ConversionLimits) -> Iterator[float]:
    """Make the tables of a file; yields how much is done, from 0 to 1. Raises Refused."""
    _check_content(kind, path)
    stem = name.rpartition(".")[0] or name
    (table,) = clean_names([stem], otherwise="table")
    with Database(folder, limits) as database:
        match kind:
            case "parquet":
                database.add_parquet(table, name, path)
            case "json":
                database.add_json(table, name, as_utf8(path, encoding_of(path)))
            case "xlsx":
                yield from _workbook(database, name, path, folder, limits)
            case _:
                yield from _text(database, kind, table, name, path, folder, limits)
    yield 1.0


def _check_content(kind: str, path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(len(_SQLITE))
    if not head:
        raise Refused("it is empty")
    found = "parquet" if head.startswith(_PARQUET) else "xlsx" if head.startswith(_ZIP) else None
    found = "sqlite" if head == _SQLITE else found
    if found == "xlsx" and not is_workbook(path):
        raise Refused("it is a ZIP file, but not a workbook")
    if found != kind and (found is not None or kind in {"parquet", "xlsx"}):
        raise Refused(f"its name says {kind}, its content {found or 'does not'}")


def _text(
    database: Database, kind: str, table: str, name: str, path: Path, folder: Path, limits: ConversionLimits
) -> Iterator[float]:
    with path.open(encoding=encoding_of(path), newline="") as file:
        staged = stage(rows_of(file, "\t" if kind == "tsv" else None, limits), folder / "rows.csv", limits)
    if staged is None:
        raise Refused("it is empty")
    yield _STAGED
    database.add_rows(table, name, staged)


def _workbook(database: Database, name: str, path: Path, folder: Path, limits: ConversionLimits) -> Iterator[float]:
    sheets = sheets_of(path, limits)
    if not sheets:
        raise Refused("it is empty")
    if len(sheets) > limits.tables:
        raise Refused(f"it has more than {limits.tables} sheets")
    # A single sheet is mostly called Sheet1: the file's name says more.
    titles = [title for title, _ in sheets] if len(sheets) > 1 else [name.rpartition(".")[0] or name]
    for done, (table, title, (_, rows)) in enumerate(
        zip(clean_names(titles, otherwise="table"), titles, sheets, strict=True), start=1
    ):
        staged = stage(rows, folder / "rows.csv", limits)
        if staged is not None:
            database.add_rows(table, title if len(sheets) > 1 else name, staged)
        yield done / (len(sheets) + 1)
