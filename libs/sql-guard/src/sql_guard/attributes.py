"""PostgreSQL's functional notation: `(x).f` and, for the alias of a function in FROM, `x.f` mean `f(x)`.

`SELECT ('/etc/passwd'::text).pg_read_file` reads the file, and a syntax tree shows only a field. So where the name may
be a function, it must be on the function allow-list, or one of the field names that functions returning rows give.
See https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-USAGE.
"""

import re
from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from sql_guard.calls import function_name
from sql_guard.functions import ALLOWED
from sql_guard.verdict import Dialect, Refusal

_FIELDS: Final = frozenset({"key", "value", "ordinality", "lexeme", "positions", "weights", "word", "ndoc", "nentry"})
_NUMBERED_FIELD: Final = re.compile(r"(?:f|column)\d+")


def check_attributes(tree: exp.Expr, dialect: Dialect) -> None:
    """Refuses, in PostgreSQL, a field name that the server could take for a function that is not allowed."""
    if dialect != "postgres":
        return
    for dot in tree.find_all(exp.Dot):
        name = dot.expression
        if isinstance(name, exp.Identifier) and not _harmless(_folded(name)):
            raise Refusal("function_not_allowed", f"field {name.name} of an expression could be a function")
    items = _from_items(tree)
    for column in tree.find_all(exp.Column):
        qualifier = column.args.get("table")
        if not isinstance(qualifier, exp.Identifier) or not isinstance(column.this, exp.Identifier):
            continue
        name = _folded(column.this)
        fields = items.get(_folded(qualifier), frozenset())
        if fields is not None and name not in fields and not _harmless(name):
            raise Refusal("function_not_allowed", f"{qualifier.name}.{name} could be a function")


def _harmless(name: str) -> bool:
    return name in _FIELDS or name in ALLOWED["postgres"].scalar or _NUMBERED_FIELD.fullmatch(name) is not None


def _folded(name: exp.Identifier) -> str:
    return name.name if name.args.get("quoted") else name.name.lower()


def _from_items(tree: exp.Expr) -> dict[str, frozenset[str] | None]:
    """What the names in FROM stand for: None for rows with fields of their own (tables, subqueries), else a function's
    declared columns. A name used twice in the statement gets the stricter of its meanings.
    """
    found: dict[str, frozenset[str] | None] = {}
    for item in tree.find_all(
        exp.Table, exp.Subquery, exp.Values, exp.Lateral, exp.Unnest, exp.JSONTable, exp.XMLTable
    ):
        alias = item.args.get("alias")
        names = frozenset(_alias_names(item, alias))
        fields = None if _is_row_source(item) else (frozenset(_declared_columns(item, alias)) or names)
        for name in names:
            known = found.get(name, fields)
            found[name] = known if fields is None else fields if known is None else known & fields
    return found


def _is_row_source(item: exp.Expr) -> bool:
    if isinstance(item, exp.Table):
        return isinstance(item.this, exp.Identifier | exp.JSONTable | exp.XMLTable) and not item.args.get("rows_from")
    if isinstance(item, exp.Lateral):
        return isinstance(item.this, exp.Subquery)
    return isinstance(item, exp.Subquery | exp.Values | exp.JSONTable | exp.XMLTable)


def _alias_names(item: exp.Expr, alias: object) -> Iterator[str]:
    if isinstance(alias, exp.TableAlias) and isinstance(alias.this, exp.Identifier):
        yield _folded(alias.this)
    elif isinstance(item, exp.Table) and isinstance(item.this, exp.Identifier):
        yield _folded(item.this)
    else:
        for call in item.find_all(exp.Anonymous):
            yield function_name(call).lower()


def _declared_columns(item: exp.Expr, alias: object) -> Iterator[str]:
    declared = list(alias.args.get("columns") or ()) if isinstance(alias, exp.TableAlias) else []
    # `unnest(...) WITH ORDINALITY AS u(x, n)`: the parser keeps n apart.
    for column in (*declared, item.args.get("offset")):
        identifier = column.this if isinstance(column, exp.ColumnDef) else column
        if isinstance(identifier, exp.Identifier):
            yield _folded(identifier)
