"""The tables and columns of a data source, as statements name them."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from sqlglot import exp

from entity_extractor.domain.graph import ColumnRef

Dialect: TypeAlias = Literal["postgres", "mysql", "sqlite", "duckdb"]
Columns: TypeAlias = Mapping[str, ColumnRef | None]
"""What a FROM item or a query offers: name, as the dialect compares names → the schema's column, None for any other."""


class Catalogue:
    """The tables and columns of a data source, found the way its dialect compares identifiers."""

    def __init__(self, dialect: Dialect, columns_of: Mapping[str, Sequence[str]]) -> None:
        self._ignores_case = dialect != "postgres"
        self._strings_in_quotes = dialect == "sqlite"
        self._columns = {
            self._key(table): {self._key(column): ColumnRef(table, column) for column in columns}
            for table, columns in columns_of.items()
        }
        self._names = {self._key(table): table for table in columns_of}

    def fold(self, identifier: exp.Expr | None) -> str:
        """The identifier as it is compared: without regard to case (not PostgreSQL, or unquoted), or as it stands."""
        if not isinstance(identifier, exp.Identifier):
            return ""
        folds = self._ignores_case or not identifier.quoted
        return identifier.name.lower() if folds else identifier.name

    def table(self, node: exp.Table) -> tuple[str, Columns] | None:
        """The schema's name of a table, and its columns; None for a table that the schema has not."""
        name, schema = self.fold(node.this), self.fold(node.args.get("db"))
        # Tables of the default schema, whichever that is, are kept without its name.
        for key in (f"{schema}.{name}", name) if schema else (name,):
            if key in self._names:
                return self._names[key], self._columns[key]
        return None

    def is_string(self, column: exp.Column) -> bool:
        """Whether a name that means no column may be a string: SQLite reads "text" so then."""
        return self._strings_in_quotes and not column.table and bool(column.this.args.get("quoted"))

    def _key(self, name: str) -> str:
        return name.lower() if self._ignores_case else name
