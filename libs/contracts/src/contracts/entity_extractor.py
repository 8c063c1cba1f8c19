"""What entity-extractor answers: the knowledge graph and the context of a question."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import Field

from contracts.base import Cursor, JsonObject, Message, Name, Text, UtcTime
from contracts.methods import Empty, Method

SERVICE = "entity-extractor"

EntityType: TypeAlias = Literal["table", "column", "database", "user", "concept"]
RelationshipType: TypeAlias = Literal["has_column", "joins_with", "filters_by", "aggregates", "groups_by", "related_to"]


FactKind: TypeAlias = Literal["attribute", "preference", "skill", "rule", "definition", "note"]
FactSource: TypeAlias = Literal["message", "memory"]


class Entity(Message):
    """A node of the knowledge graph. A column is named `table.column`."""

    entity_id: UUID
    entity_name: str
    entity_type: EntityType
    data_source_id: UUID | None
    properties: JsonObject
    description: str
    mention_count: int
    importance_score: float
    created_at: UtcTime
    updated_at: UtcTime


class Relationship(Message):
    """An edge of the knowledge graph."""

    relationship_id: UUID
    source_entity_id: UUID
    target_entity_id: UUID
    source_name: str
    target_name: str
    relationship_type: RelationshipType
    strength: float
    context: str
    metadata: JsonObject
    usage_count: int
    created_at: UtcTime
    updated_at: UtcTime


class ListEntities(Message):
    """A page of entities, the most mentioned first."""

    data_source_id: UUID | None = None
    entity_type: EntityType | None = None
    name: Annotated[Text, Field(max_length=500)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Cursor | None = None


class Entities(Message):
    """A page of entities."""

    entities: tuple[Entity, ...]
    next_cursor: Cursor | None = None


class EntityRef(Message):
    """Names an entity."""

    entity_id: UUID


class EntityDetail(Message):
    """An entity and its strongest relationships."""

    entity: Entity
    relationships: tuple[Relationship, ...]


class MergeEntities(EntityRef):
    """Have an entity stand for another one from now on: its mentions and relationships become the other's."""

    into: UUID


class GetGraph(Message):
    """A part of the graph: the entities that the filters choose, the most mentioned first, and those around them."""

    data_source_id: UUID | None = None
    entity_type: EntityType | None = None
    name: Annotated[Text, Field(max_length=500)] | None = Field(default=None, description="Part of the name")
    depth: Annotated[int, Field(ge=0, le=4)] = Field(default=1, description="How many relationships away")
    limit: Annotated[int, Field(ge=1, le=300)] = Field(default=100, description="Of entities")


class Graph(Message):
    """Entities and the relationships between them; `truncated` when there are more within reach."""

    entities: tuple[Entity, ...]
    relationships: tuple[Relationship, ...]
    truncated: bool


class ListRelationships(Message):
    """A page of relationships, the strongest first."""

    data_source_id: UUID | None = None
    relationship_type: RelationshipType | None = None
    entity_id: UUID | None = Field(default=None, description="One of its ends")
    name: Annotated[Text, Field(max_length=500)] | None = Field(default=None, description="Part of the name of an end")
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Cursor | None = None


class Relationships(Message):
    """A page of relationships."""

    relationships: tuple[Relationship, ...]
    next_cursor: Cursor | None = None


class Fact(Message):
    """What was learned from something a user said, as subject, predicate and object; the newest that says it names the
    source.
    """

    fact_id: UUID
    kind: FactKind
    subject: str = Field(description="`user`, `team`, or the term that is defined")
    predicate: str
    object: str
    confidence: float
    mention_count: int = Field(description="How many turns and memories say it")
    source_type: FactSource
    source_id: UUID
    said_at: UtcTime
    superseded_by: UUID | None = Field(description="The newer fact that contradicts it")
    created_at: UtcTime
    updated_at: UtcTime


class ListFacts(Message):
    """A page of facts, the latest said first."""

    kind: FactKind | None = None
    subject: Name | None = None
    include_superseded: bool = False
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Cursor | None = None


class Facts(Message):
    """A page of facts."""

    facts: tuple[Fact, ...]
    next_cursor: Cursor | None = None


class ContextOf(Message):
    """What the graph knows that bears on a question."""

    question: Annotated[Text, Field(min_length=1, max_length=1_000)]
    data_source_id: UUID


class KnownJoin(Message):
    """Two tables that belong together, with the condition that joins them."""

    left_table: str
    right_table: str
    condition: str
    strength: float


class KnownUse(Message):
    """A column that was filtered, aggregated or grouped by in queries that ran."""

    column: str
    use: Literal["filters_by", "aggregates", "groups_by"]
    usage_count: int


class KnownSynonym(Message):
    """A word of the question that means a table or column of another name."""

    word: str
    entity: str
    share: float = Field(description="Of the earlier questions with the word, how many used it")


class KnownMeaning(Message):
    """What the user said that a term of the question means."""

    term: str
    predicate: str
    meaning: str


class QuestionContext(Message):
    """The tables and columns a question means, how they join, how their columns are usually used, and what its words
    mean. Where tables join in several ways, the joins are all of them.
    """

    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    joins: tuple[KnownJoin, ...] = ()
    uses: tuple[KnownUse, ...] = ()
    synonyms: tuple[KnownSynonym, ...] = ()
    meanings: tuple[KnownMeaning, ...] = ()


class ExecutedQuery(Message):
    """A query that ran, and how far it is trusted."""

    query_id: UUID
    data_source_id: UUID
    executed_at: UtcTime
    trust: Text


class Relearn(Message):
    """What the owners of a user's data have, to be looked at if it was not yet."""

    data_source_ids: Annotated[tuple[UUID, ...], Field(max_length=10)] = ()
    queries: Annotated[tuple[ExecutedQuery, ...], Field(max_length=20)] = ()
    message_ids: Annotated[tuple[UUID, ...], Field(max_length=100)] = ()
    memory_ids: Annotated[tuple[UUID, ...], Field(max_length=100)] = ()


RESET = Method(SERVICE, "reset", Empty, Empty)
"""Forget all that was learned of a user, but what they merged, deleted and had forgotten."""
RELEARN = Method(SERVICE, "relearn", Relearn, Empty)
LIST_ENTITIES = Method(SERVICE, "list_entities", ListEntities, Entities)
GET_ENTITY = Method(SERVICE, "get_entity", EntityRef, EntityDetail)
MERGE_ENTITIES = Method(SERVICE, "merge_entities", MergeEntities, Entity)
DELETE_ENTITY = Method(SERVICE, "delete_entity", EntityRef, Empty)
GRAPH = Method(SERVICE, "graph", GetGraph, Graph)
LIST_RELATIONSHIPS = Method(SERVICE, "list_relationships", ListRelationships, Relationships)
LIST_FACTS = Method(SERVICE, "list_facts", ListFacts, Facts)
CONTEXT = Method(SERVICE, "context", ContextOf, QuestionContext)
