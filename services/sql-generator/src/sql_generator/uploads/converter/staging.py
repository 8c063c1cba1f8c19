"""Rows of text on their way into a table: within the limits, all of one width, in one form whatever they came from."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from sql_generator.uploads.converter import ConversionLimits, Refused

_NUMBER: Final = re.compile(r"\s*[-+]?[0-9][0-9.,]*\s*")
_ROWS_BETWEEN_LOOKS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Staged:
    """A CSV file without a header, and the header it had; an empty cell is no value."""

    path: Path
    header: list[str]


def stage(rows: Iterable[list[str]], path: Path, limits: ConversionLimits) -> Staged | None:
    """Write the rows to `path`; None when there are none.

    The first row that is not empty is the header, unless it holds nothing but numbers. Shorter rows are filled up,
    empty ones left out. Raises Refused, with the row's number, for one longer than the header, and at every limit.
    """
    numbered = ((number, row) for number, row in enumerate(rows, start=1) if any(cell.strip() for cell in row))
    first = next(numbered, None)
    if first is None:
        return None
    header, width = first[1], len(first[1])
    if width > limits.columns:
        raise Refused(f"it has more than {limits.columns} columns")
    with path.open("w", encoding="utf-8", newline="") as file:
        write = csv.writer(file, lineterminator="\n").writerow
        if all(_NUMBER.fullmatch(cell) for cell in header if cell):
            write(_fitted(*first, width, limits))
            header = [""] * width
        for count, (number, row) in enumerate(numbered, start=1):
            write(_fitted(number, row, width, limits))
            if count > limits.rows:
                raise Refused(f"it has more than {limits.rows} rows")
            if count % _ROWS_BETWEEN_LOOKS == 0:
                _check_size(file, limits)
        _check_size(file, limits)
    return Staged(path, header)


def _check_size(file: TextIO, limits: ConversionLimits) -> None:
    if file.tell() > limits.expanded_bytes:
        raise Refused(f"unpacked it has more than {limits.expanded_bytes // 2**20} MiB")


def _fitted(number: int, row: list[str], width: int, limits: ConversionLimits) -> Iterator[str]:
    """The row's cells, as many as there are columns."""
    if len(row) > width:
        if any(cell.strip() for cell in row[width:]):
            raise Refused(f"row {number} has {len(row)} cells, and the header {width}")
        row = row[:width]
    if max(map(len, row)) > limits.cell_chars:
        raise Refused(f"row {number}: a cell has more than {limits.cell_chars} characters")
    # A number with blanks around it is a number.
    return (cell.strip() for cell in (*row, *[""] * (width - len(row))))
