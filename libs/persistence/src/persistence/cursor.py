"""Keyset cursors: where a page of a list ended, opaque to whoever holds it."""

import base64
import binascii
import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_REFUSAL = "not a cursor of this list"


class CursorError(ValueError):
    """A cursor that we did not make, or made for another list."""


def encode(*position: float | str | datetime | UUID) -> str:
    """The cursor of the page after a row, from the row's values in the order of the list: URL-safe text."""
    # Escapes would make names in other scripts three times as long, and a cursor has to stay short.
    text = json.dumps([_plain(value) for value in position], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode(errors="surrogatepass")).decode()


def decode(cursor: str, *types: type) -> tuple[Any, ...]:
    """The values a cursor was made from, each of its type (int, float, str, datetime or UUID).

    Raises:
        CursorError: the text is not a cursor, or not one with values of these types.
    """
    try:
        values = json.loads(base64.b64decode(cursor.encode("ascii"), b"-_", validate=True))
        if not isinstance(values, list) or len(values) != len(types):
            raise CursorError(_REFUSAL)
        return tuple(_typed(value, kind) for value, kind in zip(values, types, strict=True))
    except (UnicodeError, binascii.Error, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise CursorError(_REFUSAL) from error


def _plain(value: float | str | datetime | UUID) -> float | str:
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MICROSECOND
    return str(value) if isinstance(value, UUID) else value


def _typed(value: Any, kind: type) -> Any:
    if kind is datetime and type(value) is int:
        return _EPOCH + timedelta(microseconds=value)
    if kind is UUID and type(value) is str:
        return UUID(value)
    if kind is float and type(value) in {int, float} and math.isfinite(value):
        return float(value)
    if kind is int and type(value) is int and abs(value) < 2**63:
        return value
    if kind is str and type(value) is str and "\x00" not in value:
        # Lone surrogates pass JSON and fail in Postgres.
        value.encode()
        return value
    raise CursorError(_REFUSAL)
