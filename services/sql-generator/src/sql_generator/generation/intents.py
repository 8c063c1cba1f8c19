"""What kind of query a statement is."""

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from contracts.sql_generator import Intent, SourceKind


def intent_of(sql: str, dialect: SourceKind) -> Intent | None:
    """The most telling part of a query: grouping, aggregation, joining, filtering, else selection; None if no query."""
    try:
        tree = sqlglot.parse_one(sql, dialect=dialect)
    except SqlglotError:
        return None
    if not isinstance(tree, exp.Query):
        return None
    if tree.find(exp.Group):
        return "group_by"
    if any(expression.find(exp.AggFunc) for expression in tree.selects):
        return "aggregate"
    if tree.find(exp.Join):
        return "join"
    return "filter" if tree.find(exp.Where) else "select"
