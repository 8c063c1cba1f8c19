"""Recommending: which data sources can answer a question."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from contracts.base import Message
from contracts.methods import Method
from contracts.sql_generator.data_sources import SourceKind
from contracts.sql_generator.questions import Question
from contracts.sql_generator.service import SERVICE


class RecommendSources(Message):
    """Which of my data sources can answer this question."""

    question: Question
    limit: Annotated[int, Field(ge=1, le=50)] = 5


class TermMatch(Message):
    """The stem of a word of the question, and where a source has it: its name, a table, column, value or comment."""

    word: str
    places: tuple[str, ...]


class RecommendedSource(Message):
    """A data source that knows words of the question."""

    data_source_id: UUID
    name: str
    kind: SourceKind
    score: float = Field(description="The share of what any source knows of the question, from 0 to 1; rare words more")
    matches: tuple[TermMatch, ...] = Field(description="The most telling first")


class RecommendedSources(Message):
    """The data sources that know words of a question, best first."""

    recommended: tuple[RecommendedSource, ...]
    is_clear: bool = Field(description="Whether the first leads by so much that it is asked when a question names none")


RECOMMEND = Method(SERVICE, "recommend", RecommendSources, RecommendedSources)
