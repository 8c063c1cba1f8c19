"""An alias for every table that a statement reads."""

from sqlglot import exp

from sql_generator.generation.offline.sql.rendering import alias_of
from sql_generator.rules.names import folded
from sql_generator.rules.scans import places
from sql_guard import Dialect


def alias_tables(tree: exp.Expr, dialect: Dialect) -> int:
    """Give each table that has none an alias, and have its columns say it; how many got one.

    Where the table's name could mean something else as well (a common table expression, another table's alias), the
    alias is the name itself: nothing else has to change then.
    """
    bare = [node for node, _ in places(tree, dialect) if not node.alias]
    taken = {folded(node.alias) for node in tree.find_all(exp.Table, exp.Subquery, exp.CTE, exp.Lateral) if node.alias}
    names = {folded(node.name) for node in tree.find_all(exp.Table)}
    given: dict[str, str] = {}
    for node in bare:
        name = folded(node.name)
        if name in taken or _is_read_from_two_schemas(bare, name):
            node.set("alias", exp.TableAlias(this=node.this.copy()))
            continue
        if name not in given:
            given[name] = alias_of(node.name, taken | names | set(given.values()))
        node.set("alias", exp.TableAlias(this=exp.to_identifier(given[name])))
    for column in tree.find_all(exp.Column):
        if folded(column.table) in given:
            column.set("table", exp.to_identifier(given[folded(column.table)]))
            column.set("db", None)
            column.set("catalog", None)
    return len(bare)


def _is_read_from_two_schemas(bare: list[exp.Table], name: str) -> bool:
    return len({node.db for node in bare if folded(node.name) == name}) > 1
