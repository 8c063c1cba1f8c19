"""Vectors in Postgres: stored once for each memory, model and content version."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from pgvector import HalfVector
from sqlalchemy import ARRAY, Integer, Text, Uuid, bindparam, select, text

from contracts.events import MemoryType
from contracts.identity import Identity
from memory_store.domain.vectors import Floats
from memory_store.tables import memories, vectors
from persistence import Database, Transaction


async def check_pgvector(database: Database) -> None:
    """Raise when Postgres does not understand vectors."""
    async with database.worker_transaction() as transaction:
        await transaction.execute(text("select cast('[1]' as halfvec)"))


@dataclass(frozen=True, slots=True)
class NewVector:
    """The vector of one version of a memory's content."""

    tenant_id: str
    user_id: str
    memory_id: UUID
    content_version: int
    values: Floats


@dataclass(frozen=True, slots=True)
class StoredVector:
    """A vector that was stored now."""

    tenant_id: str
    user_id: str
    memory_id: UUID
    content_version: int
    memory_type: MemoryType


# The join drops what is outdated or gone, the conflict clause what is there already.
_STORE = text("""
with incoming as (
    select * from unnest(:tenant_ids, :user_ids, :memory_ids, :content_versions, cast(:embeddings as halfvec[]))
        as new (tenant_id, user_id, memory_id, content_version, embedding)
), stored as (
    insert into memori_memory_vectors as existing
        (tenant_id, user_id, memory_id, model, dimensions, content_version, embedding)
    select tenant_id, user_id, memory_id, :model, :dimensions, content_version, embedding
    from incoming join memori_memories memories using (tenant_id, user_id, memory_id, content_version)
    order by tenant_id, user_id, memory_id
    on conflict (tenant_id, user_id, memory_id, model) do update
        set content_version = excluded.content_version, embedding = excluded.embedding,
            dimensions = excluded.dimensions, created_at = now()
        where existing.content_version < excluded.content_version
    returning tenant_id, user_id, memory_id, content_version
)
select stored.*, memories.memory_type
from stored join memori_memories memories using (tenant_id, user_id, memory_id)""").bindparams(
    bindparam("tenant_ids", type_=ARRAY(Text)),
    bindparam("user_ids", type_=ARRAY(Text)),
    bindparam("memory_ids", type_=ARRAY(Uuid)),
    bindparam("content_versions", type_=ARRAY(Integer)),
)


async def store(transaction: Transaction, model: str, dimensions: int, new: Sequence[NewVector]) -> list[StoredVector]:
    """Store vectors of any users, each (memory, version) given once; returns those that were new.

    Runs in a transaction of the worker role. Raises sqlalchemy.exc.IntegrityError when a memory is deleted meanwhile.
    """
    rows = await transaction.execute(
        _STORE,
        {
            "tenant_ids": [vector.tenant_id for vector in new],
            "user_ids": [vector.user_id for vector in new],
            "memory_ids": [vector.memory_id for vector in new],
            "content_versions": [vector.content_version for vector in new],
            "model": model,
            "dimensions": dimensions,
            "embeddings": [HalfVector(vector.values) for vector in new],
        },
    )
    return [StoredVector(**row._mapping) for row in rows]  # noqa: SLF001  # SQLAlchemy's public name for it


async def newest(transaction: Transaction, owner: Identity, memory_id: UUID) -> tuple[str, bytes] | None:
    """Model and little-endian float32 numbers of the last stored vector of a memory's current content."""
    statement = (
        select(vectors.c.model, vectors.c.embedding)
        .join(
            memories,
            (memories.c.tenant_id == vectors.c.tenant_id)
            & (memories.c.user_id == vectors.c.user_id)
            & (memories.c.memory_id == vectors.c.memory_id)
            & (memories.c.content_version == vectors.c.content_version),
        )
        .where(
            vectors.c.tenant_id == owner.tenant_id,
            vectors.c.user_id == owner.user_id,
            vectors.c.memory_id == memory_id,
        )
        .order_by(vectors.c.created_at.desc(), vectors.c.model)
        .limit(1)
    )
    row = (await transaction.execute(statement)).one_or_none()
    return (row.model, row.embedding.to_numpy().astype("<f4").tobytes()) if row else None
