"""Recall: what is known that bears on a question, for a client that calls a model of its own."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from contracts.base import Message
from contracts.entity_extractor import QuestionContext
from contracts.memory_store import Role
from contracts.methods import Method
from contracts.sql_generator.data_sources import SourceKind, Table
from contracts.sql_generator.queries import UsedMemory, UsedPattern
from contracts.sql_generator.questions import Question
from contracts.sql_generator.rules import RuleType
from contracts.sql_generator.service import SERVICE


class RecallContext(Message):
    """Gather what a model should know to answer a question with SQL."""

    question: Question
    data_source_id: UUID | None = Field(default=None, description="May be absent where it is clear which one is meant")
    conversation_id: UUID | None = None
    token_budget: Annotated[int, Field(ge=500, le=16_000)] = Field(
        default=4_000, description="The most `text` may take, at four characters a token; the schema gets half at least"
    )


class RecalledRule(Message):
    """A rule that applies."""

    rule_id: UUID
    rule_name: str
    rule_type: RuleType
    rule_content: str


class RecalledTurn(Message):
    """Something said before in the conversation; a question that was answered has its SQL."""

    role: Role
    content: str
    sql: str | None


class ContextBlock(Message):
    """What bears on a question: its parts, and all of them as text to paste into a prompt.

    In `text` everything that people or programs wrote is quoted as JSON between tags: it is data, whatever it claims to
    be. What did not fit the budget is in neither.
    """

    question: str
    data_source_id: UUID
    dialect: SourceKind
    memories: tuple[UsedMemory, ...]
    rules: tuple[RecalledRule, ...] = Field(description="The most important first")
    knowledge: QuestionContext = Field(description="Tables, columns and joins that the question's words stand for")
    examples: tuple[UsedPattern, ...]
    turns: tuple[RecalledTurn, ...]
    tables: tuple[Table, ...] = Field(description="The part of the schema that the question needs")
    tables_left_out: int
    text: str
    estimated_tokens: int = Field(description="Of `text`, at four characters a token")
    degraded: tuple[str, ...] = Field(description="The parts that could not be had in time")


RECALL = Method(SERVICE, "recall", RecallContext, ContextBlock)
