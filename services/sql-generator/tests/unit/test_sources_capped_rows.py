import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql_generator.sources import Limits, StatementFailed
from sql_generator.sources.capped_rows import CappedRows

COLUMNS = [("name", "text")]


@given(st.lists(st.text(max_size=50)), st.integers(0, 20), st.integers(100, 2_000))
def test_what_is_kept_is_a_prefix_within_both_caps(values: list[str], max_rows: int, max_bytes: int) -> None:
    result = CappedRows(COLUMNS, Limits(rows=max_rows, bytes=max_bytes))
    for value in values:
        if not result.add([value]):
            break
    assert result.rows == [[value] for value in values[: len(result.rows)]]
    assert len(result.rows) <= max_rows
    assert len(json.dumps(result.rows, ensure_ascii=False, separators=(",", ":")).encode()) <= max_bytes + 2
    assert (result.truncated_by is None) == (len(result.rows) == len(values))


def test_the_cap_that_was_reached_is_named() -> None:
    rows = CappedRows(COLUMNS, Limits(rows=1))
    assert rows.add(["a"])
    assert not rows.add(["b"])
    assert rows.truncated_by == "rows"
    size = CappedRows(COLUMNS, Limits(bytes=100))
    assert not size.add(["x" * 100])
    assert not size.add(["a"]), "a row after the cap would leave a gap"
    assert (size.truncated_by, size.rows) == ("bytes", [])


def test_columns_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(StatementFailed, match="columns do not fit"):
        CappedRows([("x" * 200, "text")], Limits(bytes=100))


def test_the_next_slice_aims_at_the_nearest_cap() -> None:
    result = CappedRows(COLUMNS, Limits(rows=1_000, bytes=1_000))
    assert result.expected_more() == 1_001
    result.add(["x" * 96])
    assert 5 < result.expected_more() < 15
