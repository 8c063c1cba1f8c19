"""Cursors that come from outside."""

from typing import Any

from entity_extractor.errors import invalid
from persistence import cursor


def position(text: str | None, *types: type) -> Any:
    """The position in a list that a cursor stands for; None for the beginning.

    Raises:
        ProblemError: `invalid`, the cursor is not ours.
    """
    try:
        return cursor.decode(text, *types) if text is not None else None
    except cursor.CursorError as error:
        raise invalid("cursor", str(error)) from error
