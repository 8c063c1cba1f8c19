import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_store.domain.cursor import CursorError, Position, decode, encode

times = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9000, 1, 1)).map(  # noqa: DTZ001
    lambda time: time.replace(tzinfo=UTC)
)


@given(times, st.uuids())
def test_a_cursor_names_the_position_it_was_made_of(time, row_id):
    position = Position(time, row_id)
    assert decode(encode(position)) == position
    assert len(encode(position)) <= 200


@given(st.text(max_size=200))
def test_any_other_text_is_refused(text):
    try:
        position = decode(text)
    except CursorError:
        return
    assert encode(position) == text


@pytest.mark.parametrize(
    "cursor",
    ["", "abc", "äöü", "A" * 32 + "=", "{}", base64.urlsafe_b64encode(b"\x7f" + b"\xff" * 23).decode()],
)
def test_garbage_is_refused(cursor):
    with pytest.raises(CursorError):
        decode(cursor)
