"""XLSX workbooks. Formulas are their last results; macros, links and everything else but cells is not read."""

import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final, TypeAlias

from python_calamine import CalamineError, CalamineWorkbook

from sql_generator.uploads.converter import ConversionLimits, Refused

Sheet: TypeAlias = tuple[str, Iterator[list[str]]]

# Text and XML shrink tenfold, a sheet of one value repeated a hundredfold.
MAX_RATIO: Final = 200
MAX_ENTRIES: Final = 10_000
# Below this a ratio says nothing.
_SMALL_BYTES: Final = 1024 * 1024
_CHUNK: Final = 1024 * 1024
# Beyond it floats are no longer all the integers.
_EXACT: Final = 2**53


def is_workbook(path: Path) -> bool:
    """Whether a ZIP file is a workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False


def sheets_of(path: Path, limits: ConversionLimits) -> list[Sheet]:
    """The sheets that hold something. Raises Refused, before it is unpacked, for one that expands too far."""
    _check_expansion(path, limits)
    try:
        workbook = CalamineWorkbook.from_path(path)
        sheets = [workbook.get_sheet_by_name(name) for name in workbook.sheet_names]
    except CalamineError as error:
        raise Refused(f"the workbook cannot be read: {error}") from None
    return [(sheet.name, map(_texts, sheet.iter_rows())) for sheet in sheets if sheet.height]


def _check_expansion(path: Path, limits: ConversionLimits) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        expanded = sum(entry.file_size for entry in entries)
        if len(entries) > MAX_ENTRIES or expanded > limits.expanded_bytes:
            raise Refused(f"unpacked it has more than {limits.expanded_bytes // 2**20} MiB")
        if expanded > max(_SMALL_BYTES, MAX_RATIO * path.stat().st_size):
            raise Refused(f"it is compressed more than {MAX_RATIO} times, as only a trap is")
        try:
            # What the directory says need not be so: each entry is unpacked as far as it says, and must end there.
            for entry in entries:
                with archive.open(entry) as content:
                    while content.read(_CHUNK):
                        pass
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
            raise Refused(f"the workbook is damaged or encrypted: {error}") from None


def _texts(row: Sequence[object]) -> list[str]:
    return [_text(cell) for cell in row]


def _text(cell: object) -> str:
    match cell:
        case bool():
            return "true" if cell else "false"
        case float() if cell.is_integer() and abs(cell) < _EXACT:
            return str(int(cell))
        case datetime():
            return cell.isoformat(sep=" ")
        case date() | time():
            return cell.isoformat()
        case timedelta():
            return f"{cell.total_seconds():g}"
        case _:
            return str(cell)
