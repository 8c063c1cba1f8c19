"""The memories nearest to a new one, and what a review of them changes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, select, text

from contracts.identity import Identity
from memory_store.repository.memories import owned
from memory_store.tables import history, memories
from persistence import Transaction

_CANDIDATES = 12

# By the raw column, so exact; and nothing is joined: without fresh statistics the planner would join every memory with
# every vector. `is true` keeps it from taking the memories of the same type for a join, so that they are hashed.
_NEAREST = text("""
with memory as materialized (
    select memory_no, memory_type from memori_memories
    where tenant_id = :tenant_id and user_id = :user_id and memory_id = :memory_id
), mine as materialized (
    select embedding, dimensions from memori_memory_vectors
    where tenant_id = :tenant_id and user_id = :user_id and memory_no = (select memory_no from memory)
        and model = :model and chunk = 0 and live_until > now()
)
select memory_no from (
    select memory_no, -(embedding <#> (select embedding from mine)) as cosine from memori_memory_vectors
    where tenant_id = :tenant_id and user_id = :user_id and model = :model
        and dimensions = (select dimensions from mine) and live_until > now()
        and memory_no <> (select memory_no from memory)
        and (memory_no in (
            select memory_no from memori_memories
            where tenant_id = :tenant_id and user_id = :user_id
                and memory_type = (select memory_type from memory))) is true
    order by embedding <#> (select embedding from mine) limit :limit
) as near
where cosine >= :similar order by cosine desc""")


async def nearest(
    transaction: Transaction, owner: Identity, memory_id: UUID, *, model: str, similar: float
) -> list[int]:
    """The numbers of the user's live memories of the same type that are this similar to one, most similar first."""
    rows = await transaction.execute(
        _NEAREST,
        {
            "tenant_id": owner.tenant_id,
            "user_id": owner.user_id,
            "memory_id": memory_id,
            "model": model,
            "similar": similar,
            "limit": _CANDIDATES,
        },
    )
    # One in pieces may be near with several of them.
    return list(dict.fromkeys(row.memory_no for row in rows))


async def read(
    transaction: Transaction, owner: Identity, memory_id: UUID, others: Sequence[int], *, lock: bool
) -> tuple[Row[Any] | None, list[Row[Any]]]:
    """The rows of a memory and of others, with `lock` locked in one order; the memory None when it is gone."""
    statement = (
        select(memories)
        .where(owned(owner), (memories.c.memory_id == memory_id) | memories.c.memory_no.in_(others))
        .order_by(memories.c.memory_no)
    )
    if lock:
        statement = statement.with_for_update(key_share=True)
    rows = (await transaction.execute(statement)).all()
    reviewed = next((row for row in rows if row.memory_id == memory_id), None)
    by_number = {row.memory_no: row for row in rows if row.memory_id != memory_id}
    return reviewed, [by_number[number] for number in others if number in by_number]


async def brought_back(transaction: Transaction, owner: Identity, memory_nos: Sequence[int]) -> set[int]:
    """Those of the memories whose user restored them since they say what they say."""
    same = and_(
        history.c.tenant_id == memories.c.tenant_id,
        history.c.user_id == memories.c.user_id,
        history.c.memory_id == memories.c.memory_id,
        history.c.memory_no == memories.c.memory_no,
        history.c.content_version == memories.c.content_version,
    )
    statement = (
        select(memories.c.memory_no)
        .outerjoin(history, and_(same, history.c.change == "restored"))
        .where(
            owned(owner),
            memories.c.memory_no.in_(memory_nos),
            (memories.c.change == "restored") | history.c.revision.is_not(None),
        )
    )
    return set((await transaction.execute(statement)).scalars())
