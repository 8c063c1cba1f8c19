"""Text files: their encoding, and rows of those that hold a table."""

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from sql_generator.uploads.converter import ConversionLimits, Refused

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD_BYTES: Final = 64 * 1024
_CHUNK: Final = 1024 * 1024
_DELIMITERS: Final = ",;\t|"
_SAMPLED_ROWS: Final = 50
_MOSTLY: Final = 0.7


def encoding_of(path: Path) -> str:
    """UTF-8, UTF-16 or UTF-32 by its mark or its zeros, else Windows' Latin (of which Latin-1 is the rest).

    Raises Refused for what is no text.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return _readable(path, encoding)
    if b"\x00" in head:
        for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            zeros = head[first::2]
            if zeros.count(0) > _MOSTLY * len(zeros) and 0 not in head[1 - first :: 2]:
                return _readable(path, encoding)
        raise Refused("it is not a text file")
    return next(encoding for encoding in ("utf-8", "cp1252", "latin-1") if _decodes(path, encoding))


def _readable(path: Path, encoding: str) -> str:
    if not _decodes(path, encoding):
        raise Refused(f"it begins like {encoding.upper()} text, but is none")
    return encoding


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def as_utf8(path: Path, encoding: str) -> Path:
    """The same text in UTF-8: the file itself where it is that already."""
    if encoding == "utf-8":
        return path
    target = path.with_name("text.utf-8")
    with path.open(encoding=encoding, newline="") as source, target.open("w", encoding="utf-8", newline="") as copy:
        while text := source.read(_CHUNK):
            copy.write(text)
    return target


def rows_of(file: TextIO, delimiter: str | None, limits: ConversionLimits) -> Iterator[list[str]]:
    """The rows of a CSV file (RFC 4180), also with another delimiter, which is found out where none is given.

    Raises Refused where a row cannot be read, with its line.
    """
    csv.field_size_limit(limits.cell_chars)
    if delimiter is None:
        delimiter = _delimiter(file.read(_HEAD_BYTES))
        file.seek(0)
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        if "field larger" in str(error):
            raise Refused(
                f"line {reader.line_num}: a cell has more than {limits.cell_chars} characters, or a quote is not closed"
            ) from None
        raise Refused(f"line {reader.line_num}: {error}") from None


def _delimiter(head: str) -> str:
    """The one that cuts the first rows into the most columns, where most of them have as many as the first."""

    def columns(delimiter: str) -> int:
        widths = []
        try:
            for row in csv.reader(head.splitlines(keepends=True), delimiter=delimiter):
                if row:
                    widths.append(len(row))
                if len(widths) == _SAMPLED_ROWS:
                    break
        except csv.Error:
            return 1
        return widths[0] if widths and widths.count(widths[0]) >= _MOSTLY * len(widths) else 1

    return max(_DELIMITERS, key=columns)
