"""Names of tables and columns as the guard compares them: without regard to case, quotes or the default schema."""

from collections.abc import Iterable

from contracts.sql_generator import Column, DatabaseSchema, Table
from sql_guard import Dialect
from sql_guard.catalogs import DEFAULT_SCHEMAS
from sql_guard.relations import ascii_lower


def folded(name: str) -> str:
    """A column's or an alias's name to compare."""
    return ascii_lower(name.strip('"`'))


def relation_key(parts: Iterable[str], dialect: Dialect) -> str:
    """A relation's name to compare, from its parts."""
    names = [folded(part) for part in parts]
    return ".".join(names[1:] if len(names) > 1 and names[0] in DEFAULT_SCHEMAS[dialect] else names)


def table_key(name: str, dialect: Dialect) -> str:
    """A table's name to compare, as a schema or a person writes it: `orders`, `sales.orders`, `public."Orders"`."""
    return relation_key(name.split("."), dialect)


def find_table(schema: DatabaseSchema, name: str) -> Table | None:
    """The table of that name; of two that differ in case only, the one that is written so."""
    wanted = table_key(name, schema.dialect)
    found = [table for table in schema.tables if table_key(table.name, schema.dialect) == wanted]
    return next((table for table in found if table.name == name), found[0] if found else None)


def find_column(table: Table, name: str) -> Column | None:
    """The column of that name; of two that differ in case only, the one that is written so."""
    found = [column for column in table.columns if folded(column.name) == folded(name)]
    return next((column for column in found if column.name == name), found[0] if found else None)
