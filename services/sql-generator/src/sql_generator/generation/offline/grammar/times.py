"""Points and spans of time in a question: "in 2025", "since March", "last month", "between 2024 and 2025"."""

import re
from calendar import monthrange
from dataclasses import replace
from datetime import date, timedelta

from sql_generator.generation.offline.catalogue import Candidate
from sql_generator.generation.offline.grammar.enumerations import past
from sql_generator.generation.offline.grammar.reading import Reading
from sql_generator.generation.offline.lexicon import MONTHS
from sql_generator.generation.offline.linking import Item
from sql_generator.generation.offline.plan import (
    EVERY_ROW,
    Aggregate,
    ColumnOf,
    Comparison,
    Defined,
    During,
    Operand,
    Phrase,
)
from sql_generator.generation.offline.tokens import name_words

Span = tuple[date, date]
"""A half-open span: the first day, and the day after the last."""

_OLDEST_YEAR, _NEWEST_YEAR = 1900, 2100
_UNIT_WORDS = frozenset({"day", "week", "month", "quarter", "year"})
_RELATIVE = frozenset({"last", "previous", "past", "this", "current"})
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4}
_DAYS_AGO = {"today": 0, "yesterday": 1}
_BOUNDS = frozenset({"since", "after", "before", "until"})
_OPENERS = frozenset({"from", "in", "on", "during", "within", "of", "for", "between", "over", "at"})
_CHANGES = frozenset({"updated", "modified", "changed", "deleted"})
_OF_YEAR = frozenset({"of", ","})
_OF_PARENT, _OF_OTHERS = 0.9, 0.75
_QUARTER = re.compile("q[1-4]")


def time(reading: Reading) -> bool:
    """A span of time on the point in time that the rows spoken of have."""
    item = reading.at(reading.position)
    if item is None or (item.named and item.word not in MONTHS and item.number is None):
        return False
    opener = item.word
    bound = opener if opener in _BOUNDS else None
    leads = bound is not None or opener in _OPENERS or item.operator("between") is not None
    position = _past_articles(reading, reading.position + leads)
    span, after = _span(reading, position)
    if span is None or not (leads or _stands_alone(reading, position)):
        return False
    joiner = reading.at(after)
    if opener in {"between", "from"} and joiner is not None and joiner.word in {"and", "to", "until"}:
        end, beyond = _span(reading, after + 1)
        if end is None:
            return False
        span, after, bound = (span[0], end[1]), beyond, None
    elif opener == "between":
        return False
    return _require(reading, span, bound, after, position)


def _past_articles(reading: Reading, position: int) -> int:
    while (
        (item := reading.at(position)) is not None and item.word in {"the", "year", "month", "of"} and not item.columns
    ):
        following = reading.at(position + 1)
        if following is None:
            break
        position += 1
    return position


def _stands_alone(reading: Reading, position: int) -> bool:
    """Whether a span needs no preposition: "last month", "today", "2025 revenue" does."""
    item = reading.at(position)
    return item is not None and item.word in _RELATIVE | _DAYS_AGO.keys()


def _require(reading: Reading, span: Span, bound: str | None, after: int, start: int) -> bool:
    year_only = after == start + 1 and (item := reading.at(start)) is not None and item.number is not None
    column = _column_before(reading) or dates_of_rows(reading, "date")
    if column is None:
        years = _year_columns(reading) if year_only else ()
        if years:
            sign = {"since": ">=", "after": ">", "before": "<", "until": "<="}.get(bound or "", "=")
            year = ColumnOf(reading.plan.refer("year", years, reading.subject))
            reading.compare(Comparison(year, sign, str(span[0].year), is_number=True), after)
        return bool(years)
    first, last = span[0].isoformat(), span[1].isoformat()
    start_day, end_day = {
        "since": (first, None), "after": (last, None),
        "before": (None, first), "until": (None, last),
    }.get(bound or "", (first, last))  # fmt: skip
    reading.require(During(column, start_day, end_day))
    reading.position = after
    return True


def _column_before(reading: Reading) -> ColumnOf | None:
    """As in "signed up in 2025": the point in time that the words before name."""
    position = reading.position - 1
    while (item := reading.at(position)) is not None and item.word in {"is", "are", "was", "were", "date", "a"}:
        position -= 1
    item = reading.at(position)
    if item is None or not item.columns or not reading.is_date(item):
        return None
    dates = tuple(c for c in item.columns if reading.catalogue.type_of(c) == "date")
    return ColumnOf(reading.plan.refer(item.text, dates, reading.subject))


def dated_column(reading: Reading) -> bool:
    """As in "who signed up last month": a point in time that only leads to a span."""
    item = reading.at(reading.position)
    if item is None or not item.columns or not reading.is_date(item):
        return False
    position = reading.position + 1
    while (following := reading.at(position)) is not None and following.word in {"is", "are", "was", "were"}:
        position += 1
    if reading.asking and reading.word_before(reading.position) in {"the", "and", ","}:
        return False
    here, reading.position = reading.position, position
    if time(reading):
        return True
    reading.position = here
    return False


def dates_of_rows(reading: Reading, text: str) -> ColumnOf | None:
    """The point in time of the rows spoken of, or of what they belong to ("revenue in 2025": of the orders)."""
    found: list[Candidate] = []
    tables = _tables_in_question(reading)
    parents = {parent for table in tables for parent in reading.catalogue.parents(table)}
    for table in reading.catalogue.tables:
        dates = reading.catalogue.dates(table)
        lasting = tuple(date for date in dates if _CHANGES.isdisjoint(name_words(date.column or ""))) or dates
        score = 1.0 if table in tables else _OF_PARENT if table in parents else _OF_OTHERS
        if len(lasting) == 1 or table in tables:
            found += [replace(date, score=score) for date in lasting]
    if not found:
        return None
    measured = [phrase for phrase in _measured(reading) if phrase != EVERY_ROW]
    return ColumnOf(reading.plan.refer(text, tuple(found), measured[-1] if measured else reading.subject))


def _measures(reading: Reading) -> list[Operand]:
    operands = [*reading.plan.shown, *(key.operand for key in reading.plan.order)]
    return [operand for operand in operands if isinstance(operand, Aggregate | Defined)]


def _measured(reading: Reading) -> list[Phrase]:
    return [measure.of.phrase for measure in _measures(reading) if isinstance(measure, Aggregate)]


def _tables_in_question(reading: Reading) -> set[str]:
    """The tables named, and those of measures where only one can be meant."""
    tables = set(reading.mentions)
    for measure in _measures(reading):
        if isinstance(measure, Defined):
            tables |= set(measure.definition.tables)
    for phrase in _measured(reading):
        candidates = reading.plan.references[phrase].candidates if phrase != EVERY_ROW else ()
        owners = {candidate.table for candidate in candidates}
        tables |= owners if len(owners) == 1 else set()
    return tables


def _year_columns(reading: Reading) -> tuple[Candidate, ...]:
    return tuple(c for c in reading.catalogue.names(("year",)) if c.column is not None)


def _span(reading: Reading, position: int) -> tuple[Span | None, int]:
    """The span that starts here and where it ends."""
    item = reading.at(position)
    if item is None:
        return None, position
    month = MONTHS.get(item.word)
    if month is not None:
        return _month(reading, position, month)
    if item.word in _RELATIVE:
        return _relative(reading, position)
    if _QUARTER.fullmatch(item.word):
        return _quarter(reading, position, int(item.word[1]))
    following = reading.at(position + 1)
    if item.word in _ORDINALS and following is not None and following.word == "quarter":
        return _quarter(reading, position + 1, _ORDINALS[item.word])
    return _day_or_year(reading, item), position + 1


def _day_or_year(reading: Reading, item: Item) -> Span | None:
    year = _year(item)
    if year is not None:
        return date(year, 1, 1), date(year + 1, 1, 1)
    day = _date(item.tokens[0].value) if item.tokens[0].kind == "date" else None
    if item.word in _DAYS_AGO:
        day = reading.today - timedelta(days=_DAYS_AGO[item.word])
    return None if day is None else (day, day + timedelta(days=1))


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _year(item: Item | None) -> int | None:
    number = item.number if item is not None else None
    if number is None or not number.isdigit() or len(number) != 4:
        return None
    return int(number) if _OLDEST_YEAR <= int(number) <= _NEWEST_YEAR else None


def _month(reading: Reading, position: int, month: int) -> tuple[Span | None, int]:
    """A month, with its year or else the last time it began; "march 5 2026" is a day."""
    after = position + 1
    day = reading.at(after)
    number = int(day.number) if day is not None and day.number is not None and day.number.isdigit() else 0
    if 1 <= number <= 31 and (year := _year(reading.at(_past_comma(reading, after + 1)))) is not None:
        beyond = _past_comma(reading, after + 1) + 1
        if number > monthrange(year, month)[1]:
            return None, position
        return (date(year, month, number), date(year, month, number) + timedelta(days=1)), beyond
    year_at = past(reading, after, _OF_YEAR)
    year = _year(reading.at(year_at))
    if year is not None:
        after = year_at + 1
    else:
        year = reading.today.year - (month > reading.today.month)
        reading.assumptions.append(f"took the month for that of {year}")
    return (date(year, month, 1), _next_month(date(year, month, 1))), after


def _past_comma(reading: Reading, position: int) -> int:
    return position + 1 if (item := reading.at(position)) is not None and item.word == "," else position


def _quarter(reading: Reading, position: int, quarter: int) -> tuple[Span | None, int]:
    year_at = past(reading, position + 1, _OF_YEAR)
    year = _year(reading.at(year_at))
    start = date(year or reading.today.year, 3 * quarter - 2, 1)
    return (start, _next_month(start, 3)), position + 1 if year is None else year_at + 1


def _relative(reading: Reading, position: int) -> tuple[Span | None, int]:
    word = reading.items[position].word
    item = reading.at(position + 1)
    count, after = 1, position + 1
    many = item is not None and item.number is not None
    if item is not None and many and item.number is not None and item.number.isdigit():
        count, after = int(item.number), position + 2
        item = reading.at(after)
    unit = item.tokens[-1].lemma if item is not None and len(item.tokens) == 1 else ""
    if unit not in _UNIT_WORDS:
        return None, position
    today = reading.today
    start = _start_of(unit, today)
    if word in {"this", "current"}:
        return (start, _shift(unit, start, 1)), after + 1
    if many or word == "past":
        tomorrow = today + timedelta(days=1)
        return (_shift(unit, tomorrow, -count), tomorrow), after + 1
    return (_shift(unit, start, -1), start), after + 1


def _start_of(unit: str, day: date) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    if unit == "quarter":
        return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    return date(day.year, 1, 1) if unit == "year" else day


def _shift(unit: str, day: date, count: int) -> date:
    if unit in {"day", "week"}:
        return day + timedelta(days=count * (7 if unit == "week" else 1))
    return _next_month(day, count * {"month": 1, "quarter": 3, "year": 12}[unit])


def _next_month(day: date, months: int = 1) -> date:
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
