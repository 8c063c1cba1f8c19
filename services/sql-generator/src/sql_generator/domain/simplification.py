"""Statements without what says nothing: conditions that are always true, said twice, or denied twice.

sqlglot's own simplifier is not used: it folds what only the engine can tell (`'a' = 'A'` and `'1' = 1` hold in MySQL).
"""

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.errors import SqlglotError

from sql_guard import Dialect, parse_one, render
from sql_guard.parsing import SQLGLOT_FAULTS


def simplified(sql: str, dialect: Dialect) -> str:
    """A statement that the guard rendered, with simpler WHERE, HAVING and ON; `sql` itself where nothing is to gain.

    In these places NULL counts as false, so that a condition may be dropped for what it says alone. The guard has to
    judge the text again.
    """
    try:
        tree = parse_one(sql, dialect)
        before = _size(tree)
        for clause in list(tree.find_all(exp.Where, exp.Having)):
            condition = _simpler(clause.this)
            select = clause.parent
            # HAVING alone makes one group of all rows.
            if _is_true(condition) and (isinstance(clause, exp.Where) or (select and select.args.get("group"))):
                clause.pop()
            else:
                clause.set("this", condition)
        for join in tree.find_all(exp.Join):
            if "on" in join.args:
                join.set("on", _simpler(join.args["on"]))
        return render(tree, dialect) if _size(tree) < before else sql
    except (SqlglotError, RecursionError, *SQLGLOT_FAULTS):
        return sql


def _simpler(condition: exp.Expr) -> exp.Expr:
    match condition:
        case exp.Paren():
            inner = _simpler(condition.this)
            return inner if isinstance(inner, exp.Paren | exp.Boolean) else exp.Paren(this=inner)
        case exp.And():
            return _joined(exp.And, [part for part in _parts(condition, exp.And) if not _is_true(part)])
        case exp.Or():
            parts = _parts(condition, exp.Or)
            return exp.true() if any(_is_true(part) for part in parts) else _joined(exp.Or, parts)
        case exp.Not(this=exp.Not() as inner):
            return _simpler(inner.this)
        case exp.EQ(this=exp.Literal() as left, expression=exp.Literal() as right) if _same_integer(left, right):
            return exp.true()
    return condition


def _parts(condition: exp.Expr, connector: type[exp.Connector]) -> list[exp.Expr]:
    """What AND or OR connects, each once and simplified, the first of equal ones; what calls a function may differ."""
    found: dict[str, exp.Expr] = {}
    for number, part in enumerate(_operands(condition, connector)):
        simpler = _simpler(part)
        calls = simpler.find(exp.Func, exp.Query) is not None
        found.setdefault(f"{number}" if calls else simpler.sql(), simpler)
    return list(found.values())


def _operands(condition: exp.Expr, connector: type[exp.Connector]) -> Iterator[exp.Expr]:
    # Not by recursion: a model may write a thousand of them.
    pending = [condition]
    while pending:
        node = pending.pop()
        if isinstance(node, connector):
            pending += (node.expression, node.this)
        elif isinstance(node, exp.Paren) and isinstance(node.this, connector):
            pending.append(node.this)
        else:
            yield node


def _joined(connector: type[exp.Connector], parts: list[exp.Expr]) -> exp.Expr:
    if not parts:
        return exp.true()
    whole, *rest = parts
    for part in rest:
        whole = connector(this=whole, expression=part)
    return whole


def _is_true(condition: exp.Expr) -> bool:
    return isinstance(condition, exp.Boolean) and bool(condition.this)


def _same_integer(left: exp.Literal, right: exp.Literal) -> bool:
    return left.is_int and right.is_int and left.this == right.this


def _size(node: exp.Expr) -> int:
    return sum(1 for _ in node.walk())
