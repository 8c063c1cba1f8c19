"""Changes of memories: what a row was before goes into the history, what follows from the change into the index."""

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
    ScalarSelect,
    Table,
    Text,
    Uuid,
    and_,
    any_,
    cast,
    func,
    insert,
    literal,
    literal_column,
    null,
    select,
    text,
    tuple_,
    update,
)

from contracts.identity import Identity
from contracts.memory_store import ChangeKind
from memory_store.repository.listing import LIVE_UNTIL
from memory_store.tables import history, memories, terms, usage, vectors
from persistence import Transaction

Key = tuple[str, str, int]
"""Tenant, user and number of a memory."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to memories, who does it, and why."""

    kind: ChangeKind
    by: str
    reason: str | None = None


_SNAPSHOT = (
    "tenant_id",
    "user_id",
    "memory_id",
    "memory_no",
    "revision",
    "change",
    "changed_by",
    "change_reason",
    "content",
    "sealed",
    "content_version",
    "memory_type",
    "importance_score",
    "context_tags",
    "metadata",
    "expires_at",
    "visibility",
    "is_archived",
    "archived_reason",
    "superseded_by",
)
_CHANGED = (
    memories.c.tenant_id,
    memories.c.user_id,
    memories.c.memory_id,
    memories.c.memory_no,
    memories.c.memory_type,
    memories.c.content_version,
    memories.c.content_hash,
)
_INDEXED = {"is_archived", "expires_at", "visibility"}


async def apply(
    transaction: Transaction, keys: Sequence[Key], values: Mapping[str, Any], change: Change, now: datetime
) -> list[Row[Any]]:
    """Set columns of memories whose rows are locked; returns keys, ids, types and versions of those that changed.

    A stated importance starts afresh, without what accesses had added. Vectors follow what decides who may find them.
    """
    if not keys:
        return []
    these = _these(memories, keys)
    columns: list[Any] = [*(memories.c[name] for name in _SNAPSHOT), memories.c.updated_at]
    snapshot = select(*columns).where(these)
    await transaction.execute(insert(history).from_select([*_SNAPSHOT, "changed_at"], snapshot))
    rows = await transaction.execute(
        update(memories)
        .where(these)
        .values(
            **values,
            revision=memories.c.revision + 1,
            change=change.kind,
            changed_by=change.by,
            change_reason=change.reason,
            updated_at=now,
        )
        .returning(*_CHANGED)
    )
    changed = list(rows.all())
    if change.kind == "updated" and "importance_score" in values:
        await transaction.execute(update(usage).where(_these(usage, keys)).values(importance_gain=0.0))
    if "content" in values:
        # A vector stands for the current content or there is none.
        await transaction.execute(vectors.delete().where(_these(vectors, keys)))
    if _INDEXED & values.keys():
        await _follow(transaction, keys, shared="visibility" in values)
    return changed


async def _follow(transaction: Transaction, keys: Sequence[Key], *, shared: bool) -> None:
    # Looked up, not joined: without fresh statistics the planner would go over all the user's memories once a vector.
    is_shared = memories.c.visibility == "tenant"
    values = {"live_until": _of_memory(vectors, literal_column(LIVE_UNTIL)), "shared": _of_memory(vectors, is_shared)}
    await transaction.execute(update(vectors).where(_these(vectors, keys)).values(values))
    if shared:
        values = {"shared": _of_memory(terms, is_shared)}
        await transaction.execute(update(terms).where(_these(terms, keys)).values(values))


def _of_memory(table: Table, value: ColumnElement[Any]) -> ScalarSelect[Any]:
    """A value of the memory that a row of another table belongs to."""
    return (
        select(value)
        .where(
            memories.c.tenant_id == table.c.tenant_id,
            memories.c.user_id == table.c.user_id,
            memories.c.memory_no == table.c.memory_no,
        )
        .correlate(table)
        .scalar_subquery()
    )


async def bury(
    transaction: Transaction, owner: Identity, memory_nos: Sequence[int], change: Change, now: datetime
) -> None:
    """Keep that memories were there and are deleted, and nothing of what they said; before they are deleted."""
    if not memory_nos:
        return
    these = _these(memories, [(owner.tenant_id, owner.user_id, number) for number in memory_nos])
    said = {"content": null(), "sealed": null(), "metadata": text("'{}'::jsonb"), "context_tags": text("'{}'::text[]")}
    kept: list[Any] = [*(said.get(name, memories.c[name]) for name in _SNAPSHOT), memories.c.updated_at]
    await transaction.execute(insert(history).from_select([*_SNAPSHOT, "changed_at"], select(*kept).where(these)))
    gone = {
        "revision": memories.c.revision + 1,
        "change": cast(literal(change.kind), Text),
        "changed_by": cast(literal(change.by), Text),
        "change_reason": cast(literal(change.reason), Text),
    }
    tombstone: list[Any] = [*((said | gone).get(name, memories.c[name]) for name in _SNAPSHOT), literal(now)]
    await transaction.execute(insert(history).from_select([*_SNAPSHOT, "changed_at"], select(*tombstone).where(these)))
    memory_ids = (await transaction.execute(select(memories.c.memory_id).where(these))).scalars()
    await transaction.execute(
        update(history)
        .where(
            history.c.tenant_id == owner.tenant_id,
            history.c.user_id == owner.user_id,
            history.c.memory_id == any_(literal(list(memory_ids), ARRAY(Uuid))),
            history.c.memory_no == any_(literal(list(memory_nos), ARRAY(BigInteger))),
        )
        .values(content=None, sealed=None, metadata={}, context_tags=[])
    )


async def versions(
    transaction: Transaction, owner: Identity, memory_id: UUID, *, before: tuple[int, int] | None, limit: int
) -> list[Row[Any]]:
    """Up to `limit` versions of a memory older than one (its number and revision), the newest first.

    The current one is the first. Under the id of a deleted memory there may be a new one, of a higher number.
    """
    past = select(*(history.c[name] for name in _SNAPSHOT), history.c.changed_at).where(
        history.c.tenant_id == owner.tenant_id, history.c.user_id == owner.user_id, history.c.memory_id == memory_id
    )
    current = select(*(memories.c[name] for name in _SNAPSHOT), memories.c.updated_at.label("changed_at")).where(
        memories.c.tenant_id == owner.tenant_id, memories.c.user_id == owner.user_id, memories.c.memory_id == memory_id
    )
    every = past.union_all(current).subquery()
    statement = select(every).order_by(every.c.memory_no.desc(), every.c.revision.desc()).limit(limit)
    if before is not None:
        statement = statement.where(tuple_(every.c.memory_no, every.c.revision) < tuple_(*before))
    return list((await transaction.execute(statement)).all())


async def importance_before(transaction: Transaction, owner: Identity, memory: Row[Any], revision: int) -> float | None:
    """The stated importance a memory had at an earlier revision."""
    statement = select(history.c.importance_score).where(
        history.c.tenant_id == owner.tenant_id,
        history.c.user_id == owner.user_id,
        history.c.memory_id == memory.memory_id,
        history.c.memory_no == memory.memory_no,
        history.c.revision == revision,
    )
    found: float | None = (await transaction.execute(statement)).scalar_one_or_none()
    return found


def _these(table: Any, keys: Sequence[Key]) -> ColumnElement[bool]:
    tenant_ids, user_ids, memory_nos = zip(*keys, strict=True)
    if len(set(zip(tenant_ids, user_ids, strict=True))) == 1:
        # So that the planner can pick the partition, and looks the numbers up in whatever state its statistics are.
        numbers = literal(list(memory_nos), ARRAY(BigInteger))
        own = and_(table.c.tenant_id == tenant_ids[0], table.c.user_id == user_ids[0])
        return and_(own, table.c.memory_no == any_(numbers))
    wanted = (
        func.unnest(
            literal(list(tenant_ids), ARRAY(Text)),
            literal(list(user_ids), ARRAY(Text)),
            literal(list(memory_nos), ARRAY(BigInteger)),
        )
        .table_valued("tenant_id", "user_id", "memory_no", name="wanted")
        .render_derived()
    )
    return tuple_(table.c.tenant_id, table.c.user_id, table.c.memory_no).in_(
        select(wanted.c.tenant_id, wanted.c.user_id, wanted.c.memory_no)
    )
