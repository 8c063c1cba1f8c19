"""Queries: a question, the SQL that answers it, and what came of it."""

from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import Field, JsonValue

from contracts.base import JsonObject, Message, UtcTime
from contracts.methods import Method
from contracts.sql_generator.data_sources import SourceKind
from contracts.sql_generator.questions import Intent, Question
from contracts.sql_generator.recommending import RecommendedSource
from contracts.sql_generator.rules import RuleType
from contracts.sql_generator.service import SERVICE
from contracts.sql_generator.usage import ModelUsage

QueryStatus: TypeAlias = Literal["generated", "executed", "refused", "abstained", "failed"]
Trust: TypeAlias = Literal["candidate", "verified", "deprecated", "stale"]


class NewQuestion(Message):
    """A question to answer with SQL, under an id the caller minted."""

    query_id: UUID
    question: Question
    data_source_id: UUID | None = Field(default=None, description="Recommended when absent and there are several")
    conversation_id: UUID | None = None
    execute: bool = False


class Generate(NewQuestion):
    """Answer a question with SQL."""

    progress_id: UUID | None = Field(
        default=None, description="Where to say how far it has got; see contracts.progress"
    )


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


class ResultLimits(Message):
    """What one result may take: rows, bytes of JSON, seconds."""

    rows: int
    bytes: int
    seconds: float


class QueryResult(Message):
    """The rows, the caps they were read under, and the one that was reached if any."""

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[JsonValue, ...], ...]
    row_count: int
    truncated: bool = False
    truncated_by: Literal["rows", "bytes"] | None = None
    elapsed_ms: float
    limits: ResultLimits | None = None
    read_at: UtcTime | None = Field(default=None, description="When the source was asked")
    from_cache: bool = Field(default=False, description="The source was not asked again, but at `read_at`")


class Advice(Message):
    """A remark on a statement that may run, and the statement that would help, if there is one: nobody has run it."""

    kind: Literal["cartesian_join", "full_scan"]
    message: str
    suggestion: str | None = Field(default=None, description="For the owner of the database, such as CREATE INDEX …")


class Answer(Message):
    """The SQL for a question, what shaped it, and its result when it was run."""

    query_id: UUID
    question: str
    data_source_id: UUID | None = Field(description="Null when it was abstained from because several may be meant")
    recommended_sources: tuple[RecommendedSource, ...] = Field(
        default=(), description="Where the question named none of several: those that may be meant, the likeliest first"
    )
    conversation_id: UUID | None
    status: QueryStatus
    sql: str | None
    explanation: str
    intent: Intent | None
    confidence: float
    model: str = Field(description="The model that wrote it")
    memories: tuple[UsedMemory, ...] = ()
    rules: tuple[UsedRule, ...] = ()
    patterns: tuple[UsedPattern, ...] = ()
    repairs: int = Field(default=0, description="How many times the model was shown an error and tried again")
    reason: str | None = Field(default=None, description="Why it was refused, abstained from or failed")
    question_in_full: str | None = Field(
        default=None, description="What was understood, where the question depends on the conversation"
    )
    clarifying_question: str | None = Field(default=None, description="What to ask back when it was abstained from")
    degraded: tuple[str, ...] = Field(
        default=(),
        description="The parts of the context that were missing; `source` when the statement could not be checked "
        "there, `model` when another one wrote it because the first was away",
    )
    warnings: tuple[str, ...] = Field(default=(), description="Such as a budget that is nearly spent")
    usage: tuple[ModelUsage, ...] = Field(default=(), description="What the question cost, by model")
    advice: tuple[Advice, ...] = Field(default=(), description="What the plan and the joins of the statement give away")
    result: QueryResult | None = None
    chart: JsonObject | None = Field(
        default=None,
        description="A Vega-Lite specification, where the result has a natural chart: the rows as objects are its data",
    )

    @property
    def source_id(self) -> UUID:
        """The data source that was asked.

        Raises:
            ValueError: none was, because several may be meant.
        """
        if self.data_source_id is None:
            raise ValueError("no data source was asked")
        return self.data_source_id


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


GENERATE = Method(SERVICE, "generate", Generate, Answer)
EXECUTE = Method(SERVICE, "execute", QueryRef, Answer)
GET_QUERY = Method(SERVICE, "get_query", QueryRef, QueryRecord)
