"""Contents of memories of any users, read under the worker role."""

from collections.abc import Sequence

from sqlalchemy import ARRAY, Text, Uuid, bindparam, text

from contracts.memory_store import MemoryContent, OwnedMemory
from persistence import Transaction

# The sizes are known without reading the contents, so only those that may fit are read.
_FETCH = text("""
select position, content_version, memory_type, case when bytes <= :max_bytes then content end as content
from (
    select position, memory_id, content_version, memory_type, content,
        sum(octet_length(content)) over (order by position) as bytes
    from unnest(:tenant_ids, :user_ids, :memory_ids)
        with ordinality as wanted (tenant_id, user_id, memory_id, position)
    join memori_memories memories using (tenant_id, user_id, memory_id)
) as sized
order by position""").bindparams(
    bindparam("tenant_ids", type_=ARRAY(Text)),
    bindparam("user_ids", type_=ARRAY(Text)),
    bindparam("memory_ids", type_=ARRAY(Uuid)),
)


async def fetch(
    transaction: Transaction, wanted: Sequence[OwnedMemory], *, max_bytes: int
) -> tuple[list[MemoryContent], list[OwnedMemory]]:
    """The first contents, `max_bytes` of them in UTF-8 at most, and those that no longer exist."""
    rows = await transaction.execute(
        _FETCH,
        {
            "tenant_ids": [memory.tenant_id for memory in wanted],
            "user_ids": [memory.user_id for memory in wanted],
            "memory_ids": [memory.memory_id for memory in wanted],
            "max_bytes": max_bytes,
        },
    )
    found = {row.position - 1: row for row in rows}
    contents = [
        MemoryContent(
            tenant_id=wanted[position].tenant_id,
            user_id=wanted[position].user_id,
            memory_id=wanted[position].memory_id,
            content=row.content,
            content_version=row.content_version,
            memory_type=row.memory_type,
        )
        for position, row in found.items()
        if row.content is not None
    ]
    return contents, [memory for position, memory in enumerate(wanted) if position not in found]
