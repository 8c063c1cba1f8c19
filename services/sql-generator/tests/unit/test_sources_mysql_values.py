from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql_generator.sources.mysql_values import moment, time_or_duration


@given(st.datetimes())
def test_a_timestamp_is_what_python_reads_from_it(value: datetime) -> None:
    assert datetime.fromisoformat(moment(value.isoformat(" ", "microseconds"))) == value


@pytest.mark.parametrize("text", ["0000-00-00 00:00:00", "2024-00-01 00:00:00", "2024-01-00 10:00:00"])
def test_what_is_no_date_stays_as_the_engine_shows_it(text: str) -> None:
    assert moment(text) == text


@given(st.integers(-838, 838), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999_999))
def test_a_time_is_a_time_of_day_or_else_a_duration_as_long(hours: int, minutes: int, seconds: int, micro: int) -> None:
    sign = "-" if hours < 0 else ""
    shown = time_or_duration(f"{sign}{abs(hours):02}:{minutes:02}:{seconds:02}.{micro:06}")
    assert shown.startswith("PT") == (not 0 <= hours < 24)
    length = timedelta(hours=abs(hours), minutes=minutes, seconds=seconds, microseconds=micro)
    assert _length(shown) == (-length if hours < 0 else length)


def _length(shown: str) -> timedelta:
    if not shown.startswith("PT"):
        return datetime.fromisoformat(f"2000-01-01T{shown}") - datetime(2000, 1, 1)  # noqa: DTZ001
    total, digits = timedelta(), ""
    for character in shown.removeprefix("PT"):
        if character in "HMS":
            total += (
                float(digits)
                * {"H": timedelta(hours=1), "M": timedelta(minutes=1), "S": timedelta(seconds=1)}[character]
            )
            digits = ""
        else:
            digits += character
    return total
