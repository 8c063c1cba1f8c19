"""System catalogs, by dialect: the few that describe tables and columns may be read when no relations are given.

The rest holds other people's data (password hashes, running statements, settings, file paths) and is never read.
"""

from typing import Final

from sql_guard.verdict import Dialect

DEFAULT_SCHEMAS: Final[dict[Dialect, frozenset[str]]] = {
    "postgres": frozenset({"public"}),
    "mysql": frozenset(),
    "sqlite": frozenset({"main"}),
    "duckdb": frozenset({"main"}),
}

_INFORMATION_SCHEMA: Final = frozenset(
    {
        "tables",
        "columns",
        "views",
        "schemata",
        "table_constraints",
        "key_column_usage",
        "referential_constraints",
        "constraint_column_usage",
        "constraint_table_usage",
        "check_constraints",
        "statistics",
        "character_sets",
        "collations",
        "domains",
        "element_types",
    }
)
_PG_CATALOG: Final = frozenset(
    {
        "pg_class",
        "pg_attribute",
        "pg_namespace",
        "pg_type",
        "pg_index",
        "pg_indexes",
        "pg_tables",
        "pg_constraint",
        "pg_enum",
        "pg_description",
        "pg_views",
        "pg_matviews",
        "pg_attrdef",
        "pg_inherits",
        "pg_collation",
        "pg_timezone_names",
        "pg_timezone_abbrevs",
    }
)
_MYSQL_SYSTEM: Final = frozenset({"mysql", "performance_schema", "sys", "ndbinfo"})
_SQLITE_MODULES: Final = frozenset(
    {
        "dbstat",
        "bytecode",
        "tables_used",
        "completion",
        "csv",
        "zipfile",
        "fsdir",
        "carray",
        "wholenumber",
        "stmt",
        "memstat",
        "prefixes",
        "fts3tokenize",
        "fts4aux",
        "fts5vocab",
        "unionvtab",
        "swarmvtab",
    }
)
"""Virtual tables that exist without having been created (https://sqlite.org/vtab.html#epovtab)."""


def readable_when_unrestricted(parts: tuple[str, ...], dialect: Dialect) -> bool:
    """Whether a relation (lower-case parts, outermost first) may be read when the caller names no relations."""
    schema = parts[-2] if len(parts) > 1 else ""
    name = parts[-1]
    if schema == "information_schema" and dialect != "sqlite":
        return name in _INFORMATION_SCHEMA
    if dialect == "mysql":
        return schema not in _MYSQL_SYSTEM
    if dialect == "sqlite":
        return not name.startswith(("sqlite_", "pragma_")) and name not in _SQLITE_MODULES
    if dialect == "duckdb" and (name.startswith(("duckdb_", "pragma_", "sqlite_")) or "system" in parts[:-1]):
        return False
    return not _is_pg_catalog(schema, name) or name in _PG_CATALOG


def _is_pg_catalog(schema: str, name: str) -> bool:
    """True for pg_catalog and the server's other schemas (pg_toast, pg_temp_3), and for unqualified names of theirs."""
    return schema.startswith("pg_") or name.startswith("pg_")
