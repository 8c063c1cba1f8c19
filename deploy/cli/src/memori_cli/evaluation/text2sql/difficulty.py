"""How hard a question is, judged by the SQL that answers it.

The criteria are those of Spider (Yu et al., 2018: "Spider: A Large-Scale Human-Labeled Dataset for Complex and
Cross-Domain Semantic Parsing and Text-to-SQL Task", section 4, as its `eval_hardness` counts them), read off the syntax
tree. The clauses of a subquery are not counted, the subquery is.
"""

from typing import Literal, TypeAlias, get_args

import sqlglot
from sqlglot import exp

Difficulty: TypeAlias = Literal["easy", "medium", "hard", "extra"]
DIFFICULTIES: tuple[Difficulty, ...] = get_args(Difficulty)


def parsed(sql: str) -> exp.Expr:
    """The syntax tree of a query in SQLite's dialect.

    Raises:
        sqlglot.errors.SqlglotError: it cannot be read.
    """
    return sqlglot.parse_one(sql, read="sqlite")


def is_ordered(query: exp.Expr) -> bool:
    """Whether a query says in which order its rows come."""
    return query.args.get("order") is not None


def difficulty(query: exp.Expr) -> Difficulty:
    """The class of a query."""
    first = _first_select(query)
    clauses, nested, more = _clauses(first), _nested(query), _more_than_one(first)
    if clauses <= 1 and more == 0 and nested == 0:
        return "easy"
    if nested == 0 and ((more <= 2 and clauses <= 1) or (clauses <= 2 and more < 2)):
        return "medium"
    if nested == 0 and ((more > 2 and clauses <= 2) or (2 < clauses <= 3 and more <= 2)):
        return "hard"
    return "hard" if clauses <= 1 and more == 0 and nested == 1 else "extra"


def _first_select(query: exp.Expr) -> exp.Expr:
    while isinstance(query, exp.SetOperation | exp.Subquery):
        query = query.this
    return query


def _clauses(select: exp.Expr) -> int:
    """Component 1: WHERE, GROUP BY, ORDER BY and LIMIT, each join, OR and LIKE."""
    present = sum(select.args.get(clause) is not None for clause in ("where", "group", "order", "limit"))
    conditions = [node for clause in ("where", "having", "joins") for node in _own(select, clause)]
    return (
        present
        + len(select.args.get("joins") or ())
        + sum(isinstance(node, exp.Or) for node in conditions)
        + sum(isinstance(node, exp.Like) for node in conditions)
    )


def _nested(query: exp.Expr) -> int:
    """Component 2: EXCEPT, UNION and INTERSECT, and each subquery."""
    return sum(1 for _ in query.find_all(exp.Select)) - 1


def _more_than_one(select: exp.Expr) -> int:
    """The others: more than one aggregate, column shown, condition, and expression grouped by."""
    clauses = ("expressions", "where", "group", "order", "having")
    everywhere = [node for clause in clauses for node in _own(select, clause)]
    conditions = [node for node in _own(select, "where") if isinstance(node, exp.Predicate)]
    group = select.args.get("group")
    return sum(
        number > 1
        for number in (
            sum(isinstance(node, exp.AggFunc) for node in everywhere),
            len(select.expressions),
            len(conditions),
            len(group.expressions) if group is not None else 0,
        )
    )


def _own(select: exp.Expr, clause: str) -> list[exp.Expr]:
    """The nodes of a clause, without those of subqueries."""
    written = select.args.get(clause) or []
    roots = written if isinstance(written, list) else [written]
    return [node for root in roots for node in root.walk(prune=lambda node: isinstance(node, exp.Query))]
