"""Contents of memories of any users, read under the worker role."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ARRAY, Text, Uuid, bindparam, text

from contracts.memory_store import MemoryContent, OwnedMemory
from persistence import Transaction

# The sizes are known without reading the contents, so only those that may fit are read.
_FETCH = text("""
select position, content_version, memory_type, context_tags, occurred_at, embedded, not live as is_archived,
    case when bytes <= :max_bytes and not embedded then content end as content
from (
    select *, sum(case when embedded then 0 else octet_length(content) end) over (order by position) as bytes
    from (
        select position, content_version, memory_type, context_tags, occurred_at, content,
            not is_archived and (expires_at is null or expires_at > now()) as live,
            cast(:model as text) is not null and exists (
                select from memori_memory_vectors vectors
                where vectors.tenant_id = memories.tenant_id and vectors.user_id = memories.user_id
                    and vectors.memory_no = memories.memory_no and vectors.model = :model) as embedded
        from unnest(:tenant_ids, :user_ids, :memory_ids)
            with ordinality as wanted (tenant_id, user_id, memory_id, position)
        join memori_memories memories using (tenant_id, user_id, memory_id)
        where not sensitive
    ) as found
) as sized
order by position""").bindparams(
    bindparam("tenant_ids", type_=ARRAY(Text)),
    bindparam("user_ids", type_=ARRAY(Text)),
    bindparam("memory_ids", type_=ARRAY(Uuid)),
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """Contents, and of the rest those that are gone (or sensitive) and those that are embedded already."""

    contents: list[MemoryContent]
    gone: tuple[OwnedMemory, ...]
    embedded: tuple[OwnedMemory, ...]


async def fetch(
    transaction: Transaction, wanted: Sequence[OwnedMemory], *, without_vector_of: str | None, max_bytes: int
) -> Fetched:
    """The first contents, `max_bytes` of them in UTF-8 at most, without those that a model has embedded already."""
    rows = await transaction.execute(
        _FETCH,
        {
            "tenant_ids": [memory.tenant_id for memory in wanted],
            "user_ids": [memory.user_id for memory in wanted],
            "memory_ids": [memory.memory_id for memory in wanted],
            "model": without_vector_of,
            "max_bytes": max_bytes,
        },
    )
    found = {row.position - 1: row for row in rows}
    return Fetched(
        contents=[
            MemoryContent(
                tenant_id=wanted[position].tenant_id,
                user_id=wanted[position].user_id,
                memory_id=wanted[position].memory_id,
                content=row.content,
                content_version=row.content_version,
                memory_type=row.memory_type,
                is_archived=row.is_archived,
                context_tags=row.context_tags,
                occurred_at=row.occurred_at,
            )
            for position, row in found.items()
            if row.content is not None
        ],
        gone=tuple(memory for position, memory in enumerate(wanted) if position not in found),
        embedded=tuple(wanted[position] for position, row in found.items() if row.embedded),
    )
