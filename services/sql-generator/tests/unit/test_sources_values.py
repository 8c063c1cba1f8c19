import json
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql_generator.sources.values import MAX_BINARY_BYTES, MAX_DEPTH, duration, json_document, json_value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (2**63 - 1, 2**63 - 1),
        (2**63, str(2**63)),
        (1.5, 1.5),
        (math.nan, None),
        (-math.inf, None),
        (Decimal("12.50"), 12.5),
        (Decimal(100), 100),
        (Decimal("1E+3"), 1000),
        (Decimal("NaN"), None),
        (Decimal("Infinity"), None),
        (Decimal("0.1234567890123456789"), "0.1234567890123456789"),
        (Decimal(2**70), str(2**70)),
        (date(2024, 2, 29), "2024-02-29"),
        (date.max, "infinity"),
        (datetime(2024, 2, 29, 12, 30, tzinfo=UTC), "2024-02-29T12:30:00+00:00"),
        (datetime.min.replace(tzinfo=UTC), "-infinity"),
        (time(1, 2, 3), "01:02:03"),
        (timedelta(days=1, seconds=3661, microseconds=500_000), "P1DT1H1M1.5S"),
        (b"\x00\xff", "\\x00ff"),
        (bytes(5_000), "\\x" + "00" * MAX_BINARY_BYTES),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([1, [Decimal("2.5")]], [1, [2.5]]),
        ({"a": date(2024, 1, 1)}, {"a": "2024-01-01"}),
    ],
)
def test_a_value_becomes_the_json_that_the_module_states(value: object, expected: object) -> None:
    found = json_value(value)
    assert found == expected
    assert type(found) is type(expected)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_never_changes_its_value(value: Decimal) -> None:
    found = json_value(value)
    assert isinstance(found, int | float | str)
    assert Decimal(repr(found) if isinstance(found, float) else found) == value


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((0, 0, 0), "PT0S"),
        ((14, 3, 0), "P1Y2M3D"),
        ((-14, 0, 0), "P-1Y-2M"),
        ((0, 0, -5_400_000_000), "PT-1H-30M"),
        ((0, 0, -500_000), "PT-0.5S"),
        ((1, 0, 61_000_001), "P1MT1M1.000001S"),
    ],
)
def test_a_duration_keeps_months_days_and_seconds_apart(parts: tuple[int, int, int], expected: str) -> None:
    assert duration(*parts) == expected


def test_a_json_document_is_a_value_until_it_is_too_deep() -> None:
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json_document(deepest) == json.loads(deepest)
    for text in ("[" + deepest + "]", "[" * 100_000 + "]" * 100_000, "not json"):
        assert json_document(text) == text
    assert json_document('{"a": 1e999, "b": 123456789012345678901234567890}') == {
        "a": None,
        "b": "123456789012345678901234567890",
    }
