"""When something was said, out of the many ways in which data sets write it."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from dateutil import parser

_MAX_CHARS = 100
_EPOCH = re.compile(r"(?P<seconds>\d{10})(?P<milliseconds>\d{3})?(?P<rest>\.\d+)?")
# They share no year, month, day or day of the week counted from them, so a text that leaves one of these open reads
# differently with each.
_DEFAULTS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2001, 2, 15, tzinfo=UTC))


def moment(written: str) -> datetime | None:
    """The time that a text names, in UTC, or None when it names no day.

    Understands ISO 8601, seconds or milliseconds since 1970, and English such as "1:56 pm on 8 May, 2023" or
    "2023/05/20 (Sat) 02:21". Without an offset the time is UTC, as with a zone that is only named ("EST"); a day
    alone is its midnight; 5/8/2023 is the eighth of May.
    """
    text = written.strip()
    if not 0 < len(text) <= _MAX_CHARS:
        return None
    try:
        return _in_utc(_since_1970(text) or _iso_8601(text) or _english(text))
    except (ValueError, OverflowError):
        return None


def _since_1970(text: str) -> datetime | None:
    if not (found := _EPOCH.fullmatch(text)):
        return None
    milliseconds = int(found["milliseconds"] or 0)
    return datetime.fromtimestamp(int(found["seconds"]), UTC) + timedelta(milliseconds=milliseconds)


def _iso_8601(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _english(text: str) -> datetime:
    readings = {parser.parse(text, default=default, fuzzy=True, tzinfos=_zone) for default in _DEFAULTS}
    if len(readings) > 1:
        raise ValueError(f"{text!r} leaves the day open")
    reading: datetime = readings.pop()
    return reading


def _zone(_name: str | None, offset: int | None) -> tzinfo:
    # The default would take names that this machine's own zone has for that zone.
    return UTC if offset is None else timezone(timedelta(seconds=offset))


def _in_utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
