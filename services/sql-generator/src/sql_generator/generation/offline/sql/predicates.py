"""Conditions on one row as predicates."""

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from sql_generator.generation.offline.catalogue import Candidate
from sql_generator.generation.offline.lexicon import FALSE_VALUES, TRUE_VALUES
from sql_generator.generation.offline.plan import (
    Between,
    ColumnOf,
    Comparison,
    Condition,
    During,
    Exists,
    Flag,
    Holds,
    Known,
    Missing,
    Pattern,
)
from sql_generator.generation.offline.resolving import Unanswerable
from sql_generator.generation.offline.sql.operands import expression
from sql_generator.generation.offline.sql.sources import column_of, table_of
from sql_generator.generation.offline.sql.statement import Statement

COMPARISONS: dict[str, type[exp.Binary]] = {
    "=": exp.EQ, "<>": exp.NEQ, ">": exp.GT, ">=": exp.GTE, "<": exp.LT, "<=": exp.LTE,
}  # fmt: skip


def is_denied(condition: Condition) -> bool:
    """Whether a condition says what is not."""
    if isinstance(condition, Comparison):
        return condition.operator == "<>"
    return isinstance(condition, Known | Pattern | Exists | Holds) and condition.negated


def predicate(statement: Statement, condition: Condition, *, affirmed: bool = False) -> exp.Expr:
    """The condition; `affirmed` leaves a denial out, for a subquery that is denied as a whole.

    Raises:
        Unanswerable: the column cannot hold such a value.
    """
    write = _WRITERS.get(type(condition))
    if write is None:
        raise Unanswerable("I cannot say that in SQL.")
    tree: exp.Expr = write(statement, condition)
    if not is_denied(condition) or affirmed:
        return tree
    return exp.NEQ(this=tree.this, expression=tree.expression) if isinstance(tree, exp.EQ) else exp.not_(tree)


def _comparison(statement: Statement, condition: Comparison) -> exp.Expr:
    if not isinstance(condition.left, ColumnOf):
        raise Unanswerable("I can only compare columns and measures.")
    kind = exp.EQ if condition.operator == "<>" else COMPARISONS[condition.operator]
    candidate = statement.of(condition.left)
    column = expression(statement, condition.left)
    if condition.value is None:
        average = exp.select(exp.Avg(this=column.copy())).from_(table_of(candidate.table))
        return kind(this=column, expression=average.subquery(copy=False))
    return kind(this=column, expression=_literal(statement, candidate, condition.value, is_number=condition.is_number))


def _known(statement: Statement, condition: Known) -> exp.Expr:
    candidate = statement.chosen[condition.phrase]
    value = _literal(statement, candidate, candidate.value or "", is_number=False)
    return exp.EQ(this=column_of(candidate.table, candidate.column or ""), expression=value)


def _between(statement: Statement, condition: Between) -> exp.Expr:
    candidate = statement.of(condition.left)
    low, high = (
        _literal(statement, candidate, value, is_number=condition.is_number)
        for value in (condition.low, condition.high)
    )
    return exp.Between(this=expression(statement, condition.left), low=low, high=high)


def _pattern(statement: Statement, condition: Pattern) -> exp.Expr:
    column = expression(statement, condition.left)
    if statement.catalogue.type_of(statement.of(condition.left)) != "text":
        column = exp.cast(column, "TEXT")
    kind = exp.ILike if statement.dialect in {"postgres", "duckdb"} else exp.Like
    return kind(this=column, expression=exp.Literal.string(condition.like))


def _missing(statement: Statement, condition: Missing) -> exp.Expr:
    null = exp.Is(this=expression(statement, condition.left), expression=exp.Null())
    return exp.not_(null) if condition.negated else null


def _flag(statement: Statement, condition: Flag) -> exp.Expr:
    candidate = statement.of(condition.left)
    column = expression(statement, condition.left)
    kind = statement.catalogue.type_of(candidate)
    if kind == "boolean" and statement.dialect in {"postgres", "duckdb"}:
        return column if condition.value else exp.not_(column)
    wanted = TRUE_VALUES if condition.value else FALSE_VALUES
    samples = statement.catalogue.samples(candidate)
    spelled = next((sample for sample in samples if sample.lower() in wanted), "1" if condition.value else "0")
    literal = exp.Literal.string(spelled) if kind == "text" else exp.Literal.number(spelled)
    return exp.EQ(this=column, expression=literal)


def _during(statement: Statement, condition: During) -> exp.Expr:
    column = expression(statement, condition.left)
    bounds: tuple[tuple[type[exp.Binary], str | None], ...] = ((exp.GTE, condition.start), (exp.LT, condition.end))
    return exp.and_(
        *(kind(this=column.copy(), expression=exp.Literal.string(day)) for kind, day in bounds if day is not None)
    )


def _holds(statement: Statement, condition: Holds) -> exp.Expr:
    statement.used.append(condition.definition)
    tree = condition.definition.expression.copy()
    return exp.paren(tree) if condition.negated or isinstance(tree, exp.Or) else tree


def _literal(statement: Statement, candidate: Candidate, value: str, *, is_number: bool) -> exp.Expr:
    kind = statement.catalogue.type_of(candidate)
    if kind == "number" and _is_numeric(value):
        return exp.Literal.number(value)
    if kind == "number" or (kind == "date" and (is_number or not value[:1].isdigit())):
        raise Unanswerable(f"{candidate.column} does not hold values like {value!r}.")
    samples = statement.catalogue.samples(candidate)
    return exp.Literal.string(next((sample for sample in samples if sample.lower() == value.lower()), value))


def _is_numeric(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


_WRITERS: dict[type, Callable[[Statement, Any], exp.Expr]] = {
    Comparison: _comparison,
    Known: _known,
    Between: _between,
    Pattern: _pattern,
    Missing: _missing,
    Flag: _flag,
    During: _during,
    Holds: _holds,
}
