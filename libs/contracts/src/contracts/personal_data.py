"""What every owner of personal data answers: everything of one user out, and everything of one user gone."""

from pydantic import Field, JsonValue

from contracts.base import Message, UtcTime
from contracts.methods import Empty, Method


class ExportData(Message):
    """The next page of everything a service keeps of the user who asks."""

    cursor: str | None = Field(default=None, max_length=2_000)


class ExportedRows(Message):
    """Rows of one kind, complete and in plain text; `next_cursor` is absent on the last page of the last kind."""

    kind: str = Field(description="What they are, as the export's file is named: `memories`, `rules`, …")
    # Not JsonObject: a row is one level deeper than the deepest value that may be in it.
    rows: tuple[dict[str, JsonValue], ...] = ()
    piece: str | None = Field(
        default=None, description="Instead of rows, a piece of the JSON of one that does not fit a message"
    )
    ends_row: bool = Field(default=True, description="False while more pieces of the row follow on the next page")
    next_cursor: str | None = None


class ErasedRows(Message):
    """What was erased; asked again, nothing is left to count."""

    erased_at: UtcTime
    rows: dict[str, int] = Field(description="Rows deleted, by table")


def export_of(service: str) -> Method[ExportData, ExportedRows]:
    """The method by which a service hands out what it keeps of a user."""
    return Method(service, "export", ExportData, ExportedRows)


def erase_of(service: str) -> Method[Empty, ErasedRows]:
    """The method by which a service erases what it keeps of a user, for good."""
    return Method(service, "erase", Empty, ErasedRows)
