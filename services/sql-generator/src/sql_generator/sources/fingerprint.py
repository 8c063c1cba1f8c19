"""What a schema is, in 64 characters: equal while its structure is, so that drift shows."""

import hashlib
import json

from contracts.sql_generator import DatabaseSchema, ForeignKey, Table


def fingerprint(schema: DatabaseSchema) -> str:
    """SHA-256 (hex) of names, types, nullability and keys.

    The order of tables, columns and keys does not matter; samples, comments and row estimates are left out.
    """
    structure = [schema.dialect, sorted(_table(table) for table in schema.tables)]
    return hashlib.sha256(json.dumps(structure, separators=(",", ":")).encode()).hexdigest()


def _table(table: Table) -> list[object]:
    columns = sorted([column.name, column.type, column.nullable, column.primary_key] for column in table.columns)
    return [table.name, columns, sorted(_foreign_key(key) for key in table.foreign_keys)]


def _foreign_key(key: ForeignKey) -> list[object]:
    pairs = sorted(zip(key.columns, key.target_columns, strict=True))
    return [key.target_table, pairs]
