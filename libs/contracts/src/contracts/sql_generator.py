"""What sql-generator answers: data sources, rules and queries."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, JsonValue, SecretStr, field_serializer

from contracts.base import Cursor, JsonObject, Message, Name, Text, UtcTime
from contracts.methods import Empty, Method

SERVICE = "sql-generator"

SourceKind: TypeAlias = Literal["postgres", "sqlite"]
SourceStatus: TypeAlias = Literal["registered", "ready", "unreachable"]
RuleType: TypeAlias = Literal["preference", "constraint", "transformation", "validation"]
RuleStatus: TypeAlias = Literal["proposed", "active", "retired"]
RuleOrigin: TypeAlias = Literal["user", "memory", "learned"]
Intent: TypeAlias = Literal["select", "aggregate", "join", "filter", "group_by"]
QueryStatus: TypeAlias = Literal["generated", "executed", "refused", "abstained", "failed"]
Trust: TypeAlias = Literal["candidate", "verified", "deprecated", "stale"]

Question: TypeAlias = Annotated[Text, Field(min_length=1, max_length=1_000)]


class Column(Message):
    """A column of a table."""

    name: str
    type: str
    nullable: bool = True
    primary_key: bool = False
    comment: str = ""
    samples: tuple[str, ...] = Field(default=(), description="A few values, of columns that hold few distinct ones")


class ForeignKey(Message):
    """A reference from columns of this table to columns of another."""

    columns: tuple[str, ...]
    target_table: str
    target_columns: tuple[str, ...]


class Table(Message):
    """A table or view; outside the default schema its name is `schema.table`."""

    name: str
    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    comment: str = ""
    row_estimate: int | None = None


class DatabaseSchema(Message):
    """The tables of a data source as they were at the last sync."""

    dialect: SourceKind
    tables: tuple[Table, ...]


class DataSource(Message):
    """A registered database. The connection never leaves the service."""

    data_source_id: UUID
    name: str
    kind: SourceKind
    status: SourceStatus
    status_detail: str = ""
    fingerprint: str | None
    table_count: int
    synced_at: UtcTime | None
    created_at: UtcTime
    updated_at: UtcTime


class RegisterDataSource(Message):
    """Register a database; the connection is encrypted before it is stored."""

    data_source_id: UUID
    name: Annotated[Name, Field(max_length=255)]
    kind: SourceKind
    connection: Annotated[SecretStr, Field(min_length=1, max_length=2_000)] = Field(
        description="A URL (postgresql://user:password@host/database) or, for SQLite, the path of a file"
    )

    @field_serializer("connection", when_used="json")
    def _reveal(self, value: SecretStr) -> str:
        # On the wire between gateway and service only; logs and errors show the masked form.
        return value.get_secret_value()


class DataSourceRef(Message):
    """Names a data source."""

    data_source_id: UUID


class ListDataSources(Message):
    """A page of data sources, by name."""

    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Cursor | None = None


class DataSources(Message):
    """A page of data sources."""

    data_sources: tuple[DataSource, ...]
    next_cursor: Cursor | None = None


class GetSchema(DataSourceRef):
    """One page of a schema: tables in order from `offset`, as many as fit one message."""

    offset: Annotated[int, Field(ge=0)] = 0


class SchemaPage(Message):
    """Tables of a data source; `next_offset` is absent on the last page."""

    data_source_id: UUID
    dialect: SourceKind
    fingerprint: str
    tables: tuple[Table, ...]
    next_offset: int | None = None


class NewRule(Message):
    """A rule that shapes the SQL written for this user."""

    rule_id: UUID
    rule_name: Annotated[Text, Field(min_length=1, max_length=255)]
    rule_type: RuleType
    rule_content: Annotated[Text, Field(min_length=1, max_length=10_000)]
    data_source_id: UUID | None = None
    conditions: JsonObject = Field(default_factory=dict)
    priority: Annotated[int, Field(ge=0, le=1_000)] = 100


class Rule(NewRule):
    """A rule as it is kept."""

    status: RuleStatus
    origin: RuleOrigin
    application_count: int
    last_applied_at: UtcTime | None
    created_at: UtcTime
    updated_at: UtcTime


class ListRules(Message):
    """A page of rules, the highest priority first."""

    data_source_id: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Cursor | None = None


class Rules(Message):
    """A page of rules."""

    rules: tuple[Rule, ...]
    next_cursor: Cursor | None = None


class Generate(Message):
    """Answer a question with SQL, under an id the caller minted."""

    query_id: UUID
    question: Question
    data_source_id: UUID | None = Field(default=None, description="May be absent while the user has just one source")
    conversation_id: UUID | None = None
    execute: bool = False


class UsedMemory(Message):
    """A memory that was shown to the model."""

    memory_id: UUID
    content: str
    similarity_score: float | None


class UsedRule(Message):
    """A rule that applied, and what it did."""

    rule_id: UUID
    rule_name: str
    rule_type: RuleType
    effect: str


class UsedPattern(Message):
    """A past query that was shown to the model or reused."""

    pattern_id: UUID
    question: str
    sql: str
    trust: Trust


class ResultColumn(Message):
    """A column of a result."""

    name: str
    type: str


class QueryResult(Message):
    """The rows, and every cap that was reached."""

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[JsonValue, ...], ...]
    row_count: int
    truncated: bool = False
    truncated_by: Literal["rows", "bytes"] | None = None
    elapsed_ms: float


class Answer(Message):
    """The SQL for a question, what shaped it, and its result when it was run."""

    query_id: UUID
    question: str
    data_source_id: UUID
    conversation_id: UUID | None
    status: QueryStatus
    sql: str | None
    explanation: str
    intent: Intent | None
    confidence: float
    model: str
    memories: tuple[UsedMemory, ...] = ()
    rules: tuple[UsedRule, ...] = ()
    patterns: tuple[UsedPattern, ...] = ()
    repairs: int = Field(default=0, description="How many times the model was shown an error and tried again")
    reason: str | None = Field(default=None, description="Why it was refused, abstained from or failed")
    degraded: tuple[str, ...] = Field(default=(), description="The parts of the context that were missing")
    result: QueryResult | None = None


class QueryRef(Message):
    """Names a query."""

    query_id: UUID


class QueryRecord(Message):
    """A query as it is kept, for services that learn from it."""

    query_id: UUID
    data_source_id: UUID
    dialect: SourceKind
    question: str
    sql: str | None
    status: QueryStatus


REGISTER_DATA_SOURCE = Method(SERVICE, "register_data_source", RegisterDataSource, DataSource)
GET_DATA_SOURCE = Method(SERVICE, "get_data_source", DataSourceRef, DataSource)
LIST_DATA_SOURCES = Method(SERVICE, "list_data_sources", ListDataSources, DataSources)
SYNC_DATA_SOURCE = Method(SERVICE, "sync_data_source", DataSourceRef, DataSource)
DELETE_DATA_SOURCE = Method(SERVICE, "delete_data_source", DataSourceRef, Empty)
GET_SCHEMA = Method(SERVICE, "get_schema", GetSchema, SchemaPage)
CREATE_RULE = Method(SERVICE, "create_rule", NewRule, Rule)
LIST_RULES = Method(SERVICE, "list_rules", ListRules, Rules)
GENERATE = Method(SERVICE, "generate", Generate, Answer)
EXECUTE = Method(SERVICE, "execute", QueryRef, Answer)
GET_QUERY = Method(SERVICE, "get_query", QueryRef, QueryRecord)
