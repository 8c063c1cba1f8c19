"""Which table and column each name in a statement means.

Every SELECT of a statement becomes a `SelectScope`: its FROM items with the columns they offer, each traced to a column
of the schema where it is one, through aliases, subqueries and common table expressions.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlglot import exp

from entity_extractor.catalogue import Catalogue, Columns
from entity_extractor.domain.graph import ColumnRef

NodeT = TypeVar("NodeT", bound=exp.Expr)

# Schemas whose tables are the engine's own, and columns that every table has.
_SYSTEM_SCHEMAS = frozenset({"pg_catalog", "information_schema", "pg_temp", "temp"})
_SYSTEM_COLUMNS = frozenset({"rowid", "oid", "_rowid_", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})


@dataclass(eq=False, slots=True)
class Relation:
    """One item of a FROM clause; two references to one table are two relations."""

    alias: str
    columns: Columns
    table: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What a column of a statement means: which FROM item it comes from, and which column of the schema it is."""

    relation: Relation
    column: ColumnRef


@dataclass(eq=False, slots=True)
class SelectScope:
    """The names that one SELECT can use."""

    select: exp.Select
    catalogue: Catalogue
    parent: "SelectScope | None"
    relations: list[Relation] = field(default_factory=list)
    joins: list[exp.Join] = field(default_factory=list)
    merged: list[tuple[Place, Place]] = field(default_factory=list)
    """The pairs of columns that USING and NATURAL compare."""
    subqueries: dict[int, Sequence[ColumnRef | None]] = field(default_factory=dict)
    """What the queries nested in its expressions return, by the id of their node."""
    unknown: set[str] = field(default_factory=set)
    """Tables and columns that the schema does not have."""

    def expressions(self) -> Iterator[exp.Expr]:
        """All that it computes or compares: its clauses and the conditions of its joins."""
        for join in self.joins:
            if join.args.get("on"):
                yield join.args["on"]
        for clause, value in self.select.args.items():
            if clause not in {"with_", "from_", "joins", "laterals"}:
                yield from (item for item in (value if isinstance(value, list) else [value]) if _is_tree(item))

    def places(self, node: exp.Expr, *, aliases: bool = True) -> Iterator[Place]:
        """The columns of the schema that an expression names, outside of queries nested in it."""
        for column in nodes(node, exp.Column):
            if isinstance(column.this, exp.Star):
                continue
            found, place = self._find(column)
            if place:
                yield place
            elif not found and aliases and (meant := self._aliased(column)) is not None:
                yield from self.places(meant, aliases=False)
            elif not found:
                self._note_unknown(column)

    def place(self, node: exp.Expr | None) -> Place | None:
        """The column of the schema that an expression is, when it is nothing but one."""
        node = node.unnest() if isinstance(node, exp.Paren) else node
        return self._find(node)[1] if isinstance(node, exp.Column) else None

    def is_value(self, node: exp.Expr) -> bool:
        """Whether an expression names no column, known or not; one over a nested query is a value too."""
        return all(self.catalogue.is_string(column) and not self._find(column)[0] for column in nodes(node, exp.Column))

    def merges(self, name: str) -> bool:
        """Whether USING or NATURAL makes one column of those of this name."""
        return any(place.relation.columns.get(name) == place.column for pair in self.merged for place in pair)

    def outputs(self) -> list[tuple[str, ColumnRef | None]]:
        """The names and origins of what it selects, in order."""
        found: list[tuple[str, ColumnRef | None]] = []
        for projection in self.select.expressions:
            if projection.is_star:
                qualifier = self.catalogue.fold(projection.args.get("table")) if projection.this else ""
                for relation in self.relations:
                    if not qualifier or relation.alias == qualifier:
                        found += relation.columns.items()
                continue
            place = self.place(projection.unalias())
            found.append((self._output_name(projection), place.column if place else None))
        return found

    def _output_name(self, projection: exp.Expr) -> str:
        alias = projection.args.get("alias") if isinstance(projection, exp.Alias) else projection.this
        return self.catalogue.fold(alias) or projection.alias_or_name.lower()

    def _aliased(self, column: exp.Column) -> exp.Expr | None:
        """The expression that the SELECT list gives this name."""
        name = "" if column.table else self.catalogue.fold(column.this)
        for projection in self.select.expressions:
            if name and isinstance(projection, exp.Alias) and self._output_name(projection) == name:
                meant: exp.Expr = projection.this
                return meant
        return None

    def _find(self, column: exp.Column) -> tuple[bool, Place | None]:
        """Whether the name is one of a FROM item here or outside, and what column of the schema it is."""
        name, qualifier = self.catalogue.fold(column.this), self.catalogue.fold(column.args.get("table"))
        scope: SelectScope | None = self
        while scope is not None:
            candidates = [r for r in scope.relations if not qualifier or r.alias == qualifier]
            owners = [relation for relation in candidates if name in relation.columns]
            if len(owners) > 1 and not scope.merges(name):
                return True, None
            if owners:
                origin = owners[0].columns[name]
                return True, Place(owners[0], origin) if origin else None
            if qualifier and candidates:
                return False, None
            scope = scope.parent
        return False, None

    def _note_unknown(self, column: exp.Column) -> None:
        name = self.catalogue.fold(column.this)
        is_row = not column.table and any(relation.alias == name for relation in self.relations)
        if not (is_row or name in _SYSTEM_COLUMNS or self.catalogue.is_string(column) or self._may_be_opaque(column)):
            self.unknown.add(column.name)

    def _may_be_opaque(self, column: exp.Column) -> bool:
        """Whether it may come from a FROM item whose columns cannot be known, as those of functions cannot."""
        qualifier = self.catalogue.fold(column.args.get("table"))
        scope: SelectScope | None = self
        while scope is not None:
            if any(not r.columns for r in scope.relations if not qualifier or r.alias == qualifier):
                return True
            scope = scope.parent
        return False


def read_scopes(statement: exp.Expr, catalogue: Catalogue) -> list[SelectScope]:
    """A scope for every SELECT of a statement."""
    reader = _Reader(catalogue)
    reader.query(statement, {}, None)
    return reader.scopes


def nodes(root: exp.Expr, *kinds: type[NodeT]) -> Iterator[NodeT]:
    """The nodes of these kinds in a tree, not looking into queries nested in it."""
    for node in root.walk(prune=lambda node: isinstance(node, exp.Query)):
        if isinstance(node, kinds):
            yield node


class _Reader:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.scopes: list[SelectScope] = []

    def query(
        self, node: exp.Expr, ctes: Mapping[str, Columns], parent: SelectScope | None
    ) -> list[tuple[str, ColumnRef | None]]:
        """Read a query; what it returns."""
        ctes = self._with_ctes(node, ctes, parent)
        if isinstance(node, exp.Subquery):
            return self.query(node.this, ctes, parent)
        if isinstance(node, exp.SetOperation):
            # A set operation takes its names, and here its origins, from its first branch.
            first = self.query(node.this, ctes, parent)
            self.query(node.expression, ctes, parent)
            return first
        return self._select(node, ctes, parent).outputs() if isinstance(node, exp.Select) else []

    def _with_ctes(
        self, node: exp.Expr, ctes: Mapping[str, Columns], parent: SelectScope | None
    ) -> Mapping[str, Columns]:
        with_ = node.args.get("with_")
        known = dict(ctes)
        if not isinstance(with_, exp.With):
            return ctes
        for cte in with_.expressions:
            alias = cte.args["alias"]
            name, body = self._catalogue.fold(alias.this), cte.this
            if with_.args.get("recursive") and isinstance(body, exp.SetOperation):
                # The recursive branch sees what the first one returns. Its own reading is thrown away, so that
                # nothing is found twice.
                first = _Reader(self._catalogue).query(body.this, known, parent)
                known[name] = self._renamed(first, alias)
            known[name] = self._renamed(self.query(body, known, parent), alias)
        return known

    def _select(self, select: exp.Select, ctes: Mapping[str, Columns], parent: SelectScope | None) -> SelectScope:
        scope = SelectScope(select, self._catalogue, parent)
        self.scopes.append(scope)
        from_ = select.args.get("from_")
        if from_:
            self._relation(from_.this, scope, ctes)
        for join in select.args.get("joins") or ():
            self._join(join, scope, ctes)
        for lateral in select.args.get("laterals") or ():
            self._relation(lateral, scope, ctes)
        for nested in self._nested(scope):
            scope.subqueries[id(nested)] = [origin for _, origin in self.query(nested, ctes, scope)]
        return scope

    def _nested(self, scope: SelectScope) -> Iterator[exp.Expr]:
        """The queries in its expressions; those in FROM are its relations."""
        for root in scope.expressions():
            yield from (
                node
                for node in root.walk(prune=lambda node: isinstance(node, exp.Query))
                if isinstance(node, exp.Query)
            )

    def _join(self, join: exp.Join, scope: SelectScope, ctes: Mapping[str, Columns]) -> None:
        before = len(scope.relations)
        self._relation(join.this, scope, ctes)
        scope.joins.append(join)
        left, right = scope.relations[:before], scope.relations[before:]
        if join.args.get("method") == "NATURAL":
            offered = {name for relation in left for name in relation.columns}
            names = [name for relation in right for name in relation.columns if name in offered]
        else:
            names = [self._catalogue.fold(_identifier(item)) for item in join.args.get("using") or ()]
        for name in names:
            here, there = _first_place(left, name), _first_place(right, name)
            if here and there:
                scope.merged.append((here, there))

    def _relation(self, node: exp.Expr, scope: SelectScope, ctes: Mapping[str, Columns]) -> None:
        alias = self._catalogue.fold(node.args["alias"].this) if node.args.get("alias") else ""
        if isinstance(node, exp.Table):
            scope.relations.append(self._table(node, alias, scope, ctes))
        elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
            # A subquery in FROM sees what is outside this SELECT, not its other FROM items.
            returned = self.query(node, ctes, scope.parent)
            scope.relations.append(Relation(alias, self._renamed(returned, node.args.get("alias"))))
        elif isinstance(node, exp.Subquery):
            self._relation(node.this, scope, ctes)
        elif isinstance(node, exp.Lateral) and isinstance(node.this, exp.Query):
            returned = self.query(node.this, ctes, scope)
            scope.relations.append(Relation(alias, self._renamed(returned, node.args.get("alias"))))
        else:
            scope.relations.append(Relation(alias, {}))
        for join in node.args.get("joins") or ():
            self._join(join, scope, ctes)

    def _table(self, node: exp.Table, alias: str, scope: SelectScope, ctes: Mapping[str, Columns]) -> Relation:
        name, schema = self._catalogue.fold(node.this), self._catalogue.fold(node.args.get("db"))
        if not schema and name in ctes:
            return Relation(alias or name, self._renamed(ctes[name].items(), node.args.get("alias")))
        found = self._catalogue.table(node) if name and schema not in _SYSTEM_SCHEMAS else None
        if found is None:
            if name and schema not in _SYSTEM_SCHEMAS and not name.startswith(("pg_", "sqlite_")):
                scope.unknown.add(node.name)
            return Relation(alias or name, {})
        table, columns = found
        return Relation(alias or name, self._renamed(columns.items(), node.args.get("alias")), table)

    def _renamed(self, columns: Iterable[tuple[str, ColumnRef | None]], alias: exp.Expr | None) -> Columns:
        """The columns under the names that `AS alias(a, b)` gives them, if it does."""
        offered = list(columns)
        names = [self._catalogue.fold(name) for name in (alias.args.get("columns") or () if alias else ())]
        return {
            names[position] if position < len(names) else name: origin
            for position, (name, origin) in enumerate(offered)
        }


def _is_tree(item: object) -> bool:
    return isinstance(item, exp.Expr)


def _identifier(item: exp.Expr) -> exp.Expr:
    return item.this if isinstance(item, exp.Column) else item


def _first_place(relations: Iterable[Relation], name: str) -> Place | None:
    for relation in relations:
        if name in relation.columns:
            origin = relation.columns[name]
            return Place(relation, origin) if origin else None
    return None
