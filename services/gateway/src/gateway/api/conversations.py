"""Conversations: what memories and queries belong to."""

from typing import Annotated, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field
from starlette.responses import Response

from contracts import memory_store
from contracts.base import Cursor, JsonObject, Text
from contracts.memory_store import (
    Conversation,
    ConversationRef,
    Conversations,
    CreateConversation,
    ListConversations,
    ListMemories,
    Memory,
    UpdateConversation,
)
from gateway.bodies import STRICT, Changes, json_body, left_out
from gateway.problems import MAY_CONFLICT
from gateway.services import JSON, Authenticated

router = APIRouter(prefix="/api/conversations", tags=["conversations"])

_MOST_MEMORIES = 200
"""As many as a page may have; how many of them fit one message is for memory-store to say."""


class NewConversation(CreateConversation):
    """A conversation to open."""

    model_config = STRICT | ConfigDict(
        json_schema_extra={"examples": [{"title": "Revenue by region", "metadata": {"team": "finance"}}]}
    )

    conversation_id: UUID = Field(default_factory=uuid4, description="Send your own to make a retry harmless")


class ConversationChanges(Changes):
    """What to change; what is left out stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "Revenue by region and month", "metadata": {"pinned": True}}]}
    )

    title: Annotated[Text, Field(max_length=500)] = Field(default_factory=left_out)
    summary: Annotated[Text, Field(max_length=10_000)] = Field(default_factory=left_out)
    metadata: JsonObject = Field(default_factory=left_out, description="Merged into what is there")
    is_active: bool = Field(default_factory=left_out)
    data_source_id: UUID = Field(default_factory=left_out)


class ConversationWithMemories(Conversation):
    """A conversation, with its memories when they were asked for."""

    memories: tuple[Memory, ...] = Field(default=(), description="The newest first, as many as fit one page")
    memories_next_cursor: Cursor | None = Field(
        default=None, description="The `cursor` for GET /api/memories with this `conversation_id`, when there are more"
    )


@router.post("", status_code=201, response_model=Conversation, responses=MAY_CONFLICT)
async def create_conversation(
    services: Authenticated, body: Annotated[NewConversation, json_body(NewConversation)]
) -> Response:
    """Open a conversation."""
    location = f"{router.prefix}/{body.conversation_id}"
    return await services.relay(memory_store.CREATE_CONVERSATION, body, status=201, headers={"Location": location})


@router.get("", response_model=Conversations)
async def list_conversations(services: Authenticated, page: Annotated[ListConversations, Query()]) -> Response:
    """My conversations, the most recently active first."""
    return await services.relay(memory_store.LIST_CONVERSATIONS, page)


@router.get("/{conversation_id}", response_model=ConversationWithMemories)
async def get_conversation(
    services: Authenticated,
    conversation_id: UUID,
    include: Annotated[Literal["memories"] | None, Query(description="Answers with its live memories too")] = None,
) -> Response:
    """One conversation."""
    request = ConversationRef(conversation_id=conversation_id)
    if include is None:
        return await services.relay(memory_store.GET_CONVERSATION, request)
    conversation = await services.ask(memory_store.GET_CONVERSATION, request)
    page = await services.ask(memory_store.LIST, ListMemories(conversation_id=conversation_id, limit=_MOST_MEMORIES))
    found = ConversationWithMemories.model_construct(
        **dict(conversation), memories=page.memories, memories_next_cursor=page.next_cursor
    )
    return Response(found.model_dump_json(), media_type=JSON)


@router.patch("/{conversation_id}", response_model=Conversation)
async def update_conversation(
    services: Authenticated, conversation_id: UUID, body: Annotated[ConversationChanges, json_body(ConversationChanges)]
) -> Response:
    """Change what the body names; metadata is merged."""
    request = UpdateConversation(conversation_id=conversation_id, **body.given())
    return await services.relay(memory_store.UPDATE_CONVERSATION, request)


@router.delete("/{conversation_id}", status_code=204)
async def delete_conversation(services: Authenticated, conversation_id: UUID) -> Response:
    """Delete a conversation and its memories."""
    request = ConversationRef(conversation_id=conversation_id)
    return await services.relay(memory_store.DELETE_CONVERSATION, request, status=204)
