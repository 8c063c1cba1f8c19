"""Results as files: CSV for spreadsheets and scripts, Arrow for data frames."""

import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from pydantic import JsonValue

from contracts.sql_generator import QueryResult, ResultColumn

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPECIAL = frozenset(',"\r\n')


def csv_of(result: QueryResult) -> bytes:
    """The rows as CSV (RFC 4180) in UTF-8, the names of the columns first.

    NULL is an empty field, an empty text is `""`; lists and objects are JSON.
    """
    rows = [[column.name for column in result.columns], *result.rows]
    return "".join(",".join(map(_field, row)) + "\r\n" for row in rows).encode()


def arrow_of(result: QueryResult) -> bytes:
    """The rows as an Arrow IPC stream.

    Integers, floats, booleans, dates and timestamps (microseconds; in UTC where they have a zone) keep their types;
    everything else is text, lists and objects as JSON.
    """
    import nanoarrow as na  # noqa: PLC0415 - only where it is asked for
    from nanoarrow import ipc  # noqa: PLC0415 - as above

    kinds = {
        "int": na.int64(),
        "float": na.float64(),
        "bool": na.bool_(),
        "date": na.date32(),
        "timestamp": na.timestamp("us"),
        "timestamptz": na.timestamp("us", timezone="UTC"),
        "text": na.string(),
    }
    schemas, arrays = [], []
    for position, column in enumerate(result.columns):
        kind, values = _typed(column, [row[position] for row in result.rows])
        arrays.append(na.c_array(values, kinds[kind]))
        schemas.append(na.c_schema(kinds[kind]).modify(name=column.name))
    table = na.c_array_from_buffers(na.struct(schemas), len(result.rows), buffers=[None], children=arrays)
    file = io.BytesIO()
    with ipc.StreamWriter.from_writable(file) as writer:
        writer.write_array(table)
    return file.getvalue()


def _field(value: JsonValue) -> str:
    if value is None:
        return ""
    text = _text(value)
    return '"' + text.replace('"', '""') + '"' if not text or _SPECIAL.intersection(text) else text


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _typed(column: ResultColumn, values: Sequence[JsonValue]) -> tuple[str, list[object]]:
    """The kind all values of a column are of, and the values as Arrow is given them."""
    types = {type(value) for value in values if value is not None}
    if types == {bool}:
        return "bool", list(values)
    if types == {int}:
        return "int", list(values)
    if types and types <= {int, float}:
        return "float", [float(value) if isinstance(value, int | float) else None for value in values]
    if types == {str} and (moments := _moments(column.type.lower(), values)) is not None:
        return moments
    return "text", [None if value is None else _text(value) for value in values]


def _moments(kind: str, values: Sequence[JsonValue]) -> tuple[str, list[object]] | None:
    """Dates as days and timestamps as microseconds since 1970; None for others, and for `infinity` and the like."""
    try:
        if kind.startswith("date") and not kind.startswith("datetime"):
            return "date", [
                None if value is None else (date.fromisoformat(str(value)) - _EPOCH.date()).days for value in values
            ]
        if kind.startswith(("timestamp", "datetime")):
            parsed = [None if value is None else datetime.fromisoformat(str(value)) for value in values]
            zoned = {moment.tzinfo is not None for moment in parsed if moment is not None}
            if len(zoned) == 1:
                return "timestamptz" if zoned.pop() else "timestamp", list(_microseconds(parsed))
    except ValueError:
        return None
    return None


def _microseconds(moments: Sequence[datetime | None]) -> Iterator[int | None]:
    for moment in moments:
        if moment is None:
            yield None
        else:
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            yield (aware - _EPOCH) // timedelta(microseconds=1)
