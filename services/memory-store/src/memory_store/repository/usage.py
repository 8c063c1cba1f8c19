"""Access counters in Postgres."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, Integer, Text, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from memory_store.domain.importance import ACCESS_GAIN
from memory_store.domain.lifecycle import PROMOTE_CONVERSATIONS
from persistence import Transaction


@dataclass(frozen=True, slots=True)
class Accesses:
    """How often a memory was found since the last flush, when last, and in which conversations."""

    tenant_id: str
    user_id: str
    memory_no: int
    count: int
    last_at: datetime
    conversations: frozenset[UUID] = frozenset()


# In key order, so that two replicas that count the same memories never wait for each other in a circle. Of the
# conversations only as many are kept as it takes to be promoted.
_ADD = text("""
insert into memori_memory_usage as existing
    (tenant_id, user_id, memory_no, access_count, last_accessed_at, importance_gain, conversations)
select
    tenant_id, user_id, memory_no, accesses, last_at, least(1, accesses * cast(:gain as float8)),
    array(select cast(value as uuid) from jsonb_array_elements_text(found_in) as value limit :conversations)
from rows from (
    unnest(:tenant_ids, :user_ids, :memory_nos, :counts, :times), jsonb_array_elements(:found_in)
) as new (tenant_id, user_id, memory_no, accesses, last_at, found_in)
join memori_memories memories using (tenant_id, user_id, memory_no)
order by tenant_id, user_id, memory_no
on conflict (tenant_id, user_id, memory_no) do update set
    access_count = existing.access_count + excluded.access_count,
    last_accessed_at = greatest(existing.last_accessed_at, excluded.last_accessed_at),
    importance_gain = least(1, existing.importance_gain + excluded.importance_gain),
    conversations = case
        when excluded.conversations <@ existing.conversations then existing.conversations
        else array(
            select value from unnest(existing.conversations || excluded.conversations)
                with ordinality as every (value, place)
            group by value order by min(place) limit :conversations)
    end""").bindparams(
    bindparam("tenant_ids", type_=ARRAY(Text)),
    bindparam("user_ids", type_=ARRAY(Text)),
    bindparam("memory_nos", type_=ARRAY(BigInteger)),
    bindparam("counts", type_=ARRAY(Integer)),
    bindparam("times", type_=ARRAY(DateTime(timezone=True))),
    bindparam("found_in", type_=JSONB),
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
            "memory_nos": [item.memory_no for item in accesses],
            "counts": [item.count for item in accesses],
            "times": [item.last_at for item in accesses],
            "found_in": [[str(conversation) for conversation in item.conversations] for item in accesses],
            "gain": ACCESS_GAIN,
            "conversations": PROMOTE_CONVERSATIONS,
        },
    )
