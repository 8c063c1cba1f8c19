"""Words that stand for each other's place: of a kind, where only one at a time can hold."""

import re
from collections.abc import Collection, Sequence

from memory_store.domain.statements import plain

Family = frozenset[str]

NUMBERS = plain("one two three four five six seven eight nine ten twelve fifteen twenty thirty fifty hundred thousand")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")

MONTHS = plain("january february march april may june july august september october november december")
WEEKDAYS = plain("monday tuesday wednesday thursday friday saturday sunday")
CALENDAR = (MONTHS, WEEKDAYS, NUMBERS)

PRESENTATION = tuple(
    plain(family)
    for family in (
        "euro eur € dollar usd $ pound gbp £ yen jpy ¥ franc chf rupee inr",
        "unit thousand million billion",
        "kilogram kg gram ton tonne",
        "kilometer kilometre km mile meter metre",
        "utc gmt cet cest est edt pst pdt",
        "english german french spanish italian portuguese dutch polish japanese chinese korean arabic hebrew russian",
        "csv excel xlsx pdf json parquet html markdown",
        "table chart text prose bullet",
        "uppercase lowercase",
        "snake_case camelcase pascalcase kebab-case",
    )
)
TASTES = (
    *PRESENTATION,
    NUMBERS,
    *(
        plain(family)
        for family in (
            "bar line pie column area scatter",
            "short long brief detailed concise verbose terse",
            "hourly daily weekly monthly quarterly yearly annual",
            "ascending descending",
            "dark light",
            "red green blue black white yellow orange purple grey gray",
            "left right inner outer full",
            "formal informal casual",
            "small large big tiny",
        )
    ),
)
DIRECTIONS = (plain("ascending descending asc desc"),)

SCOPES = plain(
    "for in on when whenever if during at from since before after per with without unless until within by where"
)
"""What follows one of these says where a statement holds, not what it states."""


def alternatives(
    one: Sequence[str], other: Sequence[str], families: Collection[Family], *, scopes: Collection[str] = SCOPES
) -> bool:
    """Whether the two differ in nothing but words of a kind, and outside of what says where they hold."""
    if len(one) != len(other) or list(one) == list(other):
        return False
    end = next((place for place, word in enumerate(one) if place and word in scopes), len(one))
    return all(
        a == b or (place < end and _of_a_kind(a, b, families))
        for place, (a, b) in enumerate(zip(one, other, strict=True))
    )


def _of_a_kind(one: str, other: str, families: Collection[Family]) -> bool:
    if NUMBERS in families and _is_number(one) and _is_number(other):
        return True
    return any(one in family and other in family for family in families)


def _is_number(word: str) -> bool:
    return word in NUMBERS or _NUMBER.fullmatch(word) is not None
