"""What to think of a statement that may run: joins that multiply, tables read as a whole, an index that would help."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from contracts.sql_generator import Advice, DatabaseSchema, Table
from sql_guard import parse_one
from sql_guard.parsing import SQLGLOT_FAULTS

MANY_ROWS: Final = 100_000
"""A table with fewer rows than this may be read as a whole without a word."""

_EQUAL: Final = (exp.EQ, exp.In, exp.Is)
_RANGE: Final = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)
_INDEXED: Final = frozenset(("postgres", "mysql", "sqlite"))
_MAX_INDEX_COLUMNS: Final = 3


def advice_on(sql: str, schema: DatabaseSchema, full_scans: Sequence[str] = ()) -> tuple[Advice, ...]:
    """Advice on a statement that the guard rendered; `full_scans` are what its plan reads as a whole.

    A statement that cannot be understood gets none.
    """
    tables = {table.name.lower(): table for table in schema.tables}
    found: dict[str, Advice] = {}
    try:
        for scope in traverse_scope(parse_one(sql, schema.dialect)):
            select = _Select(scope, tables)
            for advice in (*_multiplied(select), *_read_whole(select, schema, full_scans)):
                found.setdefault(advice.message, advice)
    except (SqlglotError, RecursionError, *SQLGLOT_FAULTS):
        return ()
    return tuple(found.values())


@dataclass(slots=True)
class _Select:
    """One SELECT of a statement: what it reads, by alias, and what its conditions say of whom."""

    scope: Scope
    known: Mapping[str, Table]
    conditions: list[exp.Expr] = field(default_factory=list)

    def __post_init__(self) -> None:
        select = self.scope.expression
        clauses = [select.args.get("where"), *(join.args.get("on") for join in select.args.get("joins") or ())]
        for clause in clauses:
            if clause is not None:
                condition = clause.this if isinstance(clause, exp.Where) else clause
                self.conditions += condition.flatten() if isinstance(condition, exp.And) else [condition]

    def table(self, alias: str) -> Table | None:
        """The stored table behind an alias; None for anything else."""
        source = self.scope.sources.get(alias)
        if not isinstance(source, exp.Table):
            return None
        qualified = ".".join(part.name for part in source.parts).lower()
        return self.known.get(qualified) or self.known.get(source.name.lower())

    def owner(self, column: exp.Column) -> str | None:
        """The alias of what a column belongs to; None where that cannot be told."""
        if column.table:
            return column.table
        owners = [
            alias
            for alias in self.scope.sources
            if (table := self.table(alias)) and any(column.name.lower() == each.name.lower() for each in table.columns)
        ]
        return owners[0] if len(owners) == 1 else None


def _multiplied(select: _Select) -> Iterator[Advice]:
    """Relations of one FROM that no condition connects."""
    joins = select.scope.expression.args.get("joins") or []
    # Where a join says how by itself, or a name belongs to nobody known, nothing is claimed.
    if any(join.args.get("using") or join.method == "NATURAL" for join in joins):
        return
    groups = {alias: {alias} for alias in select.scope.selected_sources}
    for condition in select.conditions:
        owners = [select.owner(column) for column in condition.find_all(exp.Column)]
        if None in owners:
            return
        merged = set().union(*(groups[owner] for owner in owners if owner in groups))
        for alias in merged:
            groups[alias] = merged
    apart = {min(group): group for group in groups.values() if any(_has_rows(select.table(alias)) for alias in group)}
    if len(apart) > 1:
        names = " and ".join(", ".join(sorted(_said(select, alias) for alias in group)) for group in apart.values())
        yield Advice(
            kind="cartesian_join",
            message=f"nothing connects {names}: each row of one is combined with every row of the other",
        )


def _has_rows(table: Table | None) -> bool:
    """Whether combining each of its rows with something multiplies: a table of one row, often settings, does not."""
    return table is not None and (table.row_estimate is None or table.row_estimate > 1)


def _said(select: _Select, alias: str) -> str:
    table = select.table(alias)
    return table.name if table else alias


def _read_whole(select: _Select, schema: DatabaseSchema, full_scans: Sequence[str]) -> Iterator[Advice]:
    scanned = {name.lower() for name in full_scans}
    for alias in select.scope.sources:
        table = select.table(alias)
        if table is None or (table.row_estimate or 0) < MANY_ROWS or alias.lower() not in scanned:
            continue
        columns = _deciding(select, alias)
        yield Advice(
            kind="full_scan",
            message=f"all of {table.name} is read, about {table.row_estimate:,} rows",
            suggestion=_index(table, columns, schema) if columns else None,
        )


def _deciding(select: _Select, alias: str) -> list[str]:
    """The columns by which rows of a relation are chosen: those that equal a value and one range of values, else those
    that equal a column of another relation.
    """
    equal: dict[str, None] = {}
    ranges: dict[str, None] = {}
    joined: dict[str, None] = {}
    for condition in select.conditions:
        if not isinstance(condition, (*_EQUAL, *_RANGE)):
            continue
        # A column inside a function or a calculation is not found by an index on the column.
        sides = (condition.this, condition.args.get("expression"))
        for side, other in (sides, sides[::-1]):
            if isinstance(side, exp.Column) and select.owner(side) == alias:
                compared = joined if isinstance(other, exp.Column) else equal
                (compared if isinstance(condition, _EQUAL) else ranges)[side.name] = None
    chosen = [*equal, *list(ranges)[:1]] or list(joined)
    return chosen[:_MAX_INDEX_COLUMNS]


def _index(table: Table, columns: Sequence[str], schema: DatabaseSchema) -> str | None:
    """The statement that would make an index; None where the engine has no use for one, or has it as a primary key."""
    spelled = {column.name.lower(): column for column in table.columns}
    found = [spelled[name.lower()] for name in columns if name.lower() in spelled]
    if schema.dialect not in _INDEXED or not found or (len(found) == 1 and found[0].primary_key):
        return None
    names = [column.name for column in found]
    written = [exp.to_identifier(name).sql(dialect=schema.dialect, identify=True) for name in names]
    name = exp.to_identifier("_".join((table.name.rpartition(".")[2], *names, "idx")))
    return (
        f"CREATE INDEX {name.sql(dialect=schema.dialect, identify=True)}"
        f" ON {exp.to_table(table.name, dialect=schema.dialect).sql(dialect=schema.dialect, identify=True)}"
        f" ({', '.join(written)})"
    )
