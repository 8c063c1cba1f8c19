"""What memory-store answers: conversations and their messages, memories and their lives, search and recall."""

from typing import Annotated, Literal, Self, TypeAlias
from uuid import UUID

from pydantic import Field, model_validator

from contracts.base import Cursor, JsonObject, Message, Score, Tag, TenantId, Text, UserId, UtcTime, Vector
from contracts.embedding_worker import Embedding
from contracts.events import ArchivedReason, MemoryType
from contracts.methods import Empty, Method

SERVICE = "memory-store"

MAX_CONTENT_CHARS = 10_000
MAX_BATCH = 1_000
MAX_MESSAGES = 100
MAX_RELATED = 50
"""Entities that a memory can name."""
LEARNED_TAG = "learned_fact"
"""Of memories that entity-extractor made of what was said in a conversation."""
DERIVED_TAGS = frozenset({LEARNED_TAG, "sql_generation"})
"""Of memories that services made of what they knew already: as long as nobody changes them, nothing is learned from
them again."""
MAX_CHUNKS = 64
"""Vectors of one memory: 10,000 characters of any script in pieces that the smallest model takes."""

Content: TypeAlias = Annotated[Text, Field(min_length=1, max_length=MAX_CONTENT_CHARS)]
Query: TypeAlias = Annotated[Text, Field(min_length=1, max_length=1_000)]
Tags: TypeAlias = Annotated[tuple[Tag, ...], Field(max_length=50)]
Attribution: TypeAlias = Annotated[Text, Field(min_length=1, max_length=255)]
"""The agent or app (process), or the run of it (session), that a memory or a message comes from."""
MatchedBy: TypeAlias = Literal["vector", "text"]
ScoreTerm: TypeAlias = Literal["text", "vector", "neighbours", "conversation", "importance", "recency"]
Visibility: TypeAlias = Literal["private", "tenant"]
Role: TypeAlias = Literal["user", "assistant", "system", "tool"]
ChangeKind: TypeAlias = Literal[
    "created", "updated", "promoted", "archived", "consolidated", "superseded", "restored", "deleted"
]


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


class UpdateConversation(ConversationRef):
    """Change what is given; metadata is merged."""

    title: Annotated[Text, Field(max_length=500)] | None = None
    summary: Annotated[Text, Field(max_length=10_000)] | None = None
    metadata: JsonObject | None = None
    is_active: bool | None = None
    data_source_id: UUID | None = None


class ListConversations(Message):
    """A page of conversations, the most recently active first."""

    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Cursor | None = None


class Conversations(Message):
    """A page of conversations; `next_cursor` is absent on the last."""

    conversations: tuple[Conversation, ...]
    next_cursor: Cursor | None = None


class NewMessage(Message):
    """A turn of a conversation, under an id the caller minted."""

    message_id: UUID
    role: Role
    content: Annotated[Text, Field(min_length=1, max_length=100_000)]
    type: Annotated[Text, Field(min_length=1, max_length=50)] = "text"
    process_id: Attribution | None = None
    session_id: Attribution | None = None
    metadata: JsonObject = Field(default_factory=dict)
    occurred_at: UtcTime | None = None


class ConversationMessage(Message):
    """A turn as it is kept."""

    message_id: UUID
    conversation_id: UUID
    role: Role
    type: str
    content: str
    process_id: str | None
    session_id: str | None
    metadata: JsonObject
    occurred_at: UtcTime
    created_at: UtcTime


class AppendMessages(ConversationRef):
    """Add turns to the end of a conversation; an id that exists already is left as it is."""

    messages: Annotated[tuple[NewMessage, ...], Field(min_length=1, max_length=MAX_MESSAGES)]


class ListMessages(ConversationRef):
    """A page of a conversation's turns, in the order they were appended."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Cursor | None = None
    last: bool = Field(default=False, description="The last turns, as many as fit, instead of those after the cursor")


class Messages(Message):
    """Turns of a conversation in their order; `next_cursor` is absent on the last page."""

    messages: tuple[ConversationMessage, ...]
    next_cursor: Cursor | None = None


class FetchMessages(Message):
    """Turns by their ids, of any conversations of the user who asks."""

    message_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MAX_MESSAGES)]


class MessageContent(Message):
    """What a turn says, and where and when it was said."""

    message_id: UUID
    conversation_id: UUID
    data_source_id: UUID | None = Field(description="The source that the conversation is about")
    role: Role
    content: str
    occurred_at: UtcTime


class MessageContents(Message):
    """As many turns as fit one message; whatever is in neither list is to be asked again."""

    messages: tuple[MessageContent, ...]
    gone: tuple[UUID, ...] = ()


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
    occurred_at: UtcTime | None = Field(default=None, description="When it was said or happened; now when left out")
    process_id: Attribution | None = Field(default=None, description="The agent or app it comes from")
    session_id: Attribution | None = Field(default=None, description="The run of that agent or app")
    visibility: Visibility = Field(
        default="private", description="`tenant` lets members of the tenant read it where the deployment allows that"
    )
    sensitive: bool = Field(
        default=False, description="Encrypted at rest; found by id and by tag only, never by its content"
    )

    @model_validator(mode="after")
    def _sensitive_stays_private(self) -> Self:
        if self.sensitive and self.visibility != "private":
            raise ValueError("a sensitive memory must be private")
        return self


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
    occurred_at: UtcTime
    process_id: str | None
    session_id: str | None
    visibility: Visibility
    mine: bool = Field(description="False of one that another member of the tenant shares")
    sensitive: bool
    is_archived: bool
    archived_reason: ArchivedReason | None
    superseded_by: UUID | None = Field(description="The memory that took its place")
    content_version: int
    revision: int = Field(description="Grows by one with every change")
    embedded: bool = Field(description="Whether the current content can be found by meaning yet")
    created_at: UtcTime
    updated_at: UtcTime


class CreateMemories(Message):
    """Store memories in one transaction; an id that exists already is left as it is."""

    memories: Annotated[tuple[NewMemory, ...], Field(min_length=1, max_length=MAX_BATCH)]
    decided_at: UtcTime | None = Field(
        default=None, description="When a service decided to store them: nothing is stored of a user erased since"
    )


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
    visibility: Visibility | None = None


class AnnotateMemory(MemoryRef):
    """Change which entities a memory names. Its content stays as it is, and so does its history."""

    add: Annotated[tuple[Tag, ...], Field(max_length=MAX_RELATED)] = ()
    remove: Annotated[tuple[Tag, ...], Field(max_length=MAX_RELATED)] = ()


class ListMemories(Message):
    """A page of memories, the newest first; every filter that is given must hold."""

    memory_types: Annotated[tuple[MemoryType, ...], Field(max_length=5)] = ()
    tags: Tags = Field(default=(), description="Has at least one of them")
    conversation_id: UUID | None = None
    process_id: Attribution | None = None
    session_id: Attribution | None = None
    visibility: Visibility | None = Field(
        default=None, description="`tenant`: what members of my tenant share, mine included"
    )
    include_archived: bool = False
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Cursor | None = None


class MemoryPage(Message):
    """A page of memories; `next_cursor` is absent on the last."""

    memories: tuple[Memory, ...]
    next_cursor: Cursor | None = None


class ListHistory(MemoryRef):
    """A page of a memory's versions, the newest first; what is left of a deleted memory's too."""

    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Cursor | None = None


class MemoryVersion(Message):
    """A memory as a change left it."""

    revision: int
    change: ChangeKind
    changed_by: str = Field(description="`user`, or the part of the system that did it")
    reason: str | None
    changed_at: UtcTime
    content: str | None = Field(description="Null once the memory is deleted")
    content_version: int
    memory_type: MemoryType
    importance_score: float
    context_tags: tuple[str, ...]
    metadata: JsonObject
    expires_at: UtcTime | None
    visibility: Visibility
    is_archived: bool
    archived_reason: ArchivedReason | None
    superseded_by: UUID | None


class MemoryHistory(Message):
    """Versions of a memory, the newest first; `next_cursor` is absent on the last page."""

    memory_id: UUID
    versions: tuple[MemoryVersion, ...]
    next_cursor: Cursor | None = None


class MemoriesByType(Message):
    """How many live memories there are of each type."""

    short_term: int = 0
    long_term: int = 0
    rules: int = 0
    entities: int = 0
    relationships: int = 0


class Statistics(Message):
    """A user's memories in numbers; archived and expired ones count in `archived` only."""

    total_memories: int
    by_type: MemoriesByType
    archived: int
    average_importance: float = Field(description="Of the live ones, from 0 to 1; 0 when there are none")


class ArchiveMemories(Message):
    """Archive short-term memories older than this many days that matter little and are hardly used."""

    days_threshold: Annotated[int, Field(ge=1, le=365)] = 30


class Archived(Message):
    """What was archived."""

    status: Literal["completed"] = "completed"
    archived_count: int
    threshold_days: int


class Search(Message):
    """Find memories by meaning and by words."""

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
    embedding: Embedding | None = Field(default=None, description="The query's vector, when the caller has it already")


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
    asked_in: UUID | None = None
    embedding: Embedding | None = None


class RecalledMemory(Message):
    """A memory cut to what a prompt needs."""

    memory_id: UUID
    content: str
    memory_type: MemoryType
    similarity_score: float | None
    score: float
    written_at: UtcTime | None = Field(default=None, description="When its content was written or changed last")


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
    without_vector_of: Annotated[Text, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="A model: contents it has embedded already are not sent"
    )


class MemoryContent(OwnedMemory):
    """The current content of a memory."""

    content: str
    content_version: int
    memory_type: MemoryType
    is_archived: bool = False
    context_tags: tuple[str, ...] = ()
    occurred_at: UtcTime


class Contents(Message):
    """As many contents as fit one message; whatever is in none of the three is to be asked again.

    `gone` no longer exist, or are sensitive and so hold nothing for other services.
    """

    contents: tuple[MemoryContent, ...]
    gone: tuple[OwnedMemory, ...] = ()
    embedded: tuple[OwnedMemory, ...] = ()


class MemoryVector(OwnedMemory):
    """The vectors of one version of a memory's content: of its pieces in their order, mostly a single one."""

    content_version: int
    embeddings: Annotated[tuple[Vector, ...], Field(min_length=1, max_length=MAX_CHUNKS)]


class StoreVectors(Message):
    """Vectors of one model; those of an outdated content version are ignored."""

    model: Annotated[Text, Field(min_length=1, max_length=200)]
    dimensions: Annotated[int, Field(ge=1, le=16_000)]
    vectors: Annotated[tuple[MemoryVector, ...], Field(min_length=1, max_length=MAX_BATCH)]


class Stored(Message):
    """How many memories' vectors were stored now; the rest were there already, are outdated or gone."""

    stored: int


class FindUnembedded(Message):
    """Look for memories that a model has not embedded, a stretch of the whole store at a time."""

    model: Annotated[Text, Field(min_length=1, max_length=200)]
    after: Annotated[int, Field(ge=0)] = Field(default=0, description="Where the last stretch ended")
    older_than_seconds: Annotated[float, Field(ge=0)] = Field(
        default=0, description="Leaves out what changed only now and is on its way as an event"
    )


class Unembedded(Message):
    """Memories of a stretch without a vector of the model; `next` is where the next stretch begins, if there is one."""

    memories: tuple[OwnedMemory, ...]
    next: int | None = None


class ModelCoverage(Message):
    """How many memories have vectors of a model for their current content."""

    model: str
    dimensions: int
    memories: int


class Coverage(Message):
    """How far each model's vectors cover the memories that can have vectors (all but the sensitive ones)."""

    memories: int
    models: tuple[ModelCoverage, ...]


class PruneVectors(Message):
    """Delete vectors of a model nobody searches with any more, some at a time."""

    model: Annotated[Text, Field(min_length=1, max_length=200)]


class Pruned(Message):
    """How many vectors were deleted; 0 when none is left."""

    deleted: int


CREATE_CONVERSATION = Method(SERVICE, "create_conversation", CreateConversation, Conversation)
GET_CONVERSATION = Method(SERVICE, "get_conversation", ConversationRef, Conversation)
UPDATE_CONVERSATION = Method(SERVICE, "update_conversation", UpdateConversation, Conversation)
LIST_CONVERSATIONS = Method(SERVICE, "list_conversations", ListConversations, Conversations)
DELETE_CONVERSATION = Method(SERVICE, "delete_conversation", ConversationRef, Empty)
APPEND_MESSAGES = Method(SERVICE, "append_messages", AppendMessages, Messages)
LIST_MESSAGES = Method(SERVICE, "list_messages", ListMessages, Messages)
FETCH_MESSAGES = Method(SERVICE, "fetch_messages", FetchMessages, MessageContents)
CREATE = Method(SERVICE, "create", CreateMemories, Memories)
GET = Method(SERVICE, "get", GetMemory, MemoryDetail)
LIST = Method(SERVICE, "list", ListMemories, MemoryPage)
UPDATE = Method(SERVICE, "update", UpdateMemory, Memory)
ANNOTATE = Method(SERVICE, "annotate", AnnotateMemory, Empty)
DELETE = Method(SERVICE, "delete", MemoryRef, Empty)
PROMOTE = Method(SERVICE, "promote", MemoryRef, Memory)
RESTORE = Method(SERVICE, "restore", MemoryRef, Memory)
HISTORY = Method(SERVICE, "history", ListHistory, MemoryHistory)
STATISTICS = Method(SERVICE, "statistics", Empty, Statistics)
ARCHIVE = Method(SERVICE, "archive", ArchiveMemories, Archived)
SEARCH = Method(SERVICE, "search", Search, SearchReply)
RECALL = Method(SERVICE, "recall", Recall, RecallReply)
FETCH_CONTENTS = Method(SERVICE, "fetch_contents", FetchContents, Contents)
STORE_VECTORS = Method(SERVICE, "store_vectors", StoreVectors, Stored)
FIND_UNEMBEDDED = Method(SERVICE, "find_unembedded", FindUnembedded, Unembedded)
COVERAGE = Method(SERVICE, "coverage", Empty, Coverage)
PRUNE_VECTORS = Method(SERVICE, "prune_vectors", PruneVectors, Pruned)
