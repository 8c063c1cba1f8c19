"""Cursors come back as they were made; anything else is refused."""

import base64
import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persistence.cursor import CursorError, decode, encode

TIMES = st.datetimes(timezones=st.just(UTC))
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


@given(st.integers(-(2**63) + 1, 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), TEXTS, TIMES, st.uuids())
def test_a_position_comes_back_as_it_was(number, weight, name, time, identifier):
    cursor = encode(number, weight, name, time, identifier)
    assert decode(cursor, int, float, str, datetime, UUID) == (number, weight, name, time, identifier)


@given(st.text())
def test_other_text_is_refused_and_never_breaks(text):
    with pytest.raises(CursorError):
        decode(text, datetime, UUID)


@pytest.mark.parametrize(
    "values",
    [[], [1], [1, 2], ["x", str(uuid4())], [10**30, str(uuid4())], [1, "no-uuid"], {"a": 1}, [True, str(uuid4())]],
)
def test_a_cursor_of_another_list_is_refused(values):
    cursor = base64.urlsafe_b64encode(json.dumps(values).encode()).decode()
    with pytest.raises(CursorError):
        decode(cursor, datetime, UUID)


@pytest.mark.parametrize("text", ["\x00", "\ud800"])
def test_text_postgres_cannot_hold_is_refused(text):
    with pytest.raises(CursorError):
        decode(encode(text), str)


def test_not_a_number_is_refused():
    with pytest.raises(CursorError):
        decode(encode(float("nan")), float)
