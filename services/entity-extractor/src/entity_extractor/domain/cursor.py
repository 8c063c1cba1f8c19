"""Where a page of a list ended: opaque to whoever holds it, a position in the sort order to us."""

import base64
import binascii
import math
import struct
from dataclasses import dataclass
from uuid import UUID

_FORMAT = struct.Struct(">dq16s")


class CursorError(ValueError):
    """A cursor that we did not make."""


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page, in the order of its weight (0 where a list has none), count and id, all descending."""

    weight: float
    count: int
    id: UUID


def encode(position: Position) -> str:
    """The cursor of the page after this position: URL-safe base64."""
    packed = _FORMAT.pack(position.weight, position.count, position.id.bytes)
    return base64.urlsafe_b64encode(packed).decode()


def decode(cursor: str) -> Position:
    """The position a cursor stands for.

    Raises:
        CursorError: the text is not a cursor.
    """
    try:
        weight, count, id_bytes = _FORMAT.unpack(base64.b64decode(cursor.encode("ascii"), b"-_", validate=True))
    except (UnicodeEncodeError, binascii.Error, struct.error) as error:
        raise CursorError("not a cursor of this list") from error
    if not math.isfinite(weight):
        raise CursorError("not a cursor of this list")
    return Position(weight, count, UUID(bytes=id_bytes))
