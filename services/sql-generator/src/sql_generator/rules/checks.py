"""What a statement may not name, and what it must restrict: checked on its syntax tree."""

from collections.abc import Iterator

from sqlglot import exp

from contracts.sql_generator import DatabaseSchema, SourceKind
from sql_generator.rules.names import find_column, find_table, folded
from sql_generator.rules.scans import places

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.Like, exp.ILike, exp.Is)


class Sources:
    """Which tables of a schema each SELECT of a tree reads directly, under which names."""

    def __init__(self, tree: exp.Expr, schema: DatabaseSchema) -> None:
        self._tree = tree
        self._schema = schema
        self._dialect: SourceKind = schema.dialect
        self._of: dict[int, dict[str, str]] = {}
        for node, key in places(tree, schema.dialect):
            if (scope := node.find_ancestor(exp.Select)) is not None:
                name = node.alias or node.name
                self._of.setdefault(id(scope), {})[folded(name)] = key

    def columns(self, table_key: str, column: str) -> Iterator[exp.Column]:
        """The places where the tree names the column of the table."""
        for node in self._tree.find_all(exp.Column):
            if folded(node.name) == folded(column) and self._table_of(node) == table_key:
                yield node

    def restricted(self, table_key: str, column: str) -> bool:
        """Whether every SELECT that reads the table restricts it by a condition on the column."""
        for node, key in places(self._tree, self._dialect):
            if key != table_key:
                continue
            scope = node.find_ancestor(exp.Select)
            name = folded(node.alias or node.name)
            if scope is None or not any(self._restricts(each, name, key, column) for each in _conjuncts(scope)):
                return False
        return True

    def _restricts(self, condition: exp.Expr, name: str, key: str, column: str) -> bool:
        if not isinstance(condition, _COMPARISONS):
            return False
        named = [
            node
            for node in condition.find_all(exp.Column)
            if folded(node.name) == folded(column)
            and (folded(node.table) == name if node.table else self._table_of(node) == key)
        ]
        # `a = a` restricts nothing.
        return len(named) == 1

    def _table_of(self, column: exp.Column) -> str | None:
        """The key of the table that a column belongs to, where it is read from the table itself."""
        scope = column.find_ancestor(exp.Select)
        while scope is not None:
            sources = self._of.get(id(scope), {})
            if column.table:
                if folded(column.table) in sources:
                    return sources[folded(column.table)]
            else:
                for key in sources.values():
                    table = find_table(self._schema, key)
                    if table is not None and find_column(table, column.name) is not None:
                        return key
            scope = scope.find_ancestor(exp.Select)
        return None


def _conjuncts(scope: exp.Select) -> Iterator[exp.Expr]:
    """The conditions that every row of a SELECT meets."""
    where = scope.args.get("where")
    if isinstance(where, exp.Where):
        yield from _flattened(where.this)
    for join in scope.args.get("joins") or ():
        if not join.side and isinstance(join.args.get("on"), exp.Expr):
            yield from _flattened(join.args["on"])


def _flattened(condition: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(condition, exp.Paren):
        yield from _flattened(condition.this)
    elif isinstance(condition, exp.And):
        yield from _flattened(condition.this)
        yield from _flattened(condition.expression)
    else:
        yield condition
