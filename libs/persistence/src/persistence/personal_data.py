"""Everything of one user out, a page at a time, and everything of one user gone."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Self

from pydantic_core import to_json, to_jsonable_python
from sqlalchemy import Column, ColumnElement, Select, Table, and_, delete, literal, select, tuple_

from contracts.identity import Identity
from contracts.methods import MAX_MESSAGE_BYTES, ProblemError
from contracts.personal_data import ExportedRows
from contracts.problems import problem
from persistence import cursor
from persistence.cursor import CursorError
from persistence.database import Transaction

_OWNER = frozenset({"tenant_id", "user_id"})
# What surrounds the rows: brackets, the kind, a cursor.
_ROOM_BYTES = MAX_MESSAGE_BYTES - 8 * 1024
_FETCHED_AT_ONCE = 20
# A character of JSON takes four bytes at most in a string: quotes and backslashes are escaped once more, and take two.
_BYTES_A_CHARACTER = 4

Row = dict[str, Any]


def _as_it_is(_owner: Identity, row: Row) -> Row:
    return row


@dataclass(frozen=True, slots=True)
class Export:
    """What goes out of a table: each row, without its owner and the columns in `leave_out`, as `reveal` returns it."""

    kind: str
    table: Table
    leave_out: Collection[str] = ()
    reveal: Callable[[Identity, Row], Row] = _as_it_is


async def export_page(
    transaction: Transaction,
    owner: Identity,
    exports: Sequence[Export],
    after: str | None,
    *,
    room: int = _ROOM_BYTES,
) -> ExportedRows:
    """The page that the cursor `after` of another leads to, or the first: as many rows as fit `room` bytes of JSON.

    One table comes after the other, rows in the order of their keys: none that stays is left out or comes twice,
    whatever is added or deleted meanwhile. Times are ISO 8601, ids and decimals strings, bytes URL-safe base64.

    Raises:
        CursorError: `after` is not a cursor of these exports.
        ProblemError: `unavailable`, a row too large for one page changed between two of them: begin again.
    """
    place = _Place.of(after, exports)
    export = exports[place.number]
    taken: list[Row] = []
    used, key = 0, place.key
    async with transaction.connection.stream(_rows_after(export, owner, key)) as found:
        async for row in found.mappings():
            shown = _shown(export, owner, row)
            size = len(to_json(shown)) + 1
            if place.offset or used + size > room:
                if taken:
                    return _page(exports, export, taken, _Place(place.number, key))
                return _piece(exports, place, _key_of(export, row), to_json(shown).decode(), room)
            taken.append(shown)
            used += size
            key = _key_of(export, row)
    if place.offset:
        raise _changed()
    return _page(exports, export, taken, _Place(place.number + 1))


async def erase_rows(
    transaction: Transaction, owner: Identity, tables: Iterable[Table], *, before: datetime | None = None
) -> dict[str, int]:
    """Delete a user's rows from the tables in their order, those that refer to others first; their numbers by table.

    With `before`, rows that were created later stay; a table without `created_at` is emptied of them all.
    """
    deleted: dict[str, int] = {}
    for table in tables:
        condition = _owned(table, owner)
        if before is not None and "created_at" in table.c:
            condition = and_(condition, table.c.created_at <= before)
        deleted[table.name] = (await transaction.execute(delete(table).where(condition))).rowcount
    return deleted


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: after the row with this key, and with an `offset` inside the one that follows it."""

    number: int = 0
    key: tuple[Any, ...] = ()
    offset: int = 0
    digest: str = ""

    @classmethod
    def of(cls, text: str | None, exports: Sequence[Export]) -> Self:
        if text is None:
            return cls()
        name, _, position = text.partition(".")
        names = [export.kind for export in exports]
        if name not in names:
            raise CursorError("not a cursor of this export")
        number = names.index(name)
        types = [column.type.python_type for column in _key_columns(exports[number].table)]
        try:
            offset, digest, *key = cursor.decode(
                position, int, str, *(str if kind is bytes else kind for kind in types)
            )
        except CursorError:
            # Where a table begins, there is no key yet.
            offset, digest, *key = cursor.decode(position, int, str)
        try:
            found = [bytes.fromhex(part) if kind is bytes else part for part, kind in zip(key, types, strict=False)]
        except ValueError as error:
            raise CursorError("not a cursor of this export") from error
        return cls(number, tuple(found), offset, digest)

    def cursor(self, exports: Sequence[Export]) -> str | None:
        if self.number == len(exports):
            return None
        key = (part.hex() if isinstance(part, bytes) else part for part in self.key)
        return f"{exports[self.number].kind}.{cursor.encode(self.offset, self.digest, *key)}"


def _page(exports: Sequence[Export], export: Export, rows: Sequence[Row], following: _Place) -> ExportedRows:
    return ExportedRows.model_construct(kind=export.kind, rows=tuple(rows), next_cursor=following.cursor(exports))


def _piece(exports: Sequence[Export], place: _Place, key: tuple[Any, ...], text: str, room: int) -> ExportedRows:
    digest = sha256(text.encode()).hexdigest()
    if place.offset and digest != place.digest:
        raise _changed()
    end = place.offset + room // _BYTES_A_CHARACTER
    ends_row = end >= len(text)
    following = _Place(place.number, key) if ends_row else _Place(place.number, place.key, end, digest)
    return ExportedRows.model_construct(
        kind=exports[place.number].kind,
        piece=text[place.offset : end],
        ends_row=ends_row,
        next_cursor=following.cursor(exports),
    )


def _changed() -> ProblemError:
    return ProblemError(problem("unavailable", "something changed while it was handed out", retry_after=1))


def _rows_after(export: Export, owner: Identity, key: tuple[Any, ...]) -> Select[Any]:
    columns = _key_columns(export.table)
    read = [column for column in export.table.c if column.name not in export.leave_out or column in columns]
    statement = select(*read).where(_owned(export.table, owner)).order_by(*columns)
    if key:
        values = [literal(value, column.type) for value, column in zip(key, columns, strict=True)]
        statement = statement.where(tuple_(*columns) > tuple_(*values))
    return statement.execution_options(yield_per=_FETCHED_AT_ONCE)


def _shown(export: Export, owner: Identity, row: Mapping[str, Any]) -> Row:
    hidden = _OWNER.union(export.leave_out)
    revealed = export.reveal(owner, dict(row))
    shown: Row = to_jsonable_python(
        {name: value for name, value in revealed.items() if name not in hidden},
        bytes_mode="base64",
        inf_nan_mode="null",
    )
    return shown


def _key_columns(table: Table) -> list[Column[Any]]:
    """What tells a user's rows apart."""
    return [column for column in table.primary_key.columns if column.name not in _OWNER]


def _key_of(export: Export, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in _key_columns(export.table))


def _owned(table: Table, owner: Identity) -> ColumnElement[bool]:
    # Row-level security says the same but for rows that others share; this lets the indexes be used.
    return and_(table.c.tenant_id == owner.tenant_id, table.c.user_id == owner.user_id)
