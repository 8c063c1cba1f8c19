"""The data sources that have a part of the graph, and the queries that were learned."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from contracts.identity import Identity
from entity_extractor.domain.graph import SourceKey
from entity_extractor.domain.synonyms import Asked
from entity_extractor.repository import owned
from entity_extractor.tables import learned_queries, sources
from persistence import Transaction

_QUERY = ("tenant_id", "user_id", "query_id")
_MAX_QUESTIONS = 1_000


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


async def reset(transaction: Transaction, owner: Identity) -> None:
    """Forget which schemas and queries of a user were learned; deleted sources stay deleted."""
    await transaction.execute(update(sources).where(owned(sources, owner)).values(fingerprint=None))
    await transaction.execute(delete(learned_queries).where(owned(learned_queries, owner)))


async def mark_learned(transaction: Transaction, key: SourceKey, query_id: UUID) -> bool:
    """Whether the query was not learned before; it is now."""
    new = insert(learned_queries).values(**_key(key), query_id=query_id, is_learned=True, created_at=func.now())
    statement = new.on_conflict_do_update(
        index_elements=_QUERY, set_={"is_learned": True}, where=learned_queries.c.is_learned.is_(False)
    ).returning(learned_queries.c.query_id)
    return (await transaction.execute(statement)).one_or_none() is not None


async def describe(transaction: Transaction, key: SourceKey, query_id: UUID, asked: Asked) -> None:
    """Keep the words a learned query was asked with, and what it used."""
    statement = update(learned_queries).where(owned(learned_queries, key.owner), learned_queries.c.query_id == query_id)
    await transaction.execute(statement.values(words=sorted(asked.words), entity_ids=sorted(asked.entities)))


async def rate(transaction: Transaction, key: SourceKey, query_id: UUID, trust: str, at: datetime) -> None:
    """Keep how a query was rated last, learned or not yet."""
    values = {"trust": trust, "rated_at": at}
    new = insert(learned_queries).values(
        **_key(key), query_id=query_id, is_learned=False, created_at=func.now(), **values
    )
    is_later = or_(learned_queries.c.rated_at.is_(None), learned_queries.c.rated_at <= at)
    await transaction.execute(new.on_conflict_do_update(index_elements=_QUERY, set_=values, where=is_later))


async def asked(transaction: Transaction, key: SourceKey) -> list[Asked]:
    """The latest questions whose queries succeeded, without those that people have found wrong."""
    statement = (
        select(learned_queries.c.words, learned_queries.c.entity_ids)
        .where(
            owned(learned_queries, key.owner),
            learned_queries.c.data_source_id == key.data_source_id,
            learned_queries.c.is_learned,
            func.cardinality(learned_queries.c.words) > 0,
            learned_queries.c.trust.is_distinct_from("deprecated"),
        )
        .order_by(learned_queries.c.created_at.desc(), learned_queries.c.query_id)
        .limit(_MAX_QUESTIONS)
    )
    rows = await transaction.execute(statement)
    return [Asked(frozenset(row.words), frozenset(row.entity_ids)) for row in rows]


def _key(key: SourceKey) -> dict[str, object]:
    return {
        "tenant_id": key.owner.tenant_id,
        "user_id": key.owner.user_id,
        "data_source_id": key.data_source_id,
    }


def _is(key: SourceKey) -> ColumnElement[bool]:
    return and_(owned(sources, key.owner), sources.c.data_source_id == key.data_source_id)
