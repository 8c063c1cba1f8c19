"""When a turn was said: the forms that data sets write, and everything else."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memori_cli.evaluation.times import moment

AFTERNOON = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
MIDNIGHT = datetime(2023, 5, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2023-05-08T13:56:00Z", AFTERNOON),
        ("2023-05-08T15:56:00+02:00", AFTERNOON),
        ("2023-05-08 13:56", AFTERNOON),
        ("2023-05-08", MIDNIGHT),
        ("1:56 pm on 8 May, 2023", AFTERNOON),
        ("May 8th, 2023 at 1:56pm", AFTERNOON),
        ("2023/05/08 (Mon) 13:56", AFTERNOON),
        ("Mon, 8 May 2023 06:56:00 -0700 (PDT)", AFTERNOON),
        ("Mon May  8 13:56:00 EST 2023", AFTERNOON),
        ("8 May 2023", MIDNIGHT),
        ("5/8/2023", MIDNIGHT),
        ("20230508", MIDNIGHT),
        ("  2023-05-08\n", MIDNIGHT),
        ("1683554160", AFTERNOON),
        ("1683554160000", AFTERNOON),
        ("1683554160.0", AFTERNOON),
    ],
)
def test_what_data_sets_write_is_understood_and_is_utc_unless_it_says_otherwise(written, meant):
    found = moment(written)
    assert found == meant
    assert found.utcoffset() == timedelta()


@pytest.mark.parametrize(
    "written",
    [
        "",
        "yesterday",
        "Saturday",
        "Saturday in May 2023",
        "8 May",
        "May 2023",
        "2023",
        "12:30",
        "session 7",
        "2023-13-45",
        "0001-01-01T00:00:00+10:00",
        "9999-12-31T23:59:59-10:00",
        "9" * 60,
        "8 May 2023 " * 50,
    ],
)
def test_a_text_that_names_no_day_has_no_time(written):
    assert moment(written) is None


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-14 * 60, 14 * 60))
def test_a_time_written_as_iso_8601_is_read_back_whatever_its_offset(time, minutes):
    zone = timezone(timedelta(minutes=minutes))
    try:
        written = time.astimezone(zone).isoformat()
    except OverflowError:
        return
    assert moment(written) == time


@given(st.one_of(st.text(), st.text("0123456789:/-.,+ apmAPMTZMay()")))
def test_no_text_at_all_is_an_error(written):
    found = moment(written)
    assert found is None or found.utcoffset() == timedelta()
