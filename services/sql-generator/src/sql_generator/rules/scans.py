"""What a statement reads in place of a table: only the rows it may see, columns masked or left out.

Every place where a statement reads the table gets a subquery of the table's own name or alias. So a rule holds in every
scope and for every kind of join, `*` needs no expansion, and no expression, condition or order sees what is behind:
data warehouses do row and column policies the same way. Only where a condition in WHERE is the same for sure does a
filter go there, which reads better and leaves the table's keys to GROUP BY.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from sqlglot import exp

from contracts.sql_generator import Column, FilterRows, Table, Value
from sql_generator.generation.offline.sql.rendering import needs_quotes
from sql_generator.rules.names import find_column, folded, relation_key
from sql_guard import Dialect
from sql_guard.relations import stored_relation

How = Literal["full", "partial", "hash", "none"]

MASK: Final = "***"
_KEPT_CHARS: Final = 4
_MIN_CHARS: Final = 9
_TEXT_WORDS: Final = ("char", "text", "string", "clob")
_HASHES: Final = frozenset({"postgres", "mysql", "duckdb"})
_PLAIN_JOINS: Final = frozenset({"", "INNER", "CROSS"})
# What belongs to the place in FROM, not to the table.
_OUTSIDE: Final = ("alias", "joins", "laterals", "pivots")


@dataclass(slots=True)
class Scan:
    """How one table is read."""

    table: Table
    filters: list[FilterRows] = field(default_factory=list)
    masks: dict[str, How] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)


def places(tree: exp.Expr, dialect: Dialect) -> list[tuple[exp.Table, str]]:
    """Where the tree reads stored relations: the node, and the relation's name to compare."""
    found = []
    for node in tree.find_all(exp.Table):
        relation = stored_relation(node, dialect)
        if relation is not None:
            found.append((node, relation_key(relation.parts, dialect)))
    return found


def rewrite(tree: exp.Expr, dialect: Dialect, scans: Mapping[str, Scan]) -> dict[str, int]:
    """Have the tree read these tables, named by their keys, through their scans; in how many places each was read."""
    counts: dict[str, int] = {}
    found = [(node, key) for node, key in places(tree, dialect) if key in scans]
    for node, key in found:
        scan = scans[key]
        select = None if scan.masks or scan.hidden else _filtered_by_where(node)
        if select is None:
            node.replace(_scanned(node, scan, dialect))
        else:
            conditions = _conditions(node.args.get("alias") or node, scan, dialect)
            where = select.args.get("where")
            select.set("where", exp.Where(this=exp.and_(*([where.this] if where else []), *conditions)))
        counts[key] = counts.get(key, 0) + 1
    _unqualify(tree, dialect, counts)
    return counts


def _unqualify(tree: exp.Expr, dialect: Dialect, rewritten: Collection[str]) -> None:
    for column in tree.find_all(exp.Column):
        qualifier = [part.name for part in (column.args.get("db"), column.args.get("table")) if part is not None]
        # `public.orders.status` names a relation, and there is only an alias now.
        if len(qualifier) > 1 and relation_key(qualifier, dialect) in rewritten:
            column.set("db", None)
            column.set("catalog", None)


def _filtered_by_where(node: exp.Table) -> exp.Select | None:
    """The SELECT that reads the table so that a condition in its WHERE is one on the table's rows; else None."""
    place = node.parent
    select = place.parent if isinstance(place, exp.From | exp.Join) else None
    alias = node.args.get("alias")
    # `orders AS o(a, status)` gives the name to another column.
    is_odd = any(node.args.get(name) for name in ("joins", "laterals", "pivots")) or (alias and alias.columns)
    if not isinstance(select, exp.Select) or is_odd:
        return None
    joins = select.args.get("joins") or []
    if any(join.method or join.kind not in _PLAIN_JOINS or join.side not in {"", "LEFT"} for join in joins):
        return None
    return None if isinstance(place, exp.Join) and place.side else select


def hashes(dialect: Dialect) -> bool:
    """Whether the engine can hash, so that a mask may be a pseudonym."""
    return dialect in _HASHES


def _scanned(node: exp.Table, scan: Scan, dialect: Dialect) -> exp.Subquery:
    outside = {name: node.args.get(name) for name in _OUTSIDE}
    inner = node.copy()
    for name in _OUTSIDE:
        inner.set(name, None)
    if not outside["alias"]:
        outside["alias"] = exp.TableAlias(this=node.this.copy())
    query = exp.Select(expressions=_read_columns(node, scan, dialect), from_=exp.From(this=inner))
    if scan.filters:
        query.set("where", exp.Where(this=exp.and_(*_conditions(inner, scan, dialect))))
    return exp.Subquery(this=query, **outside)


def _read_columns(node: exp.Table, scan: Scan, dialect: Dialect) -> list[exp.Expr]:
    if not scan.masks and not scan.hidden:
        return [exp.Star()]
    hidden = {folded(name) for name in scan.hidden}
    masks = {folded(name): how for name, how in scan.masks.items()}
    columns: list[exp.Expr] = []
    for column in scan.table.columns:
        if folded(column.name) in hidden:
            continue
        how = masks.get(folded(column.name), "none")
        value = _column(node, column.name, dialect)
        if how != "none":
            value = exp.alias_(_masked(value, column, how, dialect), identifier(column.name, dialect))
        columns.append(value)
    return columns


def identifier(name: str, dialect: Dialect) -> exp.Identifier:
    """A name of the schema, in quotes where it needs them."""
    # MySQL reserves many more words than the others.
    return exp.to_identifier(name, quoted=dialect == "mysql" or needs_quotes(name, "postgres"))


def _column(source: exp.Expr, name: str, dialect: Dialect) -> exp.Expr:
    # Qualified, so that the name of a column that has gone never means one of a statement around.
    return exp.Column(this=identifier(name, dialect), table=source.this.copy())


def _conditions(source: exp.Expr, scan: Scan, dialect: Dialect) -> list[exp.Expr]:
    """The filters of a scan on a table, or on the alias of one."""
    found = []
    for rule in scan.filters:
        column = _column(source, rule.column, dialect)
        held = compared(column, rule)
        known = find_column(scan.table, rule.column)
        if rule.operator in {"<>", "not in"} and (known is None or known.nullable):
            held = exp.paren(exp.or_(held, _is_null(column.copy())))
        found.append(held)
    return found


def compared(column: exp.Expr, rule: FilterRows) -> exp.Expr:
    """The condition of a filter on this column."""
    values = [_literal(value) for value in rule.values]
    match rule.operator:
        case "is null":
            return _is_null(column)
        case "is not null":
            return exp.Not(this=_is_null(column))
        case "in":
            return exp.In(this=column, expressions=values)
        case "not in":
            return exp.Not(this=exp.In(this=column, expressions=values))
        case operator:
            return _COMPARISONS[operator](this=column, expression=values[0])


_COMPARISONS: Final[Mapping[str, type[exp.Binary]]] = {
    "=": exp.EQ,
    "<>": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
}


def _literal(value: Value) -> exp.Expr:
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    return exp.Literal.string(value) if isinstance(value, str) else exp.convert(value)


def _masked(value: exp.Expr, column: Column, how: How, dialect: Dialect) -> exp.Expr:
    text = exp.Cast(this=value.copy(), to=exp.DataType.build("CHAR" if dialect == "mysql" else "TEXT"))
    if how == "hash" and hashes(dialect):
        return exp.Anonymous(this="MD5", expressions=[text])
    if how == "partial":
        return _ending(value, text, dialect)
    if _is_text(column):
        return exp.Case().when(_is_null(value), exp.Null()).else_(exp.Literal.string(MASK))
    # A NULL of the column's own type, so that sums and comparisons of it still make sense to the engine.
    never = exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0))
    return exp.Case().when(never, value)


def _ending(value: exp.Expr, text: exp.Expr, dialect: Dialect) -> exp.Expr:
    length = exp.Anonymous(this="CHAR_LENGTH" if dialect == "mysql" else "LENGTH", expressions=[text])
    start = exp.Sub(this=length.copy(), expression=exp.Literal.number(_KEPT_CHARS - 1))
    ending = exp.Anonymous(this="SUBSTR", expressions=[text.copy(), start])
    mask = exp.Literal.string(MASK)
    shown = (
        exp.Anonymous(this="CONCAT", expressions=[mask.copy(), ending])
        if dialect == "mysql"  # where || is OR
        else exp.DPipe(this=mask.copy(), expression=ending)
    )
    is_long = exp.GTE(this=length, expression=exp.Literal.number(_MIN_CHARS))
    return exp.Case().when(_is_null(value), exp.Null()).when(is_long, shown).else_(mask)


def _is_null(value: exp.Expr) -> exp.Expr:
    return exp.Is(this=value, expression=exp.Null())


def _is_text(column: Column) -> bool:
    return any(word in column.type.lower() for word in _TEXT_WORDS)
