"""Memories: store, find, list, read, change, delete."""

import array
import sys
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter
from fastapi import Query as FromQuery
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from contracts import memory_store
from contracts.base import JsonObject, Message, Score, UtcTime
from contracts.events import MemoryType
from contracts.memory_store import (
    MAX_BATCH,
    Attribution,
    Content,
    CreateMemories,
    GetMemory,
    ListMemories,
    Memories,
    Memory,
    MemoryPage,
    MemoryRef,
    NewMemory,
    Query,
    ScoreTerm,
    Search,
    SearchReply,
    Tags,
    UpdateMemory,
    Visibility,
)
from gateway.api.batches import MEMORIES, own_fields
from gateway.attribution import Attributed
from gateway.bodies import STRICT, Changes, json_body, left_out
from gateway.problems import MAY_CONFLICT
from gateway.services import JSON, Authenticated

router = APIRouter(prefix="/api/memories", tags=["memories"])

BATCH_PATH = f"{router.prefix}/batch"

_NEW_MEMORY_EXAMPLE: dict[str, Any] = {
    "content": "Revenue is net of returns unless somebody asks for gross revenue",
    "memory_type": "long_term",
    "context_tags": ["revenue", "definition"],
    "metadata": {"source": "onboarding"},
    "occurred_at": "2026-01-02T09:30:00Z",
    "process_id": "sales-assistant",
    "session_id": "2026-01-02-ada",
    "visibility": "tenant",
}


class MemoryToStore(NewMemory):
    """A memory to store."""

    model_config = STRICT | ConfigDict(json_schema_extra={"examples": [_NEW_MEMORY_EXAMPLE]})

    memory_id: UUID = Field(
        default_factory=uuid4,
        description="Send your own to make a retry harmless: an id that exists already is left as it is",
    )


class MemoryBatch(BaseModel):
    """Memories to store together."""

    model_config = STRICT | ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "memories": [
                        _NEW_MEMORY_EXAMPLE,
                        {"content": "Prefers aliases for all tables"},
                        {"content": "The discount of Acme is 40 %", "context_tags": ["acme"], "sensitive": True},
                    ]
                }
            ]
        }
    )

    memories: Annotated[tuple[MemoryToStore, ...], Field(min_length=1, max_length=MAX_BATCH)]


class MemorySearch(BaseModel):
    """What to look for."""

    model_config = STRICT | ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "query": "how do we count revenue?",
                    "limit": 5,
                    "memory_types": ["long_term"],
                    "occurred_after": "2026-01-01T00:00:00Z",
                }
            ]
        }
    )

    query: Query
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    min_similarity: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None = Field(
        default=None, description="Cosine similarity from which meaning alone is a match; the model's own by default"
    )
    conversation_id: UUID | None = None
    memory_types: Annotated[tuple[MemoryType, ...], Field(max_length=5)] = ()
    tags: Tags = Field(default=(), description="Has at least one of them")
    process_id: Attribution | None = None
    occurred_after: UtcTime | None = None
    occurred_before: UtcTime | None = None
    include_archived: bool = False
    asked_in: UUID | None = Field(
        default=None, description="The conversation it is asked in: what three of them needed is promoted"
    )
    without: Annotated[tuple[ScoreTerm, ...], Field(max_length=6)] = Field(
        default=(), description="Terms to leave out of the score, to see what each contributes"
    )


class MemoryChanges(Changes):
    """What to change; what is left out stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"importance_score": 0.9, "metadata": {"reviewed": True}}]}
    )

    content: Content = Field(default_factory=left_out, description="Replaces the content; it is embedded again")
    importance_score: Score = Field(default_factory=left_out)
    context_tags: Tags = Field(default_factory=left_out, description="Replaces the tags")
    metadata: JsonObject = Field(default_factory=left_out, description="Merged into what is there")
    visibility: Visibility = Field(default_factory=left_out, description="A sensitive memory stays private")


class MemoryWithEmbedding(Memory):
    """A memory, with its vector when that was asked for and exists."""

    embedding: tuple[float, ...] | None = None
    embedding_model: str | None = None


@router.post("", status_code=201, response_model=Memory, responses=MAY_CONFLICT)
async def create_memory(
    services: Authenticated, attribution: Attributed, body: Annotated[MemoryToStore, json_body(MemoryToStore)]
) -> Response:
    """Store a memory. It can be found by its words at once, and by its meaning once it is embedded."""
    with own_fields(MEMORIES.name, first=0, alone=True):
        request = CreateMemories(memories=(attribution.filled(body),))
        stored = await services.ask(memory_store.CREATE, request)
    return _json(stored.memories[0], 201, {"Location": f"{router.prefix}/{body.memory_id}"})


@router.post("/batch", status_code=201, response_model=Memories, responses=MAY_CONFLICT)
async def create_memories(
    services: Authenticated, attribution: Attributed, body: Annotated[MemoryBatch, json_body(MemoryBatch)]
) -> Response:
    """Store up to 1,000 memories.

    Large batches are stored in parts. When a part fails, the answer is its problem, and the parts before it are
    stored: send the same batch again, with the same `memory_id`s, to store the rest and nothing twice.
    """

    async def ask(chunk: tuple[NewMemory, ...]) -> tuple[Memory, ...]:
        return (await services.ask(memory_store.CREATE, CreateMemories(memories=chunk))).memories

    stored = await MEMORIES.store([attribution.filled(memory) for memory in body.memories], ask)
    return _json(Memories.model_construct(memories=stored), 201)


@router.get("", response_model=MemoryPage)
async def list_memories(services: Authenticated, page: Annotated[ListMemories, FromQuery()]) -> Response:
    """My memories, the newest first. Repeat `memory_types` and `tags` to name several."""
    return await services.relay(memory_store.LIST, page)


@router.post("/search", response_model=SearchReply)
async def search_memories(services: Authenticated, body: Annotated[MemorySearch, json_body(MemorySearch)]) -> Response:
    """Find memories by meaning and by words. `degraded` says that only words were searched."""
    return await services.relay(memory_store.SEARCH, Search.model_construct(**dict(body)))


@router.get("/{memory_id}", response_model=MemoryWithEmbedding)
async def get_memory(services: Authenticated, memory_id: UUID, include_embedding: bool = False) -> Response:
    """One memory."""
    request = GetMemory(memory_id=memory_id, include_embedding=include_embedding)
    found = await services.ask(memory_store.GET, request)
    if not include_embedding:
        return _json(found.memory)
    return _json(
        MemoryWithEmbedding.model_construct(
            **dict(found.memory),
            embedding=None if found.embedding is None else _floats(found.embedding),
            embedding_model=found.embedding_model,
        )
    )


@router.patch("/{memory_id}", response_model=Memory, responses=MAY_CONFLICT)
async def update_memory(
    services: Authenticated, memory_id: UUID, body: Annotated[MemoryChanges, json_body(MemoryChanges)]
) -> Response:
    """Change what the body names; new content is embedded again, metadata is merged."""
    request = UpdateMemory(memory_id=memory_id, **body.given())
    return await services.relay(memory_store.UPDATE, request)


@router.delete("/{memory_id}", status_code=204)
async def delete_memory(services: Authenticated, memory_id: UUID) -> Response:
    """Delete a memory."""
    return await services.relay(memory_store.DELETE, MemoryRef(memory_id=memory_id), status=204)


def _json(model: Message, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(model.model_dump_json(), status, headers, JSON)


def _floats(little_endian: bytes) -> tuple[float, ...]:
    values = array.array("f", little_endian)
    if sys.byteorder == "big":
        values.byteswap()
    return tuple(values)
