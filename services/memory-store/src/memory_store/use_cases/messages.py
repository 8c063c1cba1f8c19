"""Appending and reading the turns of conversations."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from contracts.events import MessageAdded
from contracts.identity import Identity
from contracts.memory_store import (
    AppendMessages,
    ConversationMessage,
    FetchMessages,
    ListMessages,
    MessageContent,
    MessageContents,
    Messages,
    NewMessage,
)
from memory_store.errors import conflict, invalid, not_found, switched_off
from memory_store.repository import conversations, messages
from memory_store.use_cases.replies import must_fit
from messaging import Outbox, paging
from persistence import Database, cursor
from persistence.cursor import CursorError


class MessageUseCases:
    """The verbs of messages."""

    def __init__(self, database: Database, outbox: Outbox, *, enabled: bool = True) -> None:
        self._database = database
        self._outbox = outbox
        self._enabled = enabled

    async def append(self, request: AppendMessages, owner: Identity) -> Messages:
        """The turns as they are kept, in the order they were sent; an id that exists already is left as it is."""
        if not self._enabled:
            raise switched_off()
        new: dict[UUID, NewMessage] = {}
        for message in request.messages:
            new.setdefault(message.message_id, message)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            # One at a time a conversation: turns are numbered in the order they are committed.
            if await conversations.lock(transaction, owner, request.conversation_id) is None:
                raise not_found("conversation_id", "conversation")
            added = await messages.add(
                transaction, owner, request.conversation_id, list(new.values()), datetime.now(UTC)
            )
            found = await messages.find(transaction, owner, list(new))
            elsewhere = [row for row in found.values() if row.conversation_id != request.conversation_id]
            if elsewhere:
                raise conflict(f"the message {elsewhere[0].message_id} is in another conversation")
            await self._outbox.emit(
                transaction,
                *(
                    MessageAdded(message_id=message_id, conversation_id=request.conversation_id, role=message.role)
                    for message_id, message in new.items()
                    if message_id in added
                ),
                identity=owner,
            )
            kept = (_message(found[message.message_id]) for message in request.messages)
            return must_fit(Messages(messages=tuple(paging.must_fit_a_page(message) for message in kept)))

    async def list(self, request: ListMessages, owner: Identity) -> Messages:
        """A page of a conversation, in the order the turns were appended."""
        try:
            (after,) = cursor.decode(request.cursor, int) if request.cursor is not None else (None,)
        except CursorError as error:
            raise invalid("cursor", str(error)) from error
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if await conversations.find(transaction, owner, request.conversation_id) is None:
                raise not_found("conversation_id", "conversation")
            if request.last:
                newest = await messages.last(transaction, owner, request.conversation_id, limit=request.limit)
                fitting, _ = paging.page([_message(row) for row in newest], request.limit)
                return Messages(messages=fitting[::-1])
            rows = await messages.page(
                transaction, owner, request.conversation_id, after=after, limit=request.limit + 1
            )
        numbers = {row.message_id: row.message_no for row in rows}
        page, last = paging.page([_message(row) for row in rows], request.limit)
        return Messages(messages=page, next_cursor=cursor.encode(numbers[last.message_id]) if last else None)

    async def fetch(self, request: FetchMessages, owner: Identity) -> MessageContents:
        """What turns say, as many as fit one message, and which of them are gone."""
        wanted = dict.fromkeys(request.message_ids)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await messages.contents(transaction, owner, list(wanted))
        gone = tuple(wanted.keys() - found.keys())
        contents = (MessageContent.model_validate(dict(row._mapping)) for row in found.values())  # noqa: SLF001  # public
        return MessageContents(messages=paging.fitting(contents, reserved=40 * len(gone)), gone=gone)


def _message(row: Row[Any]) -> ConversationMessage:
    return ConversationMessage.model_validate(dict(row._mapping))  # noqa: SLF001  # SQLAlchemy's public name for it
