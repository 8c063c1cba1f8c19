"""The only place with SQL of our own tables."""

from sqlalchemy import ColumnElement, Table, and_

from contracts.identity import Identity


def owned(table: Table, owner: Identity) -> ColumnElement[bool]:
    """The rows of one user: row-level security says the same, this lets the indexes be used."""
    return and_(table.c.tenant_id == owner.tenant_id, table.c.user_id == owner.user_id)
