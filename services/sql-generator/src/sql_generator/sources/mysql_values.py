"""Values of MySQL and MariaDB, which arrive as text, by the rules of `sources/values.py`.

Dates that are none (`0000-00-00`, `2024-00-00`) stay the text that the engine shows. A TIME is a time of day, or a
duration where it is no time of day (negative, or of 24 hours and more). BIT is a number. MariaDB's JSON is text to
everyone, itself included, so it stays text; geometry is binary.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from pymysql.constants import FIELD_TYPE, FLAG

from sql_generator.sources.values import duration, json_document

_BINARY: Final = 63
_TIME: Final = re.compile(r"(-?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?")
_INTEGERS: Final = {
    FIELD_TYPE.TINY: "tinyint",
    FIELD_TYPE.SHORT: "smallint",
    FIELD_TYPE.INT24: "mediumint",
    FIELD_TYPE.LONG: "int",
    FIELD_TYPE.LONGLONG: "bigint",
}
_NAMES: Final = {
    FIELD_TYPE.DECIMAL: "decimal",
    FIELD_TYPE.NEWDECIMAL: "decimal",
    FIELD_TYPE.FLOAT: "float",
    FIELD_TYPE.DOUBLE: "double",
    FIELD_TYPE.DATE: "date",
    FIELD_TYPE.NEWDATE: "date",
    FIELD_TYPE.DATETIME: "datetime",
    FIELD_TYPE.TIMESTAMP: "timestamp",
    FIELD_TYPE.TIME: "time",
    FIELD_TYPE.YEAR: "year",
    FIELD_TYPE.BIT: "bit",
    FIELD_TYPE.JSON: "json",
    FIELD_TYPE.GEOMETRY: "geometry",
    FIELD_TYPE.NULL: "null",
}
_STRINGS: Final = {
    FIELD_TYPE.STRING: ("char", "binary"),
    FIELD_TYPE.VARCHAR: ("varchar", "varbinary"),
    FIELD_TYPE.VAR_STRING: ("varchar", "varbinary"),
    FIELD_TYPE.TINY_BLOB: ("text", "blob"),
    FIELD_TYPE.MEDIUM_BLOB: ("text", "blob"),
    FIELD_TYPE.LONG_BLOB: ("text", "blob"),
    FIELD_TYPE.BLOB: ("text", "blob"),
}


def type_name(field: Any) -> str:
    """The SQL name of a result column's type, without its length."""
    code = field.type_code
    if code in _INTEGERS:
        return _INTEGERS[code] + (" unsigned" if field.flags & FLAG.UNSIGNED else "")
    if field.flags & FLAG.ENUM:
        return "enum"
    if field.flags & FLAG.SET:
        return "set"
    if code in _STRINGS:
        text, binary = _STRINGS[code]
        return binary if field.charsetnr == _BINARY else text
    return _NAMES.get(code, "unknown")


def moment(text: str) -> str:
    """A timestamp as ISO 8601, without a fraction of zeros; what is no date stays as it is."""
    day, _, rest = text.partition(" ")
    if "-00" in day or not rest:
        return text
    whole, _, fraction = rest.partition(".")
    return f"{day}T{whole}.{fraction}" if fraction.strip("0") else f"{day}T{whole}"


def time_or_duration(text: str) -> str:
    """A TIME as a time of day, or as an ISO 8601 duration where it is none."""
    found = _TIME.fullmatch(text)
    if found is None:
        return text
    sign, hours, minutes, seconds, fraction = found.groups(default="")
    if not sign and int(hours) < 24:
        return moment(f"0001-01-01 {text}").partition("T")[2]
    microseconds = ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1_000_000 + int(fraction.ljust(6, "0"))
    return duration(0, 0, -microseconds if sign else microseconds)


def _bits(value: bytes) -> int:
    return int.from_bytes(value, "big")


DECODERS: Final[dict[int, Callable[[Any], Any]]] = {
    **dict.fromkeys((*_INTEGERS, FIELD_TYPE.YEAR), int),
    **dict.fromkeys((FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL), Decimal),
    **dict.fromkeys((FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE), float),
    **dict.fromkeys((FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP), moment),
    FIELD_TYPE.TIME: time_or_duration,
    FIELD_TYPE.BIT: _bits,
    FIELD_TYPE.JSON: json_document,
}
