"""The data sources that have a part of the graph, and the queries that were learned."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, update
from sqlalchemy.dialects.postgresql import insert

from entity_extractor.domain.graph import SourceKey
from entity_extractor.repository import owned
from entity_extractor.tables import learned_queries, sources
from persistence import Transaction


@dataclass(frozen=True, slots=True)
class Source:
    """What the graph holds of a data source: the schema with this fingerprint, none yet, or nothing any more."""

    fingerprint: str | None
    is_deleted: bool


async def lock(transaction: Transaction, key: SourceKey) -> Source:
    """Keep other writers of this source's part of the graph waiting until the transaction ends."""
    statement = (
        insert(sources)
        .values(**_key(key), created_at=func.now(), updated_at=func.now())
        .on_conflict_do_update(
            index_elements=["tenant_id", "user_id", "data_source_id"], set_={"updated_at": func.now()}
        )
        .returning(sources.c.fingerprint, sources.c.deleted_at)
    )
    row = (await transaction.execute(statement)).one()
    return Source(row.fingerprint, row.deleted_at is not None)


async def set_fingerprint(transaction: Transaction, key: SourceKey, fingerprint: str) -> None:
    """Say which schema the graph now holds."""
    await transaction.execute(update(sources).where(_is(key)).values(fingerprint=fingerprint))


async def bury(transaction: Transaction, key: SourceKey) -> None:
    """Remember that the source is gone, and forget which queries were learned on it."""
    await transaction.execute(
        update(sources)
        .where(_is(key))
        .values(fingerprint=None, deleted_at=func.coalesce(sources.c.deleted_at, func.now()))
    )
    await transaction.execute(
        delete(learned_queries).where(
            owned(learned_queries, key.owner), learned_queries.c.data_source_id == key.data_source_id
        )
    )


async def mark_learned(transaction: Transaction, key: SourceKey, query_id: UUID) -> bool:
    """Whether the query was not learned before; it is now."""
    statement = (
        insert(learned_queries)
        .values(**_key(key), query_id=query_id, created_at=func.now())
        .on_conflict_do_nothing()
        .returning(learned_queries.c.query_id)
    )
    return (await transaction.execute(statement)).one_or_none() is not None


def _key(key: SourceKey) -> dict[str, object]:
    return {
        "tenant_id": key.owner.tenant_id,
        "user_id": key.owner.user_id,
        "data_source_id": key.data_source_id,
    }


def _is(key: SourceKey) -> ColumnElement[bool]:
    return and_(owned(sources, key.owner), sources.c.data_source_id == key.data_source_id)
