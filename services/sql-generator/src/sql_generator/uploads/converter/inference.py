"""The types of columns that came as text: the narrowest that every value of a column has, and text else.

Nothing of what was written is lost: a number with leading zeros, or with more digits than numbers hold, is text.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

Rows = list[tuple[Any, ...]]

_SAMPLED_ROWS: Final = 1_000
# Stands for the column in an expression.
_VALUE: Final = "@"
_INTEGER: Final = "-?(0|[1-9][0-9]{0,17})"
_DIGITS: Final = "-?(0|[1-9][0-9]{0,11})"
_FLOAT: Final = "-?(0|[1-9][0-9]{0,14})(\\.[0-9]{1,17})?([eE][-+]?[0-9]{1,3})?"
_DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK: Final = "[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,6})?)?"
_ZONE: Final = "(Z|[-+][0-9]{2}(:?[0-9]{2})?)"


def _matching(pattern: str, kind: str) -> str:
    return f"CASE WHEN regexp_full_match(@, '{pattern}') THEN TRY_CAST(@ AS {kind}) END"


def _parsing(pattern: str, form: str) -> str:
    return f"CASE WHEN regexp_full_match(@, '{pattern}') THEN TRY_STRPTIME(@, '{form}')::DATE END"


_DAY_FIRST: Final = _parsing("[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}", "%d/%m/%Y")
_MONTH_FIRST: Final = _parsing("[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}", "%m/%d/%Y")
# What a value becomes; no value where it is not of the type. The first that holds for a whole column is taken.
_CANDIDATES: Final = (
    "CASE lower(@) WHEN 'true' THEN true WHEN 'false' THEN false END",
    _matching(_INTEGER, "BIGINT"),
    _matching(f"{_DIGITS}(\\.[0-9]{{1,2}})?", "DECIMAL(18, 2)"),
    _matching(f"{_DIGITS}(\\.[0-9]{{1,6}})?", "DECIMAL(18, 6)"),
    _matching(_FLOAT, "DOUBLE"),
    _matching(_DAY, "DATE"),
    _parsing("[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}", "%Y/%m/%d"),
    _parsing("[0-9]{1,2}\\.[0-9]{1,2}\\.[0-9]{4}", "%d.%m.%Y"),
    _DAY_FIRST,
    _MONTH_FIRST,
    _matching(f"{_DAY}[ T]{_CLOCK}", "TIMESTAMP"),
    _matching(f"{_DAY}[ T]{_CLOCK}{_ZONE}", "TIMESTAMPTZ"),
    _matching(_CLOCK, "TIME"),
)
_AS_TEXT: Final = _VALUE


def expressions(query: Callable[[str], Rows], columns: Sequence[str], source: str) -> list[str | None]:
    """For each column of `source`, what makes its text a value of its type; None for a column without any value.

    `query` runs SQL; the names of the columns need no quotes.
    """
    sample = f"(SELECT * FROM {source} LIMIT {_SAMPLED_ROWS})"  # noqa: S608  # of our own making
    likely = _holding(query, {column: list(_CANDIDATES) for column in columns}, sample)
    filled = _filled(query, columns, source)
    holding = _holding(query, {column: likely[column] for column in columns if column in filled}, source)
    return [_of(_chosen(holding[column]), column) if column in filled else None for column in columns]


def _of(candidate: str, column: str) -> str:
    return candidate.replace(_VALUE, column)


def _chosen(holding: Sequence[str]) -> str:
    # 03/04/2026 alone does not say which of its numbers is the month.
    if _DAY_FIRST in holding and _MONTH_FIRST in holding:
        return _AS_TEXT
    return holding[0] if holding else _AS_TEXT


def _filled(query: Callable[[str], Rows], columns: Sequence[str], source: str) -> set[str]:
    counts = ", ".join(f"count({column})" for column in columns)
    ((*found,),) = query(f"SELECT {counts} FROM {source}")  # noqa: S608  # names of our own
    return {column for column, count in zip(columns, found, strict=True) if count}


def _holding(query: Callable[[str], Rows], candidates: dict[str, list[str]], source: str) -> dict[str, list[str]]:
    """Those of each column's candidates that hold for all its values in `source`."""
    asked = [(column, candidate) for column, listed in candidates.items() for candidate in listed]
    if not asked:
        return candidates
    tests = ", ".join(
        f"coalesce(bool_and(({_of(candidate, column)}) IS NOT NULL) FILTER (WHERE {column} IS NOT NULL), true)"
        for column, candidate in asked
    )
    ((*held,),) = query(f"SELECT {tests} FROM {source}")  # noqa: S608  # names of our own
    kept: dict[str, list[str]] = {column: [] for column in candidates}
    for (column, candidate), holds in zip(asked, held, strict=True):
        if holds:
            kept[column].append(candidate)
    return kept
