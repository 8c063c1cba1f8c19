"""Which tables and views a statement reads, and whether it may.

Names are resolved by scope: a name is a common table expression only where the engine would see it as one. So
`WITH pg_shadow AS (SELECT * FROM pg_shadow) ...` reads the catalog, and is refused.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from sql_guard.catalogs import DEFAULT_SCHEMAS, readable_when_unrestricted
from sql_guard.verdict import Dialect, Refusal

_PATH_LIKE: Final = re.compile(r"[/\\*?\[\]:]")
_FILE_EXTENSION: Final = re.compile(
    r"\.(?:csv|tsv|txt|parquet|json|jsonl|ndjson|geojson|xlsx?|arrow|feather|orc|avro|db|duckdb|sqlite3?|gz|zst|bz2)$",
    re.IGNORECASE,
)


_VALUE_FUNCTIONS: Final = frozenset(
    f"{kind}_{what}"
    for kind in ("current", "session", "system")
    for what in ("catalog", "date", "role", "schema", "time", "timestamp", "user")
) | {"localtime", "localtimestamp", "user"}
"""Functions of PostgreSQL that are called without parentheses, and may stand where a table may."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A stored relation as a statement names it: unquoted parts, outermost first."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.parts)


class AllowedRelations:
    """The relations that may be read. Names match without regard to the case of ASCII letters.

    `orders` stands for the relation that the unqualified name or the default schema (`public`, `main`) gives;
    `sales.orders` for exactly that one.
    """

    def __init__(self, names: Collection[str], dialect: Dialect) -> None:
        self._dialect = dialect
        self._names = frozenset(self._key(tuple(name.replace('"', "").replace("`", "").split("."))) for name in names)

    def _key(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        folded = tuple(ascii_lower(part) for part in parts)
        if len(folded) == 2 and folded[0] in DEFAULT_SCHEMAS[self._dialect]:
            return folded[1:]
        return folded

    def __contains__(self, relation: Relation) -> bool:
        return self._key(relation.parts) in self._names


def ascii_lower(name: str) -> str:
    """Lower case for ASCII letters only, as the engines fold names: `K` (Kelvin sign) does not become `k`."""
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in name)


def check_relation(relation: Relation, dialect: Dialect, allowed: AllowedRelations | None) -> None:
    """Refuses a relation that is not among those allowed; with none given, system catalogs and files."""
    if allowed is not None:
        if relation not in allowed:
            raise Refusal("relation_not_allowed", f"relation {relation} is not allowed")
        return
    if dialect == "duckdb" and _may_be_a_file(relation):
        raise Refusal("relation_not_allowed", f"{relation} looks like a file")
    if not readable_when_unrestricted(tuple(ascii_lower(part) for part in relation.parts), dialect):
        raise Refusal("relation_not_allowed", f"system relation {relation} is not allowed")


def _may_be_a_file(relation: Relation) -> bool:
    """DuckDB reads `'data.csv'`, `"data.csv"` and even `data.csv` from the disk when no table has the name."""
    name = str(relation)
    dotted = any("." in part for part in relation.parts)
    return dotted or _PATH_LIKE.search(name) is not None or _FILE_EXTENSION.search(name) is not None


def check_relations(tree: exp.Expr, dialect: Dialect, allowed: AllowedRelations | None) -> tuple[Relation, ...]:
    """The stored relations that the tree reads, each once, in order. Raises `Refusal` for one that may not be read."""
    found: dict[Relation, None] = {}
    for node in tree.find_all(exp.Table, exp.In):
        if isinstance(node, exp.Table):
            relation = _described_relation(node) or stored_relation(node, dialect)
        else:
            relation = _searched_relation(node, dialect)
        if relation is not None:
            check_relation(relation, dialect, allowed)
            found[relation] = None
    return tuple(found)


def stored_relation(table: exp.Table, dialect: Dialect) -> Relation | None:
    """The relation behind a table node; None for a common table expression, a function, an index hint, or DUAL."""
    if table.arg_key == "indexed" or not isinstance(table.this, exp.Identifier):
        return None
    qualifiers = [table.args.get("catalog"), table.args.get("db")]
    if dialect == "postgres" and not table.this.args.get("quoted") and table.name.lower() in _VALUE_FUNCTIONS:
        raise Refusal("function_not_allowed", f"{table.name} is a function, not a table")
    if (
        dialect == "mysql"
        and not any(qualifiers)
        and table.name.lower() == "dual"
        and not table.this.args.get("quoted")
    ):
        return None
    if not any(qualifiers) and _is_cte(table, table.this, dialect):
        return None
    parts = [part.name for part in (*qualifiers, table.this) if isinstance(part, exp.Identifier)]
    return Relation(tuple(parts))


def _described_relation(table: exp.Table) -> Relation | None:
    """The relation whose columns `pragma_table_info('orders')` lists."""
    call = table.this
    if not isinstance(call, exp.Anonymous) or call.name.lower() != "pragma_table_info":
        return None
    name = call.expressions[0] if len(call.expressions) == 1 else None
    if not isinstance(name, exp.Literal) or not name.is_string:
        raise Refusal("relation_not_allowed", "pragma_table_info needs one table name in quotes")
    return Relation(tuple(name.name.split(".")))


def _searched_relation(node: exp.Expr, dialect: Dialect) -> Relation | None:
    """The relation that SQLite's `x IN orders` reads; elsewhere that is a column, or nothing at all."""
    name = node.args.get("field")
    if dialect != "sqlite" or not isinstance(name, exp.Column):
        return None
    parts = [part for part in (name.args.get("db"), name.args.get("table"), name.this) if part is not None]
    if len(parts) == 1 and _is_cte(node, name.this, dialect):
        return None
    return Relation(tuple(part.name for part in parts))


def _is_cte(table: exp.Expr, name: exp.Identifier, dialect: Dialect) -> bool:
    wanted = _folded(name, dialect)
    return any(_folded(cte, dialect) == wanted for cte in _visible_ctes(table, dialect))


def _folded(name: exp.Identifier, dialect: Dialect) -> str:
    if dialect == "mysql" or (dialect == "postgres" and name.args.get("quoted")):
        return name.name
    return ascii_lower(name.name)


def _visible_ctes(node: exp.Expr, dialect: Dialect) -> Iterator[exp.Identifier]:
    """Names of the common table expressions in scope at a node, found by climbing to the root."""
    path: list[exp.Expr] = [node]
    while path[-1].parent is not None:
        path.append(path[-1].parent)
    for index, ancestor in enumerate(path):
        with_ = ancestor.args.get("with_")
        if not isinstance(with_, exp.With):
            continue
        inside = index >= 2 and path[index - 1] is with_
        ctes = with_.expressions
        position = next(i for i, cte in enumerate(ctes) if cte is path[index - 2]) if inside else len(ctes)
        for number, cte in enumerate(ctes):
            alias = cte.args.get("alias")
            if not isinstance(alias, exp.TableAlias) or not isinstance(alias.this, exp.Identifier):
                continue
            if number < position or _sees_itself_or_later(with_, number, position, path[: max(index - 2, 0)], dialect):
                yield alias.this


def _sees_itself_or_later(with_: exp.With, number: int, position: int, below: list[exp.Expr], dialect: Dialect) -> bool:
    if dialect == "sqlite":
        # RECURSIVE is a noise word: every expression of a WITH sees all of them.
        return True
    if not with_.args.get("recursive"):
        return False
    if number > position:
        return dialect == "postgres"
    if dialect == "duckdb":
        # Only the recursive term sees the name; the first term, and a body that is no union, see the stored relation.
        body = with_.expressions[position].this
        return isinstance(body, exp.Union) and bool(below) and _under(body.expression, below)
    return True


def _under(term: exp.Expr, below: list[exp.Expr]) -> bool:
    return any(node is term for node in below)
