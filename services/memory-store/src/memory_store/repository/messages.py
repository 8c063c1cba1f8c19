"""The turns of conversations in Postgres."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, select, update
from sqlalchemy.dialects.postgresql import insert

from contracts.identity import Identity
from contracts.memory_store import NewMessage
from memory_store.tables import conversations, messages
from persistence import Transaction

_COLUMNS = [column for column in messages.c if column.name not in {"tenant_id", "user_id"}]


async def add(
    transaction: Transaction, owner: Identity, conversation_id: UUID, new: Sequence[NewMessage], now: datetime
) -> set[UUID]:
    """Append turns in their order; returns the ids that are new. One that exists is left as it is."""
    rows = [
        message.model_dump(mode="python")
        | {
            "tenant_id": owner.tenant_id,
            "user_id": owner.user_id,
            "conversation_id": conversation_id,
            "occurred_at": message.occurred_at or now,
            "created_at": now,
        }
        for message in new
    ]
    statement = insert(messages).values(rows).on_conflict_do_nothing().returning(messages.c.message_id)
    added = set((await transaction.execute(statement)).scalars())
    await transaction.execute(
        update(conversations)
        .where(
            conversations.c.tenant_id == owner.tenant_id,
            conversations.c.user_id == owner.user_id,
            conversations.c.conversation_id == conversation_id,
        )
        .values(last_activity_at=now)
    )
    return added


async def find(transaction: Transaction, owner: Identity, message_ids: Sequence[UUID]) -> dict[UUID, Row[Any]]:
    """The user's messages among the ids."""
    statement = select(*_COLUMNS).where(
        messages.c.tenant_id == owner.tenant_id,
        messages.c.user_id == owner.user_id,
        messages.c.message_id.in_(message_ids),
    )
    return {row.message_id: row for row in await transaction.execute(statement)}


async def contents(transaction: Transaction, owner: Identity, message_ids: Sequence[UUID]) -> dict[UUID, Row[Any]]:
    """What the user's messages among the ids say, with the data source of their conversation, in their order."""
    statement = (
        select(
            messages.c.message_id,
            messages.c.conversation_id,
            conversations.c.data_source_id,
            messages.c.role,
            messages.c.content,
            messages.c.occurred_at,
        )
        .join_from(
            messages,
            conversations,
            and_(
                conversations.c.tenant_id == messages.c.tenant_id,
                conversations.c.user_id == messages.c.user_id,
                conversations.c.conversation_id == messages.c.conversation_id,
            ),
        )
        .where(
            messages.c.tenant_id == owner.tenant_id,
            messages.c.user_id == owner.user_id,
            messages.c.message_id.in_(message_ids),
        )
        .order_by(messages.c.message_no)
    )
    return {row.message_id: row for row in await transaction.execute(statement)}


async def page(
    transaction: Transaction, owner: Identity, conversation_id: UUID, *, after: int | None, limit: int
) -> list[Row[Any]]:
    """Up to `limit` turns of a conversation after a number, in the order they were appended."""
    statement = _of_conversation(owner, conversation_id)
    if after is not None:
        statement = statement.where(messages.c.message_no > after)
    return list((await transaction.execute(statement.order_by(messages.c.message_no).limit(limit))).all())


async def last(transaction: Transaction, owner: Identity, conversation_id: UUID, *, limit: int) -> list[Row[Any]]:
    """The last `limit` turns of a conversation, the newest first."""
    statement = _of_conversation(owner, conversation_id).order_by(messages.c.message_no.desc()).limit(limit)
    return list((await transaction.execute(statement)).all())


def _of_conversation(owner: Identity, conversation_id: UUID) -> Select[Any]:
    return select(*_COLUMNS).where(
        messages.c.tenant_id == owner.tenant_id,
        messages.c.user_id == owner.user_id,
        messages.c.conversation_id == conversation_id,
    )
