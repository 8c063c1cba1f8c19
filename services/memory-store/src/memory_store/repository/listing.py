"""Memories by the page, and in numbers."""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, DateTime, Row, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from contracts.identity import Identity
from contracts.memory_store import ListMemories
from memory_store.repository.memories import OWN_VIEW, SHARED_VIEW, view
from persistence import Transaction

LIVE = "not is_archived and (expires_at is null or expires_at > now())"
"""What a memory is that default searches and lists show."""

LIVE_UNTIL = "case when is_archived then '-infinity' else coalesce(expires_at, 'infinity') end"
"""Until when it is: its vectors keep this time, since a search by vectors alone does not look at the memory."""

_TYPES: dict[str, Any] = {
    "memory_types": ARRAY(Text),
    "tags": ARRAY(Text),
    "conversation_id": Uuid(),
    "created_at": DateTime(timezone=True),
}
_OWN = "memories.tenant_id = :tenant_id and memories.user_id = :user_id"
_ALL = "memories.tenant_id = :tenant_id"


async def page(
    transaction: Transaction,
    owner: Identity,
    wanted: ListMemories,
    *,
    before: tuple[datetime, int] | None,
    limit: int,
    sharing: bool,
) -> list[dict[str, Any]]:
    """The fields of up to `limit` memories before a position (time, number), the newest first.

    With `sharing`, those of visibility `tenant` are everybody's in the tenant, else the user's own.
    """
    everybody = sharing and wanted.visibility == "tenant"
    parameters: dict[str, Any] = {"tenant_id": owner.tenant_id, "limit": limit}
    conditions = [_ALL]
    if not everybody:
        conditions, parameters["user_id"] = [_OWN], owner.user_id
    if not wanted.include_archived:
        conditions.append(LIVE)
    for name, value, condition in (
        ("memory_types", list(wanted.memory_types), "memory_type = any(:memory_types)"),
        ("tags", list(wanted.tags), "context_tags && :tags"),
        ("conversation_id", wanted.conversation_id, "conversation_id = :conversation_id"),
        ("process_id", wanted.process_id, "process_id = :process_id"),
        ("session_id", wanted.session_id, "session_id = :session_id"),
        ("visibility", wanted.visibility, "visibility = :visibility"),
    ):
        if value:
            conditions.append(condition)
            parameters[name] = value
    if before is not None:
        conditions.append("(memories.created_at, memories.memory_no) < (:created_at, :memory_no)")
        parameters["created_at"], parameters["memory_no"] = before
    statement = text(
        (SHARED_VIEW if everybody else OWN_VIEW)
        + " and ".join(conditions)
        + " order by memories.created_at desc, memories.memory_no desc limit :limit"
    )
    statement = statement.bindparams(*(bindparam(name, type_=_TYPES[name]) for name in _TYPES if name in parameters))
    rows = await transaction.execute(statement.columns(metadata=JSONB), parameters)
    return [view(row) for row in rows]


# Nothing is joined: without fresh statistics the planner would go over all counters once a memory.
_STATISTICS = text(f"""
select memory_type, live, count(*) as memories, sum(least(1, importance)) as total
from (
    select max(memory_type) as memory_type, bool_or(live) as live, sum(importance) as importance
    from (
        select memory_no, memory_type, {LIVE} as live, importance_score as importance from memori_memories
        where tenant_id = :tenant_id and user_id = :user_id
        union all
        select memory_no, null, null, importance_gain from memori_memory_usage
        where tenant_id = :tenant_id and user_id = :user_id
    ) as parts
    group by memory_no
) as memories
where memory_type is not null group by memory_type, live""")  # noqa: S608  # constants of this module


async def statistics(transaction: Transaction, owner: Identity) -> list[Row[Any]]:
    """Rows of memory type, whether live, how many memories, and the sum of their importances."""
    rows = await transaction.execute(_STATISTICS, {"tenant_id": owner.tenant_id, "user_id": owner.user_id})
    return list(rows.all())
