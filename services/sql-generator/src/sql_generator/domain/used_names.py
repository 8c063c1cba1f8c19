"""The tables and columns of a schema, and those of them that a statement uses, by one spelling."""

from dataclasses import dataclass

from contracts.sql_generator import DatabaseSchema, Table
from sql_guard import Verdict


@dataclass(frozen=True, slots=True)
class Names:
    """Tables by their names in the schema, columns as `table.column`."""

    tables: tuple[str, ...]
    columns: tuple[str, ...]


def names_of(schema: DatabaseSchema) -> Names:
    """Everything a schema has."""
    return Names(
        tuple(table.name for table in schema.tables),
        tuple(f"{table.name}.{column.name}" for table in schema.tables for column in table.columns),
    )


def used_names(verdict: Verdict, schema: DatabaseSchema) -> Names:
    """What a statement that the guard allowed uses of a schema.

    A column without its table is looked for in all tables of the statement; what is in none of them is a name that the
    statement made itself.
    """
    by_name = {table.name.lower(): table for table in schema.tables}
    read = [table for name in verdict.tables if (table := _table(name, by_name)) is not None]
    used: dict[str, None] = {}
    for written in verdict.columns:
        qualifier, _, column = written.rpartition(".")
        owner = _table(qualifier, by_name) if qualifier else None
        for table in read if not qualifier else filter(None, [owner]):
            names = [known.name for known in table.columns if known.name.lower() == column.lower()]
            used.update(dict.fromkeys(f"{table.name}.{name}" for name in names))
    return Names(tuple(dict.fromkeys(table.name for table in read)), tuple(used))


def _table(written: str, by_name: dict[str, Table]) -> Table | None:
    """The table of that name; in the default schema it may be written with the schema's name before it."""
    name = written.lower()
    return by_name.get(name) or by_name.get(name.partition(".")[2])
