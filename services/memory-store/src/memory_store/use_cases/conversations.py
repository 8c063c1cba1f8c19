"""Opening, reading, listing, changing and deleting conversations."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from contracts.events import ConversationCreated, ConversationDeleted, DataSourceDeleted, Event, MemoryDeleted
from contracts.identity import Identity
from contracts.memory_store import (
    Conversation,
    ConversationRef,
    Conversations,
    CreateConversation,
    ListConversations,
    UpdateConversation,
)
from contracts.methods import Empty
from memory_store.domain.lifecycle import USER
from memory_store.errors import invalid, not_found
from memory_store.repository import changes, conversations, memories
from memory_store.repository.changes import Change
from memory_store.tables import memories as memories_table
from memory_store.use_cases.announcing import said_of
from messaging import Outbox, paging
from persistence import Database, cursor


class ConversationUseCases:
    """The verbs of conversations."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def create(self, request: CreateConversation, owner: Identity) -> Conversation:
        """The conversation that was opened, or the one that has this id already."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            opened = await conversations.add(transaction, owner, request, datetime.now(UTC))
            if opened is None:
                existing = await conversations.find(transaction, owner, request.conversation_id)
                if existing is None:
                    raise not_found("conversation_id", "conversation")
                return existing
            event = ConversationCreated(conversation_id=request.conversation_id)
            await self._outbox.emit(transaction, event, identity=owner)
            return paging.must_fit_a_page(opened)

    async def get(self, request: ConversationRef, owner: Identity) -> Conversation:
        """One conversation of this user."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await conversations.find(transaction, owner, request.conversation_id)
        if found is None:
            raise not_found("conversation_id", "conversation")
        return found

    async def list(self, request: ListConversations, owner: Identity) -> Conversations:
        """A page, the most recently active first."""
        try:
            after = cursor.decode(request.cursor, datetime, UUID) if request.cursor is not None else None
        except cursor.CursorError as error:
            raise invalid("cursor", str(error)) from error
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await conversations.page(transaction, owner, after=after, limit=request.limit + 1)
        page, last = paging.page(found, request.limit)
        return Conversations(
            conversations=page,
            next_cursor=cursor.encode(last.last_activity_at, last.conversation_id) if last else None,
        )

    async def update(self, request: UpdateConversation, owner: Identity) -> Conversation:
        """Change what is given; metadata is merged."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            stored = await conversations.lock(transaction, owner, request.conversation_id)
            if stored is None:
                raise not_found("conversation_id", "conversation")
            values: dict[str, Any] = request.model_dump(exclude={"conversation_id"}, exclude_none=True)
            if request.metadata is not None:
                values["metadata"] = {**stored.metadata, **request.metadata}
            if values:
                stored = await conversations.change(
                    transaction, owner, request.conversation_id, values, datetime.now(UTC)
                )
            return paging.must_fit_a_page(stored)

    async def delete(self, request: ConversationRef, owner: Identity) -> Empty:
        """Delete a conversation and its memories; each memory says so."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if await conversations.lock(transaction, owner, request.conversation_id) is None:
                raise not_found("conversation_id", "conversation")
            chosen = memories_table.c.conversation_id == request.conversation_id
            numbers = await memories.lock_to_remove(transaction, owner, chosen)
            deleted = Change("deleted", USER, "its conversation was deleted")
            await changes.bury(transaction, owner, numbers, deleted, datetime.now(UTC))
            removed = await memories.remove(transaction, owner, numbers)
            await conversations.remove(transaction, owner, request.conversation_id)
            await self._outbox.emit(
                transaction,
                *(MemoryDeleted(**said_of(memory)) for memory in removed),
                ConversationDeleted(conversation_id=request.conversation_id),
                identity=owner,
            )
        return Empty()

    async def forget_source(self, event: Event[DataSourceDeleted]) -> None:
        """A data source is gone: its conversations no longer name it."""
        owner = Identity(event.tenantid, event.userid)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            await conversations.forget_source(transaction, owner, event.data.data_source_id)
