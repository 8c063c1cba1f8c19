"""Identifiers of PostgreSQL and SQLite in SQL. Standard library only, as its package says."""


def quoted(identifier: str) -> str:
    """The identifier in double quotes, whatever characters it has."""
    return '"' + identifier.replace('"', '""') + '"'
