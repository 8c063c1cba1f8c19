"""The only place with SQL."""

from collections.abc import Collection
from typing import Protocol
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Table, Text, Uuid, and_, func, literal, select, tuple_

from contracts.identity import Identity


class _Key(Protocol):
    @property
    def source_type(self) -> str: ...
    @property
    def source_id(self) -> UUID: ...


def owned(table: Table, owner: Identity) -> ColumnElement[bool]:
    """The rows of one user: row-level security says the same, this lets the indexes be used."""
    return and_(table.c.tenant_id == owner.tenant_id, table.c.user_id == owner.user_id)


def among(table: Table, keys: Collection[_Key]) -> ColumnElement[bool]:
    """The rows of these turns and memories."""
    # Two array parameters: a statement takes 32,767 of them, and a conversation may have more turns than that.
    types = literal([key.source_type for key in keys], ARRAY(Text))
    ids = literal([key.source_id for key in keys], ARRAY(Uuid))
    wanted = func.unnest(types, ids).table_valued("source_type", "source_id").render_derived()
    return tuple_(table.c.source_type, table.c.source_id).in_(select(wanted.c.source_type, wanted.c.source_id))
