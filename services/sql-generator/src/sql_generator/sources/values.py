r"""Values of any engine as JSON.

- Integers of up to 64 bits and finite floats stay numbers. A decimal becomes an integer or a float where that is the
  same number (the shortest decimal that names the float equals it), else a string. NaN and the infinities are null.
- Dates, times and timestamps are ISO 8601; the engine's endless ones are `infinity` and `-infinity`. Durations are ISO
  8601 (`P1Y2M3DT4H5M6.5S`), with months, days and seconds kept apart where the engine keeps them apart.
- Binary is `\x` and hexadecimal digits, the first 1,024 bytes of it. UUIDs and network addresses are text.
- JSON documents are JSON values while they are nested at most 32 levels deep, else their text. Arrays are lists,
  composite values objects. Everything else is its text.

Only the standard library is imported here: the process that reads SQLite files imports this too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

MAX_BINARY_BYTES = 1_024
MAX_DEPTH = 32
_INT64 = range(-(2**63), 2**63)
_MICROSECONDS = 1_000_000


def json_value(value: object) -> JsonValue:
    """The value as JSON, by the rules of this module."""
    match value:
        case None | bool() | str():
            return value
        case int() | float() | Decimal():
            return _number(value)
        case Mapping():
            return {str(key): json_value(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [json_value(item) for item in value]
        case _:
            return _text(value)


def json_document(text: str) -> JsonValue:
    """A JSON document of the engine as a JSON value; as text where it is too deep or not JSON after all."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return json_value(document) if _shallow(document) else text


def duration(months: int, days: int, microseconds: int) -> str:
    """ISO 8601 of a duration whose parts are kept apart (a month is not a number of days)."""
    # Python's divmod rounds down; truncation keeps -90 minutes as -1H-30M, as PostgreSQL writes it.
    seconds, fraction = _truncated(microseconds, _MICROSECONDS)
    minutes, seconds = _truncated(seconds, 60)
    hours, minutes = _truncated(minutes, 60)
    years, months = _truncated(months, 12)
    date_part = "".join(f"{amount}{unit}" for amount, unit in ((years, "Y"), (months, "M"), (days, "D")) if amount)
    time_part = "".join(f"{amount}{unit}" for amount, unit in ((hours, "H"), (minutes, "M")) if amount)
    if seconds or fraction:
        sign = "-" if min(seconds, fraction) < 0 else ""
        digits = f".{abs(fraction):06d}".rstrip("0") if fraction else ""
        time_part += f"{sign}{abs(seconds)}{digits}S"
    if time_part:
        return f"P{date_part}T{time_part}"
    return f"P{date_part}" if date_part else "PT0S"


def _truncated(amount: int, unit: int) -> tuple[int, int]:
    sign = -1 if amount < 0 else 1
    whole, rest = divmod(abs(amount), unit)
    return sign * whole, sign * rest


def _text(value: object) -> str:
    match value:
        case date():
            return _moment(value)
        case time():
            return value.isoformat()
        case timedelta():
            return duration(0, value.days, value.seconds * _MICROSECONDS + value.microseconds)
        case bytes() | bytearray() | memoryview():
            return "\\x" + bytes(value[:MAX_BINARY_BYTES]).hex()
        case _:
            return str(value)


def _number(value: float | Decimal) -> JsonValue:
    if isinstance(value, int):
        return value if value in _INT64 else str(value)
    if not math.isfinite(value):
        return None
    return value if isinstance(value, float) else _decimal(value)


def _decimal(value: Decimal) -> JsonValue:
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent >= 0 and value.adjusted() < 19 and int(value) in _INT64:
        return int(value)
    nearest = float(value)
    return nearest if math.isfinite(nearest) and Decimal(repr(nearest)) == value else str(value)


def _moment(value: date) -> str:
    # Drivers stand the engine's infinities in by the ends of Python's range.
    if isinstance(value, datetime):
        last: date = datetime.max.replace(tzinfo=value.tzinfo)
        first: date = datetime.min.replace(tzinfo=value.tzinfo)
    else:
        last, first = date.max, date.min
    if value == last:
        return "infinity"
    return "-infinity" if value == first else value.isoformat()


def _shallow(document: object) -> bool:
    pending = [(document, 1)]
    while pending:
        node, depth = pending.pop()
        if isinstance(node, dict | list):
            if depth > MAX_DEPTH:
                return False
            children = node.values() if isinstance(node, dict) else node
            pending.extend((child, depth + 1) for child in children)
    return True
