"""What a statement says about its tables: how they join, what is filtered, aggregated and grouped by.

A tool for learning from queries that ran, so it prefers silence: whatever does not lead to a column of the schema is
left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from entity_extractor.catalogue import Catalogue, Dialect
from entity_extractor.domain.graph import ColumnRef, Join
from entity_extractor.scopes import Place, Relation, SelectScope, nodes, read_scopes

_AGGREGATES: dict[type[exp.Expr], str] = {
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Min: "min",
    exp.Max: "max",
    exp.Count: "count",
}
# What sqlglot lets escape on malformed text, besides its own errors.
_FAULTS = (SqlglotError, AttributeError, AssertionError, IndexError, KeyError, TypeError, ValueError, RecursionError)


class UnreadableSql(ValueError):  # noqa: N818  # reads as what it says
    """The text is not one query of the dialect."""


@dataclass(frozen=True, slots=True, order=True)
class Aggregate:
    """A column under an aggregate function (`sum`, `avg`, `min`, `max`, `count`)."""

    function: str
    column: ColumnRef


@dataclass(frozen=True, slots=True)
class SqlFacts:
    """What a statement uses, each thing once, by the names of the schema."""

    tables: frozenset[str] = frozenset()
    columns: frozenset[ColumnRef] = frozenset()
    joins: frozenset[Join] = frozenset()
    filters: frozenset[ColumnRef] = frozenset()
    aggregates: frozenset[Aggregate] = frozenset()
    groupings: frozenset[ColumnRef] = frozenset()
    unknown: frozenset[str] = frozenset()
    """Names of tables and columns that the schema does not have: it may have changed."""


def extract(sql: str, dialect: Dialect, columns_of: Mapping[str, Sequence[str]]) -> SqlFacts:
    """The facts of one query, given the columns of each table of the schema.

    Joins are equalities between columns of two FROM items in ON, USING, NATURAL or WHERE, across the edge of a
    correlated subquery, and `a IN (SELECT b …)`. A column is filtered when a condition compares it, or something
    computed from it, with a value.

    Raises:
        UnreadableSql: the text cannot be parsed, or is not a single query.
    """
    try:
        return _facts(sqlglot.parse(sql, dialect=dialect), Catalogue(dialect, columns_of))
    except UnreadableSql:
        raise
    except _FAULTS as error:
        raise UnreadableSql(f"cannot be read as {dialect}: {type(error).__name__}") from error


def _facts(statements: Sequence[exp.Expr | None], catalogue: Catalogue) -> SqlFacts:
    statement = statements[0] if len(statements) == 1 else None
    if not isinstance(statement, exp.Query):
        raise UnreadableSql("not a single query")
    return _united([_ScopeFacts(scope) for scope in read_scopes(statement, catalogue)])


class _ScopeFacts:
    """The facts of one SELECT."""

    def __init__(self, scope: SelectScope) -> None:
        self.scope = scope
        self.joins: set[Join] = set()
        self.filters: set[ColumnRef] = set()
        self._read_conditions()
        self.aggregates = set(self._aggregates())
        self.groupings = set(self._groupings())
        self.columns = {place.column for item in scope.expressions() for place in scope.places(item)}
        self.columns |= {place.column for pair in scope.merged for place in pair}

    def _read_conditions(self) -> None:
        self._join_pairs(self.scope.merged)
        for condition in self._conditions():
            self._join_pairs(self._equalities(condition))
            for leaf in _leaves(condition):
                self._read_leaf(leaf)

    def _conditions(self) -> Iterator[exp.Expr]:
        clauses = [self.scope.select.args.get(clause) for clause in ("where", "having")]
        conditions = [join.args.get("on") for join in self.scope.joins] + [clause.this for clause in clauses if clause]
        yield from (condition for condition in conditions if condition)

    def _equalities(self, condition: exp.Expr) -> Iterator[tuple[Place, Place]]:
        """The columns of two FROM items that must be equal for the condition to hold."""
        for conjunct in _conjuncts(condition):
            if isinstance(conjunct, exp.EQ):
                left, right = self.scope.place(conjunct.left), self.scope.place(conjunct.right)
                if left and right and left.relation is not right.relation:
                    yield left, right

    def _join_pairs(self, pairs: Sequence[tuple[Place, Place]] | Iterator[tuple[Place, Place]]) -> None:
        """Keep joins; the pairs of columns of the same two FROM items make one join together."""
        together: dict[tuple[Relation, Relation, str, str], list[tuple[ColumnRef, ColumnRef]]] = {}
        for pair in pairs:
            left, right = sorted(pair, key=lambda place: (place.column.table, id(place.relation)))
            group = (left.relation, right.relation, left.column.table, right.column.table)
            together.setdefault(group, []).append((left.column, right.column))
        for columns in together.values():
            self._keep_join(columns)

    def _keep_join(self, columns: list[tuple[ColumnRef, ColumnRef]]) -> None:
        join = Join.on(columns)
        if join:
            self.joins.add(join)

    def _read_leaf(self, leaf: exp.Expr) -> None:
        """A comparison: of a column with those a subquery returns (a join), or with a value (a filter)."""
        compared, query = _membership(leaf)
        if compared is not None and query is not None:
            returned = self.scope.subqueries.get(id(query), [])
            places = [self.scope.place(item) for item in compared]
            pairs = [
                (place.column, origin) for place, origin in zip(places, returned, strict=False) if place and origin
            ]
            if pairs:
                self._keep_join(pairs)
                return
        places_named = list(self.scope.places(leaf))
        here = {place.relation for place in places_named}
        if len(here) == 1 and self._has_value(leaf):
            self.filters |= {place.column for place in places_named}

    def _has_value(self, leaf: exp.Expr) -> bool:
        """Whether one side of a comparison names no column. A column that stands alone is compared with true."""
        if isinstance(leaf, exp.Column):
            return True
        return any(self.scope.is_value(side) for side in leaf.iter_expressions())

    def _aggregates(self) -> Iterator[Aggregate]:
        for item in self.scope.expressions():
            for node in nodes(item, *_AGGREGATES):
                for place in self.scope.places(node):
                    yield Aggregate(_AGGREGATES[type(node)], place.column)

    def _groupings(self) -> Iterator[ColumnRef]:
        group = self.scope.select.args.get("group")
        if not group:
            return
        for item in group.expressions:
            meant = self._by_position(item)
            yield from (place.column for place in self.scope.places(meant))

    def _by_position(self, item: exp.Expr) -> exp.Expr:
        projections = self.scope.select.expressions
        if isinstance(item, exp.Literal) and item.is_int and 1 <= int(item.name) <= len(projections):
            projection: exp.Expr = projections[int(item.name) - 1]
            return projection.unalias()
        return item


def _conjuncts(condition: exp.Expr) -> Iterator[exp.Expr]:
    """The conditions that all must hold."""
    if isinstance(condition, exp.And | exp.Paren):
        for part in condition.iter_expressions():
            yield from _conjuncts(part)
    else:
        yield condition


def _leaves(condition: exp.Expr) -> Iterator[exp.Expr]:
    """The comparisons in a condition, however they are combined."""
    if isinstance(condition, exp.Connector | exp.Not | exp.Paren):
        for part in condition.iter_expressions():
            yield from _leaves(part)
    else:
        yield condition


def _membership(leaf: exp.Expr) -> tuple[Sequence[exp.Expr] | None, exp.Expr | None]:
    """The columns and the query of `a IN (SELECT …)`, `(a, b) IN (SELECT …)` and `a = ANY (SELECT …)`."""
    if isinstance(leaf, exp.In) and leaf.args.get("query"):
        compared, query = leaf.this, leaf.args["query"]
    elif isinstance(leaf, exp.EQ) and isinstance(leaf.right, exp.Any) and isinstance(leaf.right.this, exp.Query):
        compared, query = leaf.left, leaf.right.this
    else:
        return None, None
    return compared.expressions if isinstance(compared, exp.Tuple) else [compared], query


def _united(found: Sequence[_ScopeFacts]) -> SqlFacts:
    return SqlFacts(
        tables=frozenset(relation.table for facts in found for relation in facts.scope.relations if relation.table),
        columns=frozenset().union(*(facts.columns for facts in found)),
        joins=frozenset().union(*(facts.joins for facts in found)),
        filters=frozenset().union(*(facts.filters for facts in found)),
        aggregates=frozenset().union(*(facts.aggregates for facts in found)),
        groupings=frozenset().union(*(facts.groupings for facts in found)),
        unknown=frozenset().union(*(facts.scope.unknown for facts in found)),
    )
