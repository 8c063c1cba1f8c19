"""Access counters in Postgres."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Integer, Text, Uuid, bindparam, text

from memory_store.domain.importance import ACCESS_GAIN
from persistence import Transaction


@dataclass(frozen=True, slots=True)
class Accesses:
    """How often a memory was found since the last flush, and when last."""

    tenant_id: str
    user_id: str
    memory_id: UUID
    count: int
    last_at: datetime


# In key order, so that two replicas that count the same memories never wait for each other in a circle.
_ADD = text("""
insert into memori_memory_usage as existing
    (tenant_id, user_id, memory_id, access_count, last_accessed_at, importance_gain)
select tenant_id, user_id, memory_id, accesses, last_at, least(1, accesses * cast(:gain as float8))
from unnest(:tenant_ids, :user_ids, :memory_ids, :counts, :times)
    as new (tenant_id, user_id, memory_id, accesses, last_at)
join memori_memories memories using (tenant_id, user_id, memory_id)
order by tenant_id, user_id, memory_id
on conflict (tenant_id, user_id, memory_id) do update set
    access_count = existing.access_count + excluded.access_count,
    last_accessed_at = greatest(existing.last_accessed_at, excluded.last_accessed_at),
    importance_gain = least(1, existing.importance_gain + excluded.importance_gain)""").bindparams(
    bindparam("tenant_ids", type_=ARRAY(Text)),
    bindparam("user_ids", type_=ARRAY(Text)),
    bindparam("memory_ids", type_=ARRAY(Uuid)),
    bindparam("counts", type_=ARRAY(Integer)),
    bindparam("times", type_=ARRAY(DateTime(timezone=True))),
)


async def add(transaction: Transaction, accesses: Sequence[Accesses]) -> None:
    """Add accesses of any users' memories, each given once; deleted memories are skipped.

    Runs in a transaction of the worker role. Raises sqlalchemy.exc.IntegrityError when a memory is deleted meanwhile.
    """
    await transaction.execute(
        _ADD,
        {
            "tenant_ids": [item.tenant_id for item in accesses],
            "user_ids": [item.user_id for item in accesses],
            "memory_ids": [item.memory_id for item in accesses],
            "counts": [item.count for item in accesses],
            "times": [item.last_at for item in accesses],
            "gain": ACCESS_GAIN,
        },
    )
