"""Judges every function call of a statement against the dialect's allow-list, wherever and however it is written."""

from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from sql_guard.functions import ALLOWED
from sql_guard.verdict import Dialect, Refusal

MAX_LITERAL: Final = 10_000_000
"""Largest integer literal in a call that makes that many rows or characters."""

_GROWS_BY_ARGUMENT: Final = frozenset(
    {
        "generate_series",
        "range",
        "repeat",
        "repeat_row",
        "lpad",
        "rpad",
        "space",
        "zeroblob",
        "randomblob",
        "array_fill",
        "list_resize",
    }
)
_DUCKDB_SYSTEM_SCHEMAS: Final = frozenset({"main", "pg_catalog", "system"})


def check_calls(tree: exp.Expr, dialect: Dialect) -> None:
    """Refuses a call of a function that is not on the list, in any position and under any quoting."""
    for call in tree.find_all(exp.Anonymous):
        name = _name(call, dialect)
        allowed = ALLOWED[dialect]
        as_table = isinstance(call.parent, exp.Table) or (
            isinstance(call.parent, exp.Lateral) and call.arg_key == "this"
        )
        if name not in (allowed.table if as_table else allowed.scalar):
            raise Refusal("function_not_allowed", f"function {name} is not allowed")
        _check_qualifier(call, dialect)
        if name in _GROWS_BY_ARGUMENT:
            _check_bounds(call, name)


def function_name(call: exp.Anonymous) -> str:
    """The called name, as written."""
    this = call.this
    return this.name if isinstance(this, exp.Identifier) else str(this)


def _name(call: exp.Anonymous, dialect: Dialect) -> str:
    written = function_name(call)
    # A quoted name is case-sensitive in PostgreSQL: "COUNT" is not count, it would be somebody's own function.
    quoted = isinstance(call.this, exp.Identifier) and bool(call.this.args.get("quoted"))
    return written if quoted and dialect == "postgres" else written.lower()


def _check_qualifier(call: exp.Anonymous, dialect: Dialect) -> None:
    parent = call.parent
    qualifiers: list[exp.Expr] = []
    if isinstance(parent, exp.Dot) and call.arg_key == "expression":
        qualifiers = [parent.this]
    elif isinstance(parent, exp.Table):
        qualifiers = [part for part in (parent.args.get("db"), parent.args.get("catalog")) if part]
    if not qualifiers:
        return
    if dialect == "postgres":
        permitted = all(isinstance(q, exp.Identifier) and q.name == "pg_catalog" for q in qualifiers)
    elif dialect == "duckdb":
        # In an expression the dot is method syntax: name.upper() is upper(name).
        permitted = isinstance(parent, exp.Dot) or all(q.name.lower() in _DUCKDB_SYSTEM_SCHEMAS for q in qualifiers)
    else:
        permitted = False
    if not permitted:
        raise Refusal("function_not_allowed", "functions of a named schema are not allowed")


def _check_bounds(call: exp.Anonymous, name: str) -> None:
    for argument in call.expressions:
        for literal in _integers(argument):
            if literal > MAX_LITERAL:
                raise Refusal("oversized_literal", f"{name} with a bound above {MAX_LITERAL:,}")


def _integers(argument: exp.Expr) -> Iterator[int]:
    value = argument.expression if isinstance(argument, exp.EQ | exp.PropertyEQ | exp.Kwarg) else argument
    while isinstance(value, exp.Neg | exp.Paren | exp.Cast):
        value = value.this
    if isinstance(value, exp.Literal) and not value.is_string:
        digits = value.name.replace("_", "")
        try:
            yield int(float(digits))
        except (ValueError, OverflowError):
            return
