"""What memory-store answers: conversations, memories, search and recall."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import Field

from contracts.base import Cursor, JsonObject, Message, Score, Tag, TenantId, Text, UserId, UtcTime, Vector
from contracts.events import MemoryType
from contracts.methods import Empty, Method

SERVICE = "memory-store"

MAX_CONTENT_CHARS = 10_000
MAX_BATCH = 1_000

Content: TypeAlias = Annotated[Text, Field(min_length=1, max_length=MAX_CONTENT_CHARS)]
Query: TypeAlias = Annotated[Text, Field(min_length=1, max_length=1_000)]
Tags: TypeAlias = Annotated[tuple[Tag, ...], Field(max_length=50)]
MatchedBy: TypeAlias = Literal["vector", "text"]


class Conversation(Message):
    """A conversation of a user."""

    conversation_id: UUID
    title: Annotated[Text, Field(max_length=500)]
    data_source_id: UUID | None = None
    summary: Text | None = None
    metadata: JsonObject = Field(default_factory=dict)
    is_active: bool = True
    last_activity_at: UtcTime
    created_at: UtcTime
    updated_at: UtcTime


class CreateConversation(Message):
    """Open a conversation under an id the caller minted; the same id again changes nothing."""

    conversation_id: UUID
    title: Annotated[Text, Field(max_length=500)] = ""
    data_source_id: UUID | None = None
    metadata: JsonObject = Field(default_factory=dict)


class ConversationRef(Message):
    """Names a conversation."""

    conversation_id: UUID


class ListConversations(Message):
    """A page of conversations, the most recently active first."""

    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Cursor | None = None


class Conversations(Message):
    """A page of conversations; `next_cursor` is absent on the last."""

    conversations: tuple[Conversation, ...]
    next_cursor: Cursor | None = None


class NewMemory(Message):
    """A memory to store, under an id the caller minted."""

    memory_id: UUID
    content: Content
    memory_type: MemoryType = "long_term"
    conversation_id: UUID | None = None
    importance_score: Score | None = None
    context_tags: Tags = ()
    related_entities: Tags = ()
    metadata: JsonObject = Field(default_factory=dict)
    expires_at: UtcTime | None = None


class Memory(Message):
    """A memory as its owner sees it."""

    memory_id: UUID
    content: str
    memory_type: MemoryType
    conversation_id: UUID | None
    importance_score: float
    access_count: int
    last_accessed_at: UtcTime | None
    context_tags: tuple[str, ...]
    related_entities: tuple[str, ...]
    metadata: JsonObject
    expires_at: UtcTime | None
    is_archived: bool
    content_version: int
    embedded: bool = Field(description="Whether the current content can be found by meaning yet")
    created_at: UtcTime
    updated_at: UtcTime


class CreateMemories(Message):
    """Store memories in one transaction; an id that exists already is left as it is."""

    memories: Annotated[tuple[NewMemory, ...], Field(min_length=1, max_length=MAX_BATCH)]


class Memories(Message):
    """Memories, in the order they were asked for."""

    memories: tuple[Memory, ...]


class MemoryRef(Message):
    """Names a memory."""

    memory_id: UUID


class GetMemory(MemoryRef):
    """Read one memory."""

    include_embedding: bool = False


class MemoryDetail(Message):
    """One memory, with its vector when it was asked for and exists."""

    memory: Memory
    embedding: Vector | None = None
    embedding_model: str | None = None


class UpdateMemory(MemoryRef):
    """Change what is given; new content is embedded again, metadata is merged."""

    content: Content | None = None
    importance_score: Score | None = None
    context_tags: Tags | None = None
    metadata: JsonObject | None = None


class Search(Message):
    """Find memories by meaning and by words."""

    query: Query
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    min_similarity: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None = None
    conversation_id: UUID | None = None
    memory_types: Annotated[tuple[MemoryType, ...], Field(max_length=5)] = ()
    tags: Tags = ()
    include_archived: bool = False
    embedding: Vector | None = Field(default=None, description="The query's vector, when the caller has it already")
    embedding_model: str | None = None


class Hit(Memory):
    """A memory that was found, and why."""

    similarity_score: float | None = Field(
        description="Cosine similarity (1 - distance); null when found by words only"
    )
    score: float = Field(description="The blended rank score, comparable within one answer")
    matched_by: tuple[MatchedBy, ...]


class SearchReply(Message):
    """The hits, best first."""

    results: tuple[Hit, ...]
    total: int
    query: str
    degraded: bool = Field(description="True when only full text was searched, because embeddings are unavailable")


class Recall(Message):
    """What of a user's memory matters for a question."""

    question: Query
    limit: Annotated[int, Field(ge=1, le=10)] = 10
    embedding: Vector | None = None
    embedding_model: str | None = None


class RecalledMemory(Message):
    """A memory cut to what a prompt needs."""

    memory_id: UUID
    content: str
    memory_type: MemoryType
    similarity_score: float | None
    score: float


class RecallReply(Message):
    """The memories that matter, best first."""

    memories: tuple[RecalledMemory, ...]
    degraded: bool


class OwnedMemory(Message):
    """Names a memory across users; only services may ask this way."""

    tenant_id: TenantId
    user_id: UserId
    memory_id: UUID

    @property
    def key(self) -> tuple[str, str, UUID]:
        """What tells it from every other memory: ids come from clients, so two users may have the same."""
        return self.tenant_id, self.user_id, self.memory_id


class FetchContents(Message):
    """The current contents of memories of any users, for services that consume events."""

    memories: Annotated[tuple[OwnedMemory, ...], Field(min_length=1, max_length=MAX_BATCH)]


class MemoryContent(OwnedMemory):
    """The current content of a memory."""

    content: str
    content_version: int
    memory_type: MemoryType


class Contents(Message):
    """As many contents as fit one message; `gone` no longer exist; whatever is in neither is to be asked again."""

    contents: tuple[MemoryContent, ...]
    gone: tuple[OwnedMemory, ...] = ()


class MemoryVector(OwnedMemory):
    """The vector of one version of a memory's content."""

    content_version: int
    embedding: Vector


class StoreVectors(Message):
    """Vectors of one model; those of an outdated content version are ignored."""

    model: Annotated[Text, Field(min_length=1, max_length=200)]
    dimensions: Annotated[int, Field(ge=1, le=16_000)]
    vectors: Annotated[tuple[MemoryVector, ...], Field(min_length=1, max_length=MAX_BATCH)]


class Stored(Message):
    """How many were stored now; the rest were there already, are outdated or gone."""

    stored: int


CREATE_CONVERSATION = Method(SERVICE, "create_conversation", CreateConversation, Conversation)
GET_CONVERSATION = Method(SERVICE, "get_conversation", ConversationRef, Conversation)
LIST_CONVERSATIONS = Method(SERVICE, "list_conversations", ListConversations, Conversations)
DELETE_CONVERSATION = Method(SERVICE, "delete_conversation", ConversationRef, Empty)
CREATE = Method(SERVICE, "create", CreateMemories, Memories)
GET = Method(SERVICE, "get", GetMemory, MemoryDetail)
UPDATE = Method(SERVICE, "update", UpdateMemory, Memory)
DELETE = Method(SERVICE, "delete", MemoryRef, Empty)
SEARCH = Method(SERVICE, "search", Search, SearchReply)
RECALL = Method(SERVICE, "recall", Recall, RecallReply)
FETCH_CONTENTS = Method(SERVICE, "fetch_contents", FetchContents, Contents)
STORE_VECTORS = Method(SERVICE, "store_vectors", StoreVectors, Stored)
