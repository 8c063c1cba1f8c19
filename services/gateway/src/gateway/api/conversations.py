"""Conversations: what memories and queries belong to."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field
from starlette.responses import Response

from contracts import memory_store
from contracts.memory_store import Conversation, ConversationRef, Conversations, CreateConversation, ListConversations
from gateway.bodies import STRICT, json_body
from gateway.services import Authenticated

router = APIRouter(prefix="/api/conversations", tags=["conversations"])


class NewConversation(CreateConversation):
    """A conversation to open."""

    model_config = STRICT | ConfigDict(
        json_schema_extra={"examples": [{"title": "Revenue by region", "metadata": {"team": "finance"}}]}
    )

    conversation_id: UUID = Field(default_factory=uuid4, description="Send your own to make a retry harmless")


@router.post("", status_code=201, response_model=Conversation)
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


@router.get("/{conversation_id}", response_model=Conversation)
async def get_conversation(services: Authenticated, conversation_id: UUID) -> Response:
    """One conversation."""
    return await services.relay(memory_store.GET_CONVERSATION, ConversationRef(conversation_id=conversation_id))


@router.delete("/{conversation_id}", status_code=204)
async def delete_conversation(services: Authenticated, conversation_id: UUID) -> Response:
    """Delete a conversation and its memories."""
    request = ConversationRef(conversation_id=conversation_id)
    return await services.relay(memory_store.DELETE_CONVERSATION, request, status=204)
