"""The turns of a conversation: append them as they are said, read them in their order."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from contracts import memory_store
from contracts.base import Cursor, Message
from contracts.memory_store import (
    MAX_MESSAGES,
    AppendMessages,
    ConversationMessage,
    ListMessages,
    Messages,
    NewMessage,
)
from gateway.api.batches import MESSAGES
from gateway.attribution import Attributed
from gateway.bodies import STRICT, json_body
from gateway.problems import MAY_CONFLICT
from gateway.services import JSON, Authenticated

router = APIRouter(prefix="/api/conversations/{conversation_id}/messages", tags=["conversations"])


class MessageToAppend(NewMessage):
    """A turn to append."""

    model_config = STRICT

    message_id: UUID = Field(
        default_factory=uuid4,
        description="Send your own to make a retry harmless: an id that exists already is left as it is",
    )


class MessagesToAppend(BaseModel):
    """Turns to append, in the order they were said."""

    model_config = STRICT | ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "messages": [
                        {
                            "role": "user",
                            "content": "What was our revenue last month?",
                            "process_id": "sales-assistant",
                        },
                        {"role": "assistant", "content": "Net of returns it was 1.2 million.", "metadata": {"rows": 1}},
                    ]
                }
            ]
        }
    )

    messages: Annotated[tuple[MessageToAppend, ...], Field(min_length=1, max_length=MAX_MESSAGES)]


class AppendedMessages(Message):
    """The turns as they are kept, in the order they were sent."""

    messages: tuple[ConversationMessage, ...]


@router.post("", status_code=201, response_model=AppendedMessages, responses=MAY_CONFLICT)
async def append_messages(
    services: Authenticated,
    conversation_id: UUID,
    attribution: Attributed,
    body: Annotated[MessagesToAppend, json_body(MessagesToAppend)],
) -> Response:
    """Append up to 100 turns to the end of a conversation; facts, preferences and rules are learned from them.

    Many long turns are stored in parts. When a part fails, the answer is its problem, and the parts before it are
    stored: send the same turns again, with the same `message_id`s, to store the rest and nothing twice.
    """

    async def ask(chunk: tuple[NewMessage, ...]) -> tuple[ConversationMessage, ...]:
        request = AppendMessages(conversation_id=conversation_id, messages=chunk)
        return (await services.ask(memory_store.APPEND_MESSAGES, request)).messages

    stored = await MESSAGES.store([attribution.filled(message) for message in body.messages], ask)
    return Response(AppendedMessages.model_construct(messages=stored).model_dump_json(), 201, media_type=JSON)


@router.get("", response_model=Messages)
async def list_messages(
    services: Authenticated,
    conversation_id: UUID,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[Cursor | None, Query()] = None,
) -> Response:
    """The turns of a conversation, in the order they were appended."""
    request = ListMessages(conversation_id=conversation_id, limit=limit, cursor=cursor)
    return await services.relay(memory_store.LIST_MESSAGES, request)
