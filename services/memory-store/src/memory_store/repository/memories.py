"""Memories and their postings in Postgres: stored, read, locked, deleted."""

import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Row,
    Uuid,
    and_,
    any_,
    bindparam,
    delete,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from contracts.events import MemoryType
from contracts.identity import Identity
from contracts.memory_store import Visibility
from memory_store.domain import analyzer
from memory_store.domain.importance import current_importance
from memory_store.tables import memories, terms, usage
from persistence import Transaction


@dataclass(frozen=True, slots=True)
class NewRow:
    """A memory to insert. A sensitive one has `sealed` in place of content, hash, terms, entities and metadata."""

    memory_id: UUID
    conversation_id: UUID | None
    content: str | None
    content_hash: str | None
    sealed: bytes | None
    terms: Sequence[str]
    memory_type: MemoryType
    importance_score: float
    context_tags: Sequence[str]
    related_entities: Sequence[str]
    metadata: Mapping[str, Any]
    expires_at: datetime | None
    occurred_at: datetime
    process_id: str | None
    session_id: str | None
    visibility: Visibility


@dataclass(frozen=True, slots=True)
class Removed:
    """A memory that was deleted."""

    memory_id: UUID
    memory_type: MemoryType
    content_version: int


# One statement, so one round trip: the rows, their postings, and the activity of their conversations. The last never
# waits for another transaction, and is a second exact: the list of conversations needs no more. Numbers are given in
# the order of the batch, which is the order of a conversation's turns.
_ADD = text("""
with incoming as (
    select * from rows from (jsonb_to_recordset(cast(:memories as jsonb)) as (
        memory_id uuid, conversation_id uuid, content text, content_hash text, sealed text, length integer,
        memory_type text, importance_score double precision, context_tags text[], related_entities text[],
        metadata jsonb, expires_at timestamptz, occurred_at timestamptz, process_id text, session_id text,
        visibility text)
    ) with ordinality as new (
        memory_id, conversation_id, content, content_hash, sealed, length, memory_type, importance_score, context_tags,
        related_entities, metadata, expires_at, occurred_at, process_id, session_id, visibility, position)
), added as (
    insert into memori_memories (
        tenant_id, user_id, memory_id, conversation_id, content, content_hash, sealed, sensitive, analyzer_version,
        length, memory_type, importance_score, context_tags, related_entities, metadata, expires_at, occurred_at,
        process_id, session_id, visibility, created_at, updated_at)
    select
        :tenant_id, :user_id, memory_id, conversation_id, content, content_hash, decode(sealed, 'base64'),
        sealed is not null, :analyzer_version, length, memory_type, importance_score, context_tags, related_entities,
        metadata, expires_at, occurred_at, process_id, session_id, visibility, :now, :now
    from incoming order by position
    on conflict do nothing
    returning memory_id, memory_no, conversation_id, length, visibility
), indexed as (
    insert into memori_memory_terms (tenant_id, user_id, term, memory_no, frequency, length, shared)
    select :tenant_id, :user_id, term, memory_no, frequency, length, visibility = 'tenant'
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
    postings = [(row.memory_id, *posting) for row in rows for posting in Counter(row.terms).items()]
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
        "content": row.content,
        "content_hash": row.content_hash,
        "sealed": base64.b64encode(row.sealed).decode() if row.sealed is not None else None,
        "length": len(row.terms),
        "memory_type": row.memory_type,
        "importance_score": row.importance_score,
        "context_tags": row.context_tags,
        "related_entities": row.related_entities,
        "metadata": row.metadata,
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        "occurred_at": row.occurred_at.isoformat(),
        "process_id": row.process_id,
        "session_id": row.session_id,
        "visibility": row.visibility,
    }


# As text: composing and hashing the same statement from its columns takes longer than running it.
_VIEW = """
select
    memories.user_id, memories.memory_id, memories.memory_no, content, sealed, memory_type, conversation_id,
    importance_score, context_tags, related_entities, metadata, expires_at, occurred_at, process_id, session_id,
    visibility, sensitive, is_archived, archived_reason, superseded_by, content_version, revision, created_at,
    updated_at, access_count, last_accessed_at, importance_gain,
    exists (
        select from {prefix}_memory_vectors vectors
        where {whose}
            and vectors.memory_no = memories.memory_no and vectors.content_version = memories.content_version
    ) as embedded
from {prefix}_memories memories
left join memori_memory_usage usage
    on usage.tenant_id = memories.tenant_id and usage.user_id = memories.user_id
    and usage.memory_no = memories.memory_no
where """
# Of one's own the partition is known beforehand.
OWN_VIEW = _VIEW.format(prefix="memori", whose="vectors.tenant_id = :tenant_id and vectors.user_id = :user_id")
SHARED_VIEW = _VIEW.format(
    prefix="memori_shared", whose="vectors.tenant_id = memories.tenant_id and vectors.user_id = memories.user_id"
)
"""The fields of one's own memories, and of those that others share; a condition has to follow."""
_OWNED = "memories.tenant_id = :tenant_id and memories.user_id = :user_id"
_OTHERS = "memories.tenant_id = :tenant_id and memories.user_id <> :user_id"
_IDS, _NOS = bindparam("memory_ids", type_=ARRAY(Uuid)), bindparam("memory_nos", type_=ARRAY(BigInteger))
_BY_ID = text(f"{OWN_VIEW}{_OWNED} and memory_id = any(:memory_ids)").bindparams(_IDS).columns(metadata=JSONB)
_BY_NO = text(f"{OWN_VIEW}{_OWNED} and memories.memory_no = any(:memory_nos)").bindparams(_NOS).columns(metadata=JSONB)
_SHARED_BY_ID = (
    text(f"{SHARED_VIEW}{_OTHERS} and memory_id = any(:memory_ids)").bindparams(_IDS).columns(metadata=JSONB)
)
_SHARED_BY_NO = (
    text(f"{SHARED_VIEW}{_OTHERS} and memories.memory_no = any(:memory_nos)").bindparams(_NOS).columns(metadata=JSONB)
)


def view(row: Row[Any]) -> dict[str, Any]:
    """The fields of a memory as whoever may read it sees it, its contents still sealed where it is sensitive."""
    fields: dict[str, Any] = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name for it
    gained = fields.pop("importance_gain") or 0.0
    fields["importance_score"] = current_importance(fields["importance_score"], gained)
    fields["access_count"] = fields["access_count"] or 0
    return fields


async def find(transaction: Transaction, owner: Identity, memory_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """The fields of this user's memories among the ids; the others are missing."""
    rows = await transaction.execute(
        _BY_ID,
        {"tenant_id": owner.tenant_id, "user_id": owner.user_id, "memory_ids": list(memory_ids)},
    )
    return {row.memory_id: view(row) for row in rows}


async def find_numbered(
    transaction: Transaction, owner: Identity, memory_nos: Sequence[int], *, shared: bool
) -> dict[int, dict[str, Any]]:
    """The fields of this user's memories of these numbers, with `shared` of those that others share too."""
    parameters = {"tenant_id": owner.tenant_id, "user_id": owner.user_id, "memory_nos": list(memory_nos)}
    rows = (await transaction.execute(_BY_NO, parameters)).all()
    if shared and len(rows) < len(memory_nos):
        rows = [*rows, *(await transaction.execute(_SHARED_BY_NO, parameters)).all()]
    return {row.memory_no: view(row) for row in rows}


async def get(
    transaction: Transaction, owner: Identity, memory_id: UUID, *, shared: bool = False
) -> dict[str, Any] | None:
    """The fields of the memory, or None when there is none of that id: this user's, else with `shared` a member's."""
    found = (await find(transaction, owner, [memory_id])).get(memory_id)
    if found is None and shared:
        parameters = {"tenant_id": owner.tenant_id, "user_id": owner.user_id, "memory_ids": [memory_id]}
        found = next(map(view, await transaction.execute(_SHARED_BY_ID, parameters)), None)
    return found


async def lock(
    transaction: Transaction, owner: Identity, memory_id: UUID, *, counters: bool = False
) -> Row[Any] | None:
    """The stored row, which nobody else changes until the transaction ends; with `counters` its usage neither."""
    if counters:
        # Counters before memories, as those do who delete: else two might wait for each other.
        number = select(memories.c.memory_no).where(_is(owner, memory_id)).scalar_subquery()
        await transaction.execute(
            select(usage.c.memory_no)
            .where(usage.c.tenant_id == owner.tenant_id, usage.c.user_id == owner.user_id, usage.c.memory_no == number)
            .with_for_update()
        )
    statement = select(memories).where(_is(owner, memory_id)).with_for_update(key_share=True)
    return (await transaction.execute(statement)).one_or_none()


async def set_related(transaction: Transaction, owner: Identity, memory_id: UUID, related: Sequence[str]) -> None:
    """Set which entities a memory names; needs its row locked."""
    await transaction.execute(update(memories).where(_is(owner, memory_id)).values(related_entities=list(related)))


_REINDEX = text("""
insert into memori_memory_terms (tenant_id, user_id, term, memory_no, frequency, length, shared)
select :tenant_id, :user_id, term, :memory_no, frequency, :length, :shared
from unnest(:terms, :frequencies) as posting (term, frequency)""").bindparams(
    bindparam("terms", type_=ARRAY(terms.c.term.type)),
    bindparam("frequencies", type_=ARRAY(terms.c.frequency.type)),
)


async def reindex(
    transaction: Transaction, owner: Identity, memory_no: int, found: Sequence[str], *, shared: bool
) -> None:
    """Replace the postings of a memory; needs its row locked."""
    await transaction.execute(
        delete(terms).where(
            terms.c.tenant_id == owner.tenant_id, terms.c.user_id == owner.user_id, terms.c.memory_no == memory_no
        )
    )
    counts = Counter(found)
    await transaction.execute(
        _REINDEX,
        {
            "tenant_id": owner.tenant_id,
            "user_id": owner.user_id,
            "memory_no": memory_no,
            "length": len(found),
            "shared": shared,
            "terms": list(counts),
            "frequencies": list(counts.values()),
        },
    )


async def lock_to_remove(transaction: Transaction, owner: Identity, which: ColumnElement[bool]) -> list[int]:
    """The numbers of this user's memories that `which` chooses, locked with their counters.

    Counters before memories, both in the order of their numbers: as those who count accesses and store vectors take
    them, so that nobody waits for another in a circle.
    """
    chosen = select(memories.c.memory_no).where(owned(owner), which)
    numbers = literal(list((await transaction.execute(chosen)).scalars()), ARRAY(BigInteger))
    await transaction.execute(
        select(usage.c.memory_no)
        .where(
            usage.c.tenant_id == owner.tenant_id,
            usage.c.user_id == owner.user_id,
            usage.c.memory_no == any_(numbers),
        )
        .order_by(usage.c.memory_no)
        .with_for_update()
    )
    rows = await transaction.execute(chosen.order_by(memories.c.memory_no).with_for_update())
    return list(rows.scalars())


async def lock_all(transaction: Transaction, owner: Identity) -> None:
    """Lock every memory of this user with its counters, in the order in which `lock_to_remove` takes some of them."""
    for table in (usage, memories):
        await transaction.execute(
            select(table.c.memory_no)
            .where(table.c.tenant_id == owner.tenant_id, table.c.user_id == owner.user_id)
            .order_by(table.c.memory_no)
            .with_for_update()
        )


async def remove(transaction: Transaction, owner: Identity, memory_nos: Sequence[int]) -> list[Removed]:
    """Delete locked memories with all that belongs to them but their history."""
    # Vectors and usage go by their foreign keys; postings have none.
    await transaction.execute(
        delete(terms).where(
            terms.c.tenant_id == owner.tenant_id,
            terms.c.user_id == owner.user_id,
            terms.c.memory_no.in_(memory_nos),
        )
    )
    rows = await transaction.execute(
        delete(memories)
        .where(owned(owner), memories.c.memory_no.in_(memory_nos))
        .returning(memories.c.memory_id, memories.c.memory_type, memories.c.content_version)
    )
    return [Removed(row.memory_id, row.memory_type, row.content_version) for row in rows]


def owned(owner: Identity) -> ColumnElement[bool]:
    """The memories of a user."""
    return and_(memories.c.tenant_id == owner.tenant_id, memories.c.user_id == owner.user_id)


def _is(owner: Identity, memory_id: UUID) -> ColumnElement[bool]:
    return and_(owned(owner), memories.c.memory_id == memory_id)
