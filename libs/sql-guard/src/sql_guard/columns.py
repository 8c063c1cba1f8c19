"""The columns a statement names."""

from typing import Final

from sqlglot import exp

from sql_guard.calls import function_name
from sql_guard.relations import ascii_lower, stored_relation
from sql_guard.verdict import Dialect

_UNIT_FUNCTIONS: Final = frozenset({"timestampdiff", "timestampadd", "get_format", "normalize"})
"""Functions with a keyword argument that parses like a column."""


_UNITS: Final = frozenset({"microsecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"})
_KEYWORDS: Final = (
    _UNITS
    | {f"sql_tsi_{unit}" for unit in _UNITS}
    | {"date", "time", "datetime", "timestamp", "nfc", "nfd", "nfkc", "nfkd"}
)


def named_columns(tree: exp.Expr, dialect: Dialect) -> tuple[str, ...]:
    """`table.column` where the qualifier is a stored relation or its alias, else the bare name; each once, in order."""
    sources = _sources(tree, dialect)
    found: dict[str, None] = {}
    for column in tree.find_all(exp.Column):
        if not isinstance(column.this, exp.Identifier) or _is_keyword(column):
            continue
        qualifier = column.args.get("table")
        table = sources.get(ascii_lower(qualifier.name)) if isinstance(qualifier, exp.Identifier) else None
        found[f"{table}.{column.name}" if table else column.name] = None
    return tuple(found)


def _is_keyword(column: exp.Column) -> bool:
    call = column.parent
    return (
        isinstance(call, exp.Anonymous)
        and function_name(call).lower() in _UNIT_FUNCTIONS
        and not column.args.get("table")
        and ascii_lower(column.name) in _KEYWORDS
    )


def _sources(tree: exp.Expr, dialect: Dialect) -> dict[str, str | None]:
    """Alias or table name → the stored relation it stands for; None where the statement uses it for two things."""
    sources: dict[str, str | None] = {}
    for item in tree.find_all(exp.Table, exp.Subquery, exp.Lateral, exp.Unnest):
        name = ascii_lower(item.alias_or_name)
        if not name:
            continue
        relation = stored_relation(item, dialect) if isinstance(item, exp.Table) else None
        stored = str(relation) if relation is not None else None
        sources[name] = stored if name not in sources or sources[name] == stored else None
    return sources
