"""Where a page of a list ended: opaque to whoever holds it, a position in the sort order to us."""

import base64
import binascii
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMAT = struct.Struct(">q16s")
_MICROSECOND = timedelta(microseconds=1)
_REFUSAL = "not a cursor of this list"


class CursorError(ValueError):
    """A cursor that we did not make."""


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page, in the order of its time and then its id."""

    time: datetime
    id: UUID


def encode(position: Position) -> str:
    """The cursor of the page after this position: URL-safe base64."""
    packed = _FORMAT.pack((position.time - _EPOCH) // _MICROSECOND, position.id.bytes)
    return base64.urlsafe_b64encode(packed).decode()


def decode(cursor: str) -> Position:
    """The position a cursor stands for.

    Raises:
        CursorError: the text is not a cursor.
    """
    try:
        microseconds, id_bytes = _FORMAT.unpack(base64.b64decode(cursor.encode("ascii"), b"-_", validate=True))
        position = Position(_EPOCH + timedelta(microseconds=microseconds), UUID(bytes=id_bytes))
    except (UnicodeEncodeError, binascii.Error, struct.error, OverflowError) as error:
        raise CursorError(_REFUSAL) from error
    if encode(position) != cursor:
        # Base64 can be spelled in several ways; only ours is one.
        raise CursorError(_REFUSAL)
    return position
