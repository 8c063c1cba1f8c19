"""Memories and their postings in Postgres."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Row, Uuid, and_, bindparam, delete, select, text, update
from sqlalchemy.dialects.postgresql import JSONB

from contracts.events import MemoryType
from contracts.identity import Identity
from contracts.memory_store import Memory
from memory_store.domain import analyzer
from memory_store.domain.importance import current_importance
from memory_store.tables import memories, terms, usage
from persistence import Transaction


@dataclass(frozen=True, slots=True)
class Analyzed:
    """A content with what is derived from it."""

    content: str
    content_hash: str
    terms: Sequence[str]


@dataclass(frozen=True, slots=True)
class NewRow:
    """A memory to insert."""

    memory_id: UUID
    conversation_id: UUID | None
    analyzed: Analyzed
    memory_type: MemoryType
    importance_score: float
    context_tags: Sequence[str]
    related_entities: Sequence[str]
    metadata: Mapping[str, Any]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Removed:
    """A memory that was deleted."""

    memory_id: UUID
    memory_type: MemoryType
    content_version: int


# One statement, so one round trip: the rows, their postings, and the activity of their conversations. The last never
# waits for another transaction, and is a second exact: the list of conversations needs no more.
_ADD = text("""
with incoming as (
    select * from jsonb_to_recordset(cast(:memories as jsonb)) as new (
        memory_id uuid, conversation_id uuid, content text, content_hash text, length integer, memory_type text,
        importance_score double precision, context_tags text[], related_entities text[], metadata jsonb,
        expires_at timestamptz)
), added as (
    insert into memori_memories (
        tenant_id, user_id, memory_id, conversation_id, content, content_hash, analyzer_version, length, memory_type,
        importance_score, context_tags, related_entities, metadata, expires_at, created_at, updated_at)
    select
        :tenant_id, :user_id, memory_id, conversation_id, content, content_hash, :analyzer_version, length,
        memory_type, importance_score, context_tags, related_entities, metadata, expires_at, :now, :now
    from incoming order by memory_id
    on conflict do nothing
    returning memory_id, conversation_id, length
), indexed as (
    insert into memori_memory_terms (tenant_id, user_id, term, memory_id, frequency, length)
    select :tenant_id, :user_id, term, memory_id, frequency, length
    from unnest(:term_owners, :terms, :frequencies) as posting (memory_id, term, frequency)
    join added using (memory_id)
), touched as (
    update memori_conversations set last_activity_at = :now
    where (tenant_id, user_id, conversation_id) in (
        select tenant_id, user_id, conversation_id from memori_conversations
        where tenant_id = :tenant_id and user_id = :user_id
            and conversation_id in (select conversation_id from added)
            and last_activity_at < :now - interval '1 second'
        for no key update skip locked)
)
select memory_id from added""").bindparams(
    bindparam("term_owners", type_=ARRAY(memories.c.memory_id.type)),
    bindparam("terms", type_=ARRAY(terms.c.term.type)),
    bindparam("frequencies", type_=ARRAY(terms.c.frequency.type)),
)


async def add(transaction: Transaction, owner: Identity, rows: Sequence[NewRow], now: datetime) -> set[UUID]:
    """Insert memories with their postings; returns the ids that are new. One that exists is left as it is.

    Raises sqlalchemy.exc.IntegrityError when a conversation does not exist.
    """
    postings = [(row.memory_id, *posting) for row in rows for posting in Counter(row.analyzed.terms).items()]
    owners, found, frequencies = zip(*postings, strict=True) if postings else ((), (), ())
    result = await transaction.execute(
        _ADD,
        {
            "tenant_id": owner.tenant_id,
            "user_id": owner.user_id,
            "memories": json.dumps([_as_json(row) for row in rows], ensure_ascii=False),
            "analyzer_version": analyzer.VERSION,
            "now": now,
            "term_owners": owners,
            "terms": found,
            "frequencies": frequencies,
        },
    )
    return set(result.scalars())


def _as_json(row: NewRow) -> dict[str, Any]:
    return {
        "memory_id": str(row.memory_id),
        "conversation_id": str(row.conversation_id) if row.conversation_id else None,
        "content": row.analyzed.content,
        "content_hash": row.analyzed.content_hash,
        "length": len(row.analyzed.terms),
        "memory_type": row.memory_type,
        "importance_score": row.importance_score,
        "context_tags": row.context_tags,
        "related_entities": row.related_entities,
        "metadata": row.metadata,
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
    }


# As text: composing and hashing the same statement from its columns takes longer than running it.
_FIND = (
    text("""
select
    memories.memory_id, content, memory_type, conversation_id, importance_score, context_tags, related_entities,
    metadata, expires_at, is_archived, content_version, created_at, updated_at,
    access_count, last_accessed_at, importance_gain,
    exists (
        select from memori_memory_vectors vectors
        where vectors.tenant_id = :tenant_id and vectors.user_id = :user_id
            and vectors.memory_id = memories.memory_id and vectors.content_version = memories.content_version
    ) as embedded
from memori_memories memories
left join memori_memory_usage usage
    on usage.tenant_id = :tenant_id and usage.user_id = :user_id and usage.memory_id = memories.memory_id
where memories.tenant_id = :tenant_id and memories.user_id = :user_id
    and memories.memory_id = any(:memory_ids)""")
    .bindparams(bindparam("memory_ids", type_=ARRAY(Uuid)))
    .columns(metadata=JSONB)
)


def _view(row: Row[Any]) -> dict[str, Any]:
    """The fields of a memory as its owner sees it, of a row of `_FIND`."""
    fields: dict[str, Any] = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name for it
    gained = fields.pop("importance_gain") or 0.0
    fields["importance_score"] = current_importance(fields["importance_score"], gained)
    fields["access_count"] = fields["access_count"] or 0
    return fields


async def find(transaction: Transaction, owner: Identity, memory_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """The fields of this user's memories among the ids; the others are missing."""
    rows = await transaction.execute(
        _FIND,
        {"tenant_id": owner.tenant_id, "user_id": owner.user_id, "memory_ids": list(memory_ids)},
    )
    return {row.memory_id: _view(row) for row in rows}


async def get(transaction: Transaction, owner: Identity, memory_id: UUID) -> Memory | None:
    """The memory, or None when this user has none of that id."""
    fields = (await find(transaction, owner, [memory_id])).get(memory_id)
    return Memory.model_validate(fields) if fields else None


async def lock(transaction: Transaction, owner: Identity, memory_id: UUID) -> Row[Any] | None:
    """The stored row, which nobody else changes until the transaction ends."""
    statement = select(memories).where(_is(owner, memory_id)).with_for_update(key_share=True)
    return (await transaction.execute(statement)).one_or_none()


async def change(
    transaction: Transaction, owner: Identity, memory_id: UUID, values: Mapping[str, Any], now: datetime
) -> None:
    """Set columns of a memory; a stated importance starts afresh, without what accesses had added."""
    await transaction.execute(update(memories).where(_is(owner, memory_id)).values(**values, updated_at=now))
    if "importance_score" in values:
        await transaction.execute(
            update(usage)
            .where(
                usage.c.tenant_id == owner.tenant_id,
                usage.c.user_id == owner.user_id,
                usage.c.memory_id == memory_id,
            )
            .values(importance_gain=0.0)
        )


_REINDEX = text("""
insert into memori_memory_terms (tenant_id, user_id, term, memory_id, frequency, length)
select :tenant_id, :user_id, term, :memory_id, frequency, :length
from unnest(:terms, :frequencies) as posting (term, frequency)""").bindparams(
    bindparam("terms", type_=ARRAY(terms.c.term.type)),
    bindparam("frequencies", type_=ARRAY(terms.c.frequency.type)),
)


async def reindex(transaction: Transaction, owner: Identity, memory_id: UUID, found: Sequence[str]) -> None:
    """Replace the postings of a memory; needs its row locked."""
    await transaction.execute(
        delete(terms).where(
            terms.c.tenant_id == owner.tenant_id, terms.c.user_id == owner.user_id, terms.c.memory_id == memory_id
        )
    )
    counts = Counter(found)
    await transaction.execute(
        _REINDEX,
        {
            "tenant_id": owner.tenant_id,
            "user_id": owner.user_id,
            "memory_id": memory_id,
            "length": len(found),
            "terms": list(counts),
            "frequencies": list(counts.values()),
        },
    )


async def remove(transaction: Transaction, owner: Identity, memory_id: UUID) -> Removed | None:
    """Delete a memory with all that belongs to it; None when there is none."""
    removed = await _remove(transaction, owner, memories.c.memory_id == memory_id)
    return removed[0] if removed else None


async def remove_of_conversation(transaction: Transaction, owner: Identity, conversation_id: UUID) -> list[Removed]:
    """Delete every memory of a conversation with all that belongs to it."""
    return await _remove(transaction, owner, memories.c.conversation_id == conversation_id)


async def _remove(transaction: Transaction, owner: Identity, which: ColumnElement[bool]) -> list[Removed]:
    ids = select(memories.c.memory_id).where(_owned(owner), which).order_by(memories.c.memory_id)
    # Counters before memories, both in the order of their ids: as those who count accesses and store vectors take
    # them, so that nobody waits for another in a circle.
    await transaction.execute(
        select(usage.c.memory_id)
        .where(
            usage.c.tenant_id == owner.tenant_id,
            usage.c.user_id == owner.user_id,
            usage.c.memory_id.in_(ids),
        )
        .order_by(usage.c.memory_id)
        .with_for_update()
    )
    locked = ids.with_for_update().cte("locked")
    gone = (
        delete(memories)
        .where(_owned(owner), memories.c.memory_id.in_(select(locked.c.memory_id)))
        .returning(memories.c.memory_id, memories.c.memory_type, memories.c.content_version)
        .cte("gone")
    )
    # Vectors and usage go by their foreign keys; postings have none.
    postings = (
        delete(terms)
        .where(
            terms.c.tenant_id == owner.tenant_id,
            terms.c.user_id == owner.user_id,
            terms.c.memory_id.in_(select(gone.c.memory_id)),
        )
        .cte("postings")
    )
    rows = await transaction.execute(select(gone).add_cte(postings))
    return [Removed(row.memory_id, row.memory_type, row.content_version) for row in rows]


def _owned(owner: Identity) -> ColumnElement[bool]:
    return and_(memories.c.tenant_id == owner.tenant_id, memories.c.user_id == owner.user_id)


def _is(owner: Identity, memory_id: UUID) -> ColumnElement[bool]:
    return and_(_owned(owner), memories.c.memory_id == memory_id)
