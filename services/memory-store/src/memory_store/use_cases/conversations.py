"""Opening, reading, listing and deleting conversations."""

from datetime import UTC, datetime
from uuid import UUID

from contracts.events import ConversationCreated, ConversationDeleted, DataSourceDeleted, Event, MemoryDeleted
from contracts.identity import Identity
from contracts.memory_store import (
    Conversation,
    ConversationRef,
    Conversations,
    CreateConversation,
    ListConversations,
)
from contracts.methods import Empty
from memory_store.errors import invalid, not_found
from memory_store.repository import conversations, memories
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

    async def delete(self, request: ConversationRef, owner: Identity) -> Empty:
        """Delete a conversation and its memories; each memory says so."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if not await conversations.lock(transaction, owner, request.conversation_id):
                raise not_found("conversation_id", "conversation")
            removed = await memories.remove_of_conversation(transaction, owner, request.conversation_id)
            await conversations.remove(transaction, owner, request.conversation_id)
            await self._outbox.emit(
                transaction,
                *(
                    MemoryDeleted(
                        memory_id=memory.memory_id,
                        memory_type=memory.memory_type,
                        content_version=memory.content_version,
                    )
                    for memory in removed
                ),
                ConversationDeleted(conversation_id=request.conversation_id),
                identity=owner,
            )
        return Empty()

    async def forget_source(self, event: Event[DataSourceDeleted]) -> None:
        """A data source is gone: its conversations no longer name it."""
        owner = Identity(event.tenantid, event.userid)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            await conversations.forget_source(transaction, owner, event.data.data_source_id)
