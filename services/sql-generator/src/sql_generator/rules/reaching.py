"""Whether a statement can see a column at all: where it cannot, nothing has to be put in the column's place."""

from collections.abc import Collection

from sqlglot import exp

from sql_generator.rules.names import folded

_COUNT = "count"
_BY_PATTERN = "columns"


def may_see(tree: exp.Expr, table_names: Collection[str], column: str) -> bool:
    """Whether any part of the tree could stand for the column of a table that it reads under these names.

    Only what surely cannot is denied: a tree without the column's name in any role, without `*` and its like, without a
    row as a value, and without a join or an alias list that takes columns as they come.
    """
    wanted = folded(column)
    rows = {folded(name) for name in table_names}
    return any(_may_stand_for(node, wanted, rows) for node in tree.walk())


def _may_stand_for(node: exp.Expr, column: str, rows: Collection[str]) -> bool:
    # SQLite takes a string for a name where only a name can stand.
    is_name = isinstance(node, exp.Identifier) or (isinstance(node, exp.Literal) and node.is_string)
    return (
        (is_name and folded(node.name) == column)
        or (isinstance(node, exp.Star) and not _is_counted(node))
        or (isinstance(node, exp.Column) and not node.table and folded(node.name) in rows)
        or (isinstance(node, exp.Join) and node.method.upper() in {"NATURAL", "POSITIONAL"})
        or (
            isinstance(node, exp.TableAlias) and bool(node.args.get("columns")) and not isinstance(node.parent, exp.CTE)
        )
        or (isinstance(node, exp.Anonymous) and node.name.lower() == _BY_PATTERN)
        or isinstance(node, exp.Pivot | exp.PositionalColumn)
    )


def _is_counted(star: exp.Star) -> bool:
    return isinstance(star.parent, exp.Anonymous) and star.parent.name.lower() == _COUNT
