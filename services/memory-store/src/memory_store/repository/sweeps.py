"""Which memories' time has come, of any users: locked for whoever asks, and passed over by everybody else."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Interval, Row, Text, bindparam, text

from contracts.identity import Identity
from memory_store.domain.lifecycle import (
    ARCHIVE_ACCESSES,
    ARCHIVE_IMPORTANCE,
    PROMOTE_ACCESSES,
    PROMOTE_CONVERSATIONS,
    PROMOTE_IMPORTANCE,
    PROMOTION_UNDONE,
)
from memory_store.repository.changes import Key
from persistence import Transaction

# A memory that its user changed or restored is as old as that.
_AGE = "case when changed_by = 'user' then updated_at else created_at end"
_LOCK = "limit :limit for no key update of memories skip locked"

_EXPIRED = text(f"""
select tenant_id, user_id, memory_no, importance_score from memori_memories memories
where not is_archived and expires_at <= now() order by expires_at {_LOCK}""")  # noqa: S608  # constants of this module

# The counters are looked up, not joined: without fresh statistics the planner would go over all of them once a memory.
_UNIMPORTANT = """
select tenant_id, user_id, memory_no, importance_score from memori_memories memories
where memory_type = 'short_term' and not is_archived and (expires_at is null or expires_at > now())
    and created_at < now() - :age and {age} < now() - :age and importance_score < :importance and (
        select access_count >= :accesses or memories.importance_score + importance_gain >= :importance
        from memori_memory_usage usage
        where usage.tenant_id = memories.tenant_id and usage.user_id = memories.user_id
            and usage.memory_no = memories.memory_no) is not true {owner}
order by created_at {lock}"""


def _unimportant(owner: str) -> Any:
    statement = text(_UNIMPORTANT.format(age=_AGE, owner=owner, lock=_LOCK))
    return statement.bindparams(bindparam("age", type_=Interval))


_UNIMPORTANT_OF_ALL = _unimportant("")
_UNIMPORTANT_OF_ONE = _unimportant("and tenant_id = :tenant_id and user_id = :user_id")

_NEEDED = text(f"""
select memories.tenant_id, memories.user_id, memories.memory_no, memories.importance_score
from unnest(:tenant_ids, :user_ids, :memory_nos) as counted (tenant_id, user_id, memory_no)
join memori_memories memories using (tenant_id, user_id, memory_no)
join memori_memory_usage usage using (tenant_id, user_id, memory_no)
where memory_type = 'short_term' and not is_archived and (expires_at is null or expires_at > now())
    and change_reason is distinct from :undone
    and (
        access_count >= :accesses and least(1, importance_score + importance_gain) >= :importance
        or cardinality(conversations) >= :conversations
    )
order by tenant_id, user_id, memory_no {_LOCK}""").bindparams(  # noqa: S608  # constants of this module
    bindparam("tenant_ids", type_=ARRAY(Text)),
    bindparam("user_ids", type_=ARRAY(Text)),
    bindparam("memory_nos", type_=ARRAY(BigInteger)),
)


async def expired(transaction: Transaction, *, limit: int) -> list[Row[Any]]:
    """Memories that are past their time and not archived yet."""
    return list((await transaction.execute(_EXPIRED, {"limit": limit})).all())


async def unimportant(
    transaction: Transaction, *, older_than: timedelta, limit: int, owner: Identity | None = None
) -> list[Row[Any]]:
    """Short-term memories that are old, matter little and were hardly found, of one user or of all: but those that
    `expired` takes, whichever sweep comes first.
    """
    parameters: dict[str, Any] = {
        "age": older_than,
        "importance": ARCHIVE_IMPORTANCE,
        "accesses": ARCHIVE_ACCESSES,
        "limit": limit,
    }
    if owner is None:
        return list((await transaction.execute(_UNIMPORTANT_OF_ALL, parameters)).all())
    parameters |= {"tenant_id": owner.tenant_id, "user_id": owner.user_id}
    return list((await transaction.execute(_UNIMPORTANT_OF_ONE, parameters)).all())


async def needed(transaction: Transaction, counted: Sequence[Key]) -> list[Row[Any]]:
    """Those of the short-term memories found just now that were found so often, or in so many conversations, that they
    should stay.
    """
    rows = await transaction.execute(
        _NEEDED,
        {
            "tenant_ids": [tenant_id for tenant_id, _, _ in counted],
            "user_ids": [user_id for _, user_id, _ in counted],
            "memory_nos": [memory_no for _, _, memory_no in counted],
            "accesses": PROMOTE_ACCESSES,
            "importance": PROMOTE_IMPORTANCE,
            "conversations": PROMOTE_CONVERSATIONS,
            "undone": PROMOTION_UNDONE,
            "limit": len(counted),
        },
    )
    return list(rows.all())
