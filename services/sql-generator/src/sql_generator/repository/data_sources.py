"""Data sources in Postgres."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Text, and_, cast, delete, func, literal_column, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from contracts.identity import Identity
from contracts.sql_generator import DatabaseSchema, DataSource, RegisterDataSource, SourceStatus
from persistence import Transaction
from sql_generator.repository import owned
from sql_generator.tables import data_sources as table

_INSIDE = {"tenant_id", "user_id", "connection", "schema", "terms_version"}
_COLUMNS = [column for column in table.c if column.name not in _INSIDE]
ORDERED_CHARS = 16
"""How many characters of a name take part in the order of a list: as many as surely fit a cursor."""

_LARGE_CHARS = 64 * 1024

# A constant, as in the index: a parameter would keep the planner from it.
_ORDER = (func.left(table.c.name, literal_column(str(ORDERED_CHARS))), table.c.data_source_id)


@dataclass(frozen=True, slots=True)
class StoredSource:
    """A data source with what never leaves the service: its sealed connection, and its schema as JSON."""

    source: DataSource
    connection: bytes
    schema_json: str | None

    async def schema(self) -> DatabaseSchema | None:
        """The schema of the last sync; a large one is parsed on a thread, and the latest ones are not parsed again."""
        if self.schema_json is None:
            return None
        if len(self.schema_json) < _LARGE_CHARS:
            return _parsed(self.schema_json)
        return await asyncio.to_thread(_parsed, self.schema_json)


# By the text itself: the fingerprint leaves out samples and comments, and two users may have sources of one id.
@lru_cache(maxsize=32)
def _parsed(schema_json: str) -> DatabaseSchema:
    return DatabaseSchema.model_validate_json(schema_json)


def forget_schemas() -> None:
    """Have no schema of anybody left in memory."""
    _parsed.cache_clear()


async def add(
    transaction: Transaction,
    owner: Identity,
    new: RegisterDataSource,
    *,
    connection: bytes,
    status: SourceStatus,
    status_detail: str,
    now: datetime,
) -> DataSource | None:
    """The data source that was registered, or None when the id exists already."""
    statement = (
        insert(table)
        .values(
            tenant_id=owner.tenant_id,
            user_id=owner.user_id,
            data_source_id=new.data_source_id,
            name=new.name,
            kind=new.kind,
            connection=connection,
            table_count=0,
            status=status,
            status_detail=status_detail,
            created_at=now,
            updated_at=now,
        )
        .on_conflict_do_nothing()
        .returning(*_COLUMNS)
    )
    row = (await transaction.execute(statement)).one_or_none()
    return _data_source(row) if row else None


async def find(transaction: Transaction, owner: Identity, data_source_id: UUID) -> DataSource | None:
    """The data source, or None when this user has none of that id."""
    row = (await transaction.execute(select(*_COLUMNS).where(_is(owner, data_source_id)))).one_or_none()
    return _data_source(row) if row else None


async def stored(transaction: Transaction, owner: Identity, data_source_id: UUID) -> StoredSource | None:
    """The data source with its connection and schema, or None when this user has none of that id."""
    statement = select(*_COLUMNS, table.c.connection, cast(table.c.schema, Text).label("schema_json")).where(
        _is(owner, data_source_id)
    )
    row = (await transaction.execute(statement)).one_or_none()
    return StoredSource(_data_source(row), row.connection, row.schema_json) if row else None


async def first_ids(transaction: Transaction, owner: Identity, limit: int) -> list[UUID]:
    """The ids of up to `limit` data sources of this user."""
    statement = select(table.c.data_source_id).where(owned(table, owner)).limit(limit)
    return list((await transaction.execute(statement)).scalars())


async def page(
    transaction: Transaction, owner: Identity, *, after: tuple[str, UUID] | None, limit: int
) -> list[DataSource]:
    """Up to `limit` data sources by name, after a position: `ORDERED_CHARS` characters of a name, and an id."""
    statement = select(*_COLUMNS).where(owned(table, owner)).order_by(*_ORDER).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(*_ORDER) > tuple_(*after))
    return [_data_source(row) for row in await transaction.execute(statement)]


async def set_synced(
    transaction: Transaction,
    owner: Identity,
    data_source_id: UUID,
    *,
    schema: DatabaseSchema,
    fingerprint: str,
    status_detail: str,
    now: datetime,
) -> tuple[DataSource, bool] | None:
    """The data source with its new schema, and whether the fingerprint is another than before; None when it is gone."""
    locked = select(table.c.fingerprint).where(_is(owner, data_source_id)).with_for_update()
    before = (await transaction.execute(locked)).one_or_none()
    if before is None:
        return None
    statement = (
        update(table)
        .where(_is(owner, data_source_id))
        .values(
            schema=schema.model_dump(mode="json"),
            table_count=len(schema.tables),
            fingerprint=fingerprint,
            status="ready",
            status_detail=status_detail,
            synced_at=now,
            updated_at=now,
        )
        .returning(*_COLUMNS)
    )
    return _data_source((await transaction.execute(statement)).one()), before.fingerprint != fingerprint


async def change(
    transaction: Transaction,
    owner: Identity,
    data_source_id: UUID,
    *,
    name: str | None,
    connection: bytes | None,
    unreachable: str,
    now: datetime,
) -> DataSource | None:
    """The data source with what is given; None when it is gone. `unreachable` says why the new connection is."""
    changed: dict[str, Any] = {"updated_at": now}
    if name is not None:
        changed["name"] = name
    if connection is not None:
        status = "unreachable" if unreachable else "registered"
        changed |= {"connection": connection, "status": status, "status_detail": unreachable}
    statement = update(table).where(_is(owner, data_source_id)).values(changed).returning(*_COLUMNS)
    row = (await transaction.execute(statement)).one_or_none()
    return _data_source(row) if row else None


async def set_stale_patterns(
    transaction: Transaction, owner: Identity, data_source_id: UUID, stale_patterns: int
) -> None:
    """Say how many past queries of the data source are out of use."""
    await transaction.execute(update(table).where(_is(owner, data_source_id)).values(stale_patterns=stale_patterns))


async def set_unreachable(
    transaction: Transaction, owner: Identity, data_source_id: UUID, *, status_detail: str, now: datetime
) -> DataSource | None:
    """The data source marked as unreachable, its last schema kept; None when it is gone."""
    statement = (
        update(table)
        .where(_is(owner, data_source_id))
        .values(status="unreachable", status_detail=status_detail, updated_at=now)
        .returning(*_COLUMNS)
    )
    row = (await transaction.execute(statement)).one_or_none()
    return _data_source(row) if row else None


async def hold(transaction: Transaction, owner: Identity, data_source_id: UUID) -> bool:
    """Keep the data source from being deleted until the transaction ends; False when it is gone."""
    statement = (
        select(table.c.data_source_id).where(_is(owner, data_source_id)).with_for_update(key_share=True, read=True)
    )
    return (await transaction.execute(statement)).one_or_none() is not None


async def remove(transaction: Transaction, owner: Identity, data_source_id: UUID) -> bool:
    """Delete the data source; its rules and patterns go with it. False when there is none."""
    return (await transaction.execute(delete(table).where(_is(owner, data_source_id)))).rowcount > 0


def _is(owner: Identity, data_source_id: UUID) -> ColumnElement[bool]:
    return and_(owned(table, owner), table.c.data_source_id == data_source_id)


def _data_source(row: Row[Any]) -> DataSource:
    return DataSource.model_validate(dict(row._mapping))  # noqa: SLF001  # SQLAlchemy's public name for it
