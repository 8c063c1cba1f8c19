"""Conversations in Postgres."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, delete, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from contracts.identity import Identity
from contracts.memory_store import Conversation, CreateConversation
from memory_store.tables import conversations
from persistence import Transaction

_COLUMNS = [column for column in conversations.c if column.name not in {"tenant_id", "user_id"}]


async def add(transaction: Transaction, owner: Identity, new: CreateConversation, now: datetime) -> Conversation | None:
    """The conversation that was opened, or None when the id exists already."""
    statement = (
        insert(conversations)
        .values(
            tenant_id=owner.tenant_id,
            user_id=owner.user_id,
            conversation_id=new.conversation_id,
            title=new.title,
            data_source_id=new.data_source_id,
            metadata=new.metadata,
            last_activity_at=now,
            created_at=now,
            updated_at=now,
        )
        .on_conflict_do_nothing()
        .returning(*_COLUMNS)
    )
    row = (await transaction.execute(statement)).one_or_none()
    return _conversation(row) if row else None


async def find(transaction: Transaction, owner: Identity, conversation_id: UUID) -> Conversation | None:
    """The conversation, or None when this user has none of that id."""
    statement = select(*_COLUMNS).where(_is(owner, conversation_id))
    row = (await transaction.execute(statement)).one_or_none()
    return _conversation(row) if row else None


async def page(
    transaction: Transaction, owner: Identity, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[Conversation]:
    """Up to `limit` conversations after a position (time, id), the most recently active first."""
    statement = select(*_COLUMNS).where(_owned(owner))
    order = tuple_(conversations.c.last_activity_at, conversations.c.conversation_id)
    if after is not None:
        statement = statement.where(order < tuple_(*after))
    statement = statement.order_by(
        conversations.c.last_activity_at.desc(), conversations.c.conversation_id.desc()
    ).limit(limit)
    return [_conversation(row) for row in await transaction.execute(statement)]


async def unknown(transaction: Transaction, owner: Identity, conversation_ids: set[UUID]) -> set[UUID]:
    """Those of the ids that are no conversation of this user."""
    statement = select(conversations.c.conversation_id).where(
        _owned(owner), conversations.c.conversation_id.in_(conversation_ids)
    )
    return conversation_ids - set((await transaction.execute(statement)).scalars())


async def change(
    transaction: Transaction, owner: Identity, conversation_id: UUID, values: Mapping[str, Any], now: datetime
) -> Conversation:
    """Set columns of a conversation that is locked; returns it as it is then."""
    statement = (
        update(conversations).where(_is(owner, conversation_id)).values(**values, updated_at=now).returning(*_COLUMNS)
    )
    return _conversation((await transaction.execute(statement)).one())


async def lock(transaction: Transaction, owner: Identity, conversation_id: UUID) -> Conversation | None:
    """The conversation, to which nobody adds and which nobody changes until the transaction ends."""
    statement = select(*_COLUMNS).where(_is(owner, conversation_id)).with_for_update()
    row = (await transaction.execute(statement)).one_or_none()
    return _conversation(row) if row else None


async def lock_all(transaction: Transaction, owner: Identity) -> None:
    """Let nobody add to a conversation of this user, or change one, until the transaction ends."""
    await transaction.execute(
        select(conversations.c.conversation_id)
        .where(_owned(owner))
        .order_by(conversations.c.conversation_id)
        .with_for_update()
    )


async def remove(transaction: Transaction, owner: Identity, conversation_id: UUID) -> None:
    """Delete the conversation; its memories are the caller's to delete first, since each says so."""
    await transaction.execute(delete(conversations).where(_is(owner, conversation_id)))


async def forget_source(transaction: Transaction, owner: Identity, data_source_id: UUID) -> None:
    """Empty the data source of this user's conversations about it."""
    await transaction.execute(
        update(conversations)
        .where(_owned(owner), conversations.c.data_source_id == data_source_id)
        .values(data_source_id=None)
    )


def _owned(owner: Identity) -> ColumnElement[bool]:
    return and_(conversations.c.tenant_id == owner.tenant_id, conversations.c.user_id == owner.user_id)


def _is(owner: Identity, conversation_id: UUID) -> ColumnElement[bool]:
    return and_(_owned(owner), conversations.c.conversation_id == conversation_id)


def _conversation(row: Row[Any]) -> Conversation:
    return Conversation.model_validate(dict(row._mapping))  # noqa: SLF001  # SQLAlchemy's public name for it
