"""The events: thin facts about what happened, in the CloudEvents envelope.

An event says who, what, which version; never content. Whoever needs content asks its owner, and so always works on
the current version. Streams can therefore be kept, replayed and shown to any subscriber.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, Literal, TypeVar
from uuid import UUID, uuid4

from pydantic import Field

from contracts.base import Message, TenantId, UserId, UtcTime

MemoryType = Literal["short_term", "long_term", "rule", "entity", "relationship"]
ArchivedReason = Literal["expired", "unimportant", "consolidated", "superseded"]


class EventData(Message):
    """What one type of event says beyond the envelope."""

    type: ClassVar[str]
    source: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """The id of the thing it is about: the first field."""
        return str(getattr(self, next(iter(type(self).model_fields))))


class ConversationCreated(EventData):
    """A conversation was opened."""

    type: ClassVar[str] = "conversation.created"
    source: ClassVar[str] = "memory-store"
    conversation_id: UUID


class ConversationDeleted(EventData):
    """A conversation was deleted; its memories are deleted with it and say so themselves."""

    type: ClassVar[str] = "conversation.deleted"
    source: ClassVar[str] = "memory-store"
    conversation_id: UUID


class MessageAdded(EventData):
    """A turn was added to a conversation."""

    type: ClassVar[str] = "message.added"
    source: ClassVar[str] = "memory-store"
    message_id: UUID
    conversation_id: UUID
    role: str


class UserErased(EventData):
    """Everything of a user was erased; whoever keeps anything of them must erase it too."""

    type: ClassVar[str] = "user.erased"
    source: ClassVar[str] = "memory-store"
    erasure_id: UUID


class MemoryEventData(EventData):
    """What every event about a memory says."""

    source: ClassVar[str] = "memory-store"
    memory_id: UUID
    memory_type: MemoryType
    content_version: int = Field(description="Grows by one with each change of the content")


class MemoryCreated(MemoryEventData):
    """A memory was stored; it can be found by its words now and by meaning once embedded."""

    type: ClassVar[str] = "memory.created"
    content_hash: str | None = Field(
        description="Keyed hash of the content, equal for equal content of one deployment; null of a sensitive memory"
    )


class MemoryUpdated(MemoryEventData):
    """A memory changed; a new content_version means new content."""

    type: ClassVar[str] = "memory.updated"
    content_hash: str | None


class MemoryEmbedded(MemoryEventData):
    """A memory's vector was stored: it can be found by meaning."""

    type: ClassVar[str] = "memory.embedded"
    model: str


class MemoryPromoted(MemoryEventData):
    """A short-term memory became long-term: it no longer expires."""

    type: ClassVar[str] = "memory.promoted"


class MemoryArchived(MemoryEventData):
    """A memory left search: it expired, or mattered too little."""

    type: ClassVar[str] = "memory.archived"
    reason: ArchivedReason


class MemorySuperseded(MemoryEventData):
    """A memory left search because another one took its place."""

    type: ClassVar[str] = "memory.superseded"
    reason: ArchivedReason
    superseded_by: UUID


class MemoryRestored(MemoryEventData):
    """An archive, a supersession or a promotion was undone."""

    type: ClassVar[str] = "memory.restored"


class MemoryDeleted(MemoryEventData):
    """A memory was deleted."""

    type: ClassVar[str] = "memory.deleted"


class EntityCreated(EventData):
    """The knowledge graph learned a new entity."""

    type: ClassVar[str] = "entity.created"
    source: ClassVar[str] = "entity-extractor"
    entity_id: UUID
    entity_type: str


class EntityUpdated(EventData):
    """An entity of the knowledge graph changed: what it is, or whether it is in service."""

    type: ClassVar[str] = "entity.updated"
    source: ClassVar[str] = "entity-extractor"
    entity_id: UUID
    entity_type: str


class RelationshipCreated(EventData):
    """The knowledge graph learned a new relationship."""

    type: ClassVar[str] = "relationship.created"
    source: ClassVar[str] = "entity-extractor"
    relationship_id: UUID
    relationship_type: str


class FactLearned(EventData):
    """Something was learned of what a user said."""

    type: ClassVar[str] = "fact.learned"
    source: ClassVar[str] = "entity-extractor"
    fact_id: UUID
    kind: str


class RuleLearned(EventData):
    """A rule was read out of what a user said, and proposed to sql-generator under this id."""

    type: ClassVar[str] = "rule.learned"
    source: ClassVar[str] = "entity-extractor"
    rule_id: UUID


class DataSourceSynced(EventData):
    """A data source's schema was read; the fingerprint changes when the schema does."""

    type: ClassVar[str] = "data_source.synced"
    source: ClassVar[str] = "sql-generator"
    data_source_id: UUID
    fingerprint: str
    stale_patterns: int = Field(default=0, description="Past queries that name a table or column that has gone")


class DataSourceDeleted(EventData):
    """A data source was removed."""

    type: ClassVar[str] = "data_source.deleted"
    source: ClassVar[str] = "sql-generator"
    data_source_id: UUID


class QueryEventData(EventData):
    """What every event about a query says."""

    source: ClassVar[str] = "sql-generator"
    query_id: UUID
    data_source_id: UUID


class QueryGenerated(QueryEventData):
    """A question was answered with SQL that passed the guard."""

    type: ClassVar[str] = "query.generated"


class QueryExecuted(QueryEventData):
    """A query ran and returned rows."""

    type: ClassVar[str] = "query.executed"


class QueryFailed(QueryEventData):
    """No statement could be written, it was refused, or it failed when it ran."""

    type: ClassVar[str] = "query.failed"


class QueryRated(QueryEventData):
    """A person said how good an answer is, or corrected it: `superseded_by` is the query with the corrected SQL."""

    type: ClassVar[str] = "query.rated"
    score: int | None
    trust: str
    superseded_by: UUID | None


EVENTS: dict[str, type[EventData]] = {
    data.type: data
    for data in (
        ConversationCreated,
        ConversationDeleted,
        MessageAdded,
        MemoryCreated,
        MemoryUpdated,
        MemoryEmbedded,
        MemoryPromoted,
        MemoryArchived,
        MemorySuperseded,
        MemoryRestored,
        MemoryDeleted,
        UserErased,
        EntityCreated,
        EntityUpdated,
        RelationshipCreated,
        FactLearned,
        RuleLearned,
        DataSourceSynced,
        DataSourceDeleted,
        QueryGenerated,
        QueryExecuted,
        QueryFailed,
        QueryRated,
    )
}

DataT = TypeVar("DataT", bound=EventData)


class Event(Message, Generic[DataT]):
    """The envelope, with the attribute names of CloudEvents 1.0 (structured mode, JSON)."""

    specversion: Literal["1.0"] = "1.0"
    id: UUID = Field(default_factory=uuid4)
    source: str
    type: str
    subject: str
    time: UtcTime = Field(default_factory=lambda: datetime.now(UTC))
    datacontenttype: Literal["application/json"] = "application/json"
    dataversion: int = 1
    tenantid: TenantId
    userid: UserId
    data: DataT


def event(data: DataT, *, tenant_id: str, user_id: str) -> Event[DataT]:
    """The event that `data` happened for this user, now."""
    envelope: Any = Event[type(data)]  # type: ignore[misc]  # parametrised by what it carries, so that it validates
    made: Event[DataT] = envelope(
        source=f"memori/{data.source}",
        type=data.type,
        subject=data.subject,
        dataversion=data.version,
        tenantid=tenant_id,
        userid=user_id,
        data=data,
    )
    return made


class _Type(Message):
    type: str


def parse_event(body: bytes) -> Event[Any]:
    """The event in a message body, its data typed by its type.

    Raises:
        pydantic.ValidationError: the body is not an event.
        KeyError: the type is not known here.
    """
    data_type = EVENTS[_Type.model_validate_json(body).type]
    return Event[data_type].model_validate_json(body)  # type: ignore[valid-type]
