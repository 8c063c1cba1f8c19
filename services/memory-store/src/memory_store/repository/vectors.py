"""Vectors in Postgres: those of a memory's current content, by model; a long content has one a piece."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pgvector import HalfVector
from sqlalchemy import ARRAY, BigInteger, Integer, SmallInteger, Text, Uuid, bindparam, text

from contracts.events import MemoryType
from contracts.identity import Identity
from memory_store.domain.vectors import Floats
from memory_store.repository.listing import LIVE_UNTIL
from persistence import Database, Transaction


async def check_pgvector(database: Database) -> None:
    """Raise when Postgres does not understand vectors."""
    async with database.worker_transaction() as transaction:
        await transaction.execute(text("select cast('[1]' as halfvec)"))


@dataclass(frozen=True, slots=True)
class NewVectors:
    """The vectors of the pieces of one version of a memory's content."""

    tenant_id: str
    user_id: str
    memory_id: UUID
    content_version: int
    pieces: Sequence[Floats]


@dataclass(frozen=True, slots=True)
class Embedded:
    """A memory whose vectors were stored now."""

    tenant_id: str
    user_id: str
    memory_id: UUID
    memory_no: int
    content_version: int
    memory_type: MemoryType


# Whoever changes the content waits for this lock, or this waits for them and then sees another version: no vector of
# a past content is ever stored. Who waited for another that stored the same does not see its vectors here, but in the
# next statement.
_LOCK = text("""
select tenant_id, user_id, memory_id, memory_no, content_version, memory_type
from memori_memories memories
join unnest(:tenant_ids, :user_ids, :memory_ids, :content_versions)
    as new (tenant_id, user_id, memory_id, content_version) using (tenant_id, user_id, memory_id, content_version)
where not sensitive and not exists (
    select from memori_memory_vectors vectors
    where vectors.tenant_id = memories.tenant_id and vectors.user_id = memories.user_id
        and vectors.memory_no = memories.memory_no and vectors.model = :model and dimensions = :dimensions)
order by tenant_id, user_id, memory_no
for no key update of memories""").bindparams(
    bindparam("tenant_ids", type_=ARRAY(Text)),
    bindparam("user_ids", type_=ARRAY(Text)),
    bindparam("memory_ids", type_=ARRAY(Uuid)),
    bindparam("content_versions", type_=ARRAY(Integer)),
)
_STORE = text(f"""
insert into memori_memory_vectors
    (tenant_id, user_id, memory_no, model, chunk, dimensions, content_version, embedding, live_until, shared)
select
    tenant_id, user_id, memory_no, :model, chunk, :dimensions, content_version, embedding,
    {LIVE_UNTIL}, visibility = 'tenant'
from unnest(:tenant_ids, :user_ids, :memory_nos, :chunks, cast(:embeddings as halfvec[]))
    as new (tenant_id, user_id, memory_no, chunk, embedding)
join memori_memories memories using (tenant_id, user_id, memory_no)
where not exists (
    select from memori_memory_vectors vectors
    where vectors.tenant_id = memories.tenant_id and vectors.user_id = memories.user_id
        and vectors.memory_no = memories.memory_no and vectors.model = :model)
order by tenant_id, user_id, memory_no, chunk
returning tenant_id, user_id, memory_no""").bindparams(  # noqa: S608  # a constant of the repository
    bindparam("tenant_ids", type_=ARRAY(Text)),
    bindparam("user_ids", type_=ARRAY(Text)),
    bindparam("memory_nos", type_=ARRAY(BigInteger)),
    bindparam("chunks", type_=ARRAY(SmallInteger)),
)
# A model of the same name that now makes vectors of another length starts afresh.
_OUTGROWN = text("""
delete from memori_memory_vectors
where (tenant_id, user_id, memory_no) in (select * from unnest(:tenant_ids, :user_ids, :memory_nos))
    and model = :model and dimensions <> :dimensions""").bindparams(
    bindparam("tenant_ids", type_=ARRAY(Text)),
    bindparam("user_ids", type_=ARRAY(Text)),
    bindparam("memory_nos", type_=ARRAY(BigInteger)),
)


async def store(transaction: Transaction, model: str, dimensions: int, new: Sequence[NewVectors]) -> list[Embedded]:
    """Store the vectors of memories of any users, each (memory, version) given once; returns those that had none yet.

    What is outdated, gone or embedded already is passed over. Runs in a transaction of the worker role.
    """
    rows = await transaction.execute(
        _LOCK,
        {
            "tenant_ids": [item.tenant_id for item in new],
            "user_ids": [item.user_id for item in new],
            "memory_ids": [item.memory_id for item in new],
            "content_versions": [item.content_version for item in new],
            "model": model,
            "dimensions": dimensions,
        },
    )
    wanted = [Embedded(**row._mapping) for row in rows]  # noqa: SLF001  # SQLAlchemy's public name for it
    if not wanted:
        return []
    keys = {
        "tenant_ids": [item.tenant_id for item in wanted],
        "user_ids": [item.user_id for item in wanted],
        "memory_nos": [item.memory_no for item in wanted],
        "model": model,
        "dimensions": dimensions,
    }
    await transaction.execute(_OUTGROWN, keys)
    pieces = {(item.tenant_id, item.user_id, item.memory_id): item.pieces for item in new}
    flat = [
        (item, chunk, values)
        for item in wanted
        for chunk, values in enumerate(pieces[item.tenant_id, item.user_id, item.memory_id])
    ]
    rows = await transaction.execute(
        _STORE,
        {
            "tenant_ids": [item.tenant_id for item, _, _ in flat],
            "user_ids": [item.user_id for item, _, _ in flat],
            "memory_nos": [item.memory_no for item, _, _ in flat],
            "chunks": [chunk for _, chunk, _ in flat],
            "embeddings": [HalfVector(values) for _, _, values in flat],
            "model": model,
            "dimensions": dimensions,
        },
    )
    stored = {(row.tenant_id, row.user_id, row.memory_no) for row in rows}
    return [item for item in wanted if (item.tenant_id, item.user_id, item.memory_no) in stored]


_NEWEST = """
select model, embedding from {prefix}_memory_vectors
where tenant_id = :tenant_id and user_id = :user_id and memory_no = :memory_no
order by created_at desc, model, chunk limit 1"""
_OWN, _SHARED = (text(_NEWEST.format(prefix=prefix)) for prefix in ("memori", "memori_shared"))


async def newest(transaction: Transaction, reader: Identity, memory: Mapping[str, Any]) -> tuple[str, bytes] | None:
    """Model and little-endian float32 numbers of the last stored vector of a memory, that of its first piece."""
    statement = _OWN if memory["user_id"] == reader.user_id else _SHARED
    parameters = {"tenant_id": reader.tenant_id, "user_id": memory["user_id"], "memory_no": memory["memory_no"]}
    row = (await transaction.execute(statement, parameters)).one_or_none()
    return (row.model, row.embedding.to_numpy().astype("<f4").tobytes()) if row else None
