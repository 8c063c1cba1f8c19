"""Past queries: reading them, saying how good they were, forgetting them."""

from typing import Annotated, Literal, Self, TypeAlias
from uuid import UUID

from pydantic import Field, model_validator

from contracts.base import Cursor, Message, Text, UtcTime
from contracts.methods import Empty, Method
from contracts.sql_generator.queries import Answer, QueryRef, QueryStatus, Trust
from contracts.sql_generator.questions import Intent
from contracts.sql_generator.service import SERVICE

Rating: TypeAlias = Annotated[int, Field(ge=1, le=5)]
VerifiedBy: TypeAlias = Literal["person", "success"]


class Standing(Message):
    """How far the answer of a query is trusted, and what was said of it."""

    trust: Trust = Field(
        description="Answers that are `verified` are reused, those that are `candidate` are examples at most; those"
        " that are `deprecated`, or `stale` because their tables or columns have gone, are neither"
    )
    verified_by: VerifiedBy | None = Field(
        default=None, description="A person, or repeated success: queries of its kind ran for different questions"
    )
    score: Rating | None = None
    notes: str | None = None
    was_modified: bool = Field(default=False, description="A person changed the SQL")
    superseded_by: UUID | None = Field(default=None, description="The query that holds the corrected SQL")


class QueryOverview(Standing):
    """A query as the history lists it."""

    query_id: UUID
    data_source_id: UUID
    conversation_id: UUID | None
    question: str
    sql: str | None
    status: QueryStatus
    intent: Intent | None
    row_count: int | None = Field(description="How many rows the last run returned")
    elapsed_ms: float | None
    created_at: UtcTime
    updated_at: UtcTime


class QueryDetail(Answer, Standing):
    """The whole answer of a query but its rows, which are read anew when it is executed."""

    row_count: int | None
    elapsed_ms: float | None
    tables: tuple[str, ...]
    columns: tuple[str, ...]
    created_at: UtcTime
    updated_at: UtcTime


class ListQueries(Message):
    """A page of the history, the newest first."""

    data_source_id: UUID | None = None
    conversation_id: UUID | None = None
    status: QueryStatus | None = None
    trust: Trust | None = None
    intent: Intent | None = None
    since: UtcTime | None = Field(default=None, description="Asked at this time or later")
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Cursor | None = None


class Queries(Message):
    """A page of the history."""

    queries: tuple[QueryOverview, ...]
    next_cursor: Cursor | None = None


class Feedback(Message):
    """What a person says of an answer. The same again changes nothing; a later word replaces an earlier one."""

    score: Rating | None = Field(default=None, description="4 and 5 verify the answer, 1 and 2 take it out of use")
    corrected_sql: Annotated[Text, Field(min_length=1, max_length=20_000)] | None = Field(
        default=None, description="The SQL that answers the question; it takes the place of the one there was"
    )
    notes: Annotated[Text, Field(max_length=2_000)] | None = None
    execute: bool = Field(default=False, description="Run the corrected SQL")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.score is None and self.corrected_sql is None and self.notes is None:
            raise ValueError("must give a score, corrected_sql or notes")
        return self


class Rate(Feedback, QueryRef):
    """Feedback on a query."""


class Rated(Message):
    """The query after the feedback, and the answer that now stands in its place when the SQL was corrected."""

    query: QueryDetail
    correction: Answer | None = None


LIST_QUERIES = Method(SERVICE, "list_queries", ListQueries, Queries)
READ_QUERY = Method(SERVICE, "read_query", QueryRef, QueryDetail)
DELETE_QUERY = Method(SERVICE, "delete_query", QueryRef, Empty)
RATE = Method(SERVICE, "rate", Rate, Rated)
