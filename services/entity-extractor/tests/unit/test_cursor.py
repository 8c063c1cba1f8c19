import math
from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entity_extractor.domain.cursor import CursorError, Position, decode, encode

positions = st.builds(
    Position,
    weight=st.floats(allow_nan=False, allow_infinity=False),
    count=st.integers(-(2**63), 2**63 - 1),
    id=st.uuids(),
)


@given(positions)
def test_a_cursor_is_read_back_exactly(position):
    assert decode(encode(position)) == position
    assert len(encode(position)) <= 200


@given(st.text(max_size=60))
def test_any_other_text_is_refused_or_is_a_position(text):
    with suppress(CursorError):
        assert encode(decode(text)) == text


@pytest.mark.parametrize("weight", [math.nan, math.inf])
def test_a_forged_weight_is_refused(weight):
    with pytest.raises(CursorError):
        decode(encode(Position(weight, 0, UUID(int=0))))
