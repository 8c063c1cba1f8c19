import csv
import io

import nanoarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nanoarrow import ipc

from contracts.sql_generator import QueryResult, ResultColumn
from gateway.downloads import arrow_of, csv_of


def result(columns, *rows):
    named = tuple(ResultColumn(name=name, type=kind) for name, kind in columns.items())
    return QueryResult(columns=named, rows=rows, row_count=len(rows), elapsed_ms=1)


def read_arrow(content):
    """The columns by position: name, type, values."""
    with ipc.InputStream.from_readable(io.BytesIO(content)) as stream:
        table = nanoarrow.Array(stream)
    fields = [table.schema.field(position) for position in range(table.schema.n_fields)]
    columns = [table.child(position).to_pylist() for position in range(table.schema.n_fields)]
    return [(field.name, str(field.type.name), values) for field, values in zip(fields, columns, strict=True)]


def test_a_csv_tells_null_from_empty_and_quotes_what_needs_it():
    rows = result(
        {"name": "text", "a,b": "integer"},
        ("Ada", 1),
        ("", None),
        (None, 2.5),
        ('say "hi",\nthen go', True),
        ("ü", [1, "x"]),
    )
    assert csv_of(rows).decode() == (
        'name,"a,b"\r\nAda,1\r\n"",\r\n,2.5\r\n"say ""hi"",\nthen go",true\r\nü,"[1, ""x""]"\r\n'
    )


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00")), min_size=2, max_size=2),
        min_size=1,
    )
)
def test_texts_come_back_out_of_a_csv(rows):
    content = csv_of(result({"a": "text", "b": "text"}, *map(tuple, rows))).decode()
    assert list(csv.reader(io.StringIO(content, newline="")))[1:] == rows


@pytest.mark.parametrize(
    ("kind", "values", "arrow"),
    [
        ("bigint", (1, None, 2**63 - 1), "INT64"),
        ("real", (1, 2.5, None), "DOUBLE"),
        ("boolean", (True, False, None), "BOOL"),
        ("text", ("a", None, "ü"), "STRING"),
        ("text", ("2026-01-01", None, "2026-01-02"), "STRING"),
        ("integer", (None, None, None), "STRING"),
    ],
)
def test_values_keep_their_types_in_arrow(kind, values, arrow):
    ((name, found, read),) = read_arrow(arrow_of(result({"a b.c": kind}, *((value,) for value in values))))
    assert (name, found, read) == ("a b.c", arrow, list(values))


def test_moments_are_moments_in_arrow():
    columns = {"day": "date", "at": "timestamp without time zone", "on": "timestamp with time zone"}
    rows = ("1969-12-31", "2026-01-01T10:00:00.5", "2026-01-01T10:00:00+02:00"), (None, None, None)
    day, at, on = read_arrow(arrow_of(result(columns, *rows)))
    assert (day[1], str(day[2][0]), day[2][1]) == ("DATE32", "1969-12-31", None)
    assert (at[1], at[2][0].isoformat()) == ("TIMESTAMP", "2026-01-01T10:00:00.500000")
    assert (on[1], on[2][0].isoformat()) == ("TIMESTAMP", "2026-01-01T08:00:00+00:00")


def test_what_is_no_moment_stays_text_in_arrow():
    columns = {"day": "date", "items": "json", "big": "numeric"}
    rows = ("infinity", [1, {"a": None}], "123456789012345678901234567890"), ("2026-01-01", {"b": 1}, 1)
    found = read_arrow(arrow_of(result(columns, *rows)))
    assert [values for _, _, values in found] == [
        ["infinity", "2026-01-01"],
        ['[1, {"a": null}]', '{"b": 1}'],
        ["123456789012345678901234567890", "1"],
    ]


def test_no_rows_are_a_file_too():
    nothing = result({"a": "text"})
    assert csv_of(nothing) == b"a\r\n"
    assert read_arrow(arrow_of(nothing)) == [("a", "STRING", [])]
