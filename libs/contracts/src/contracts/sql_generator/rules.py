"""Rules: what a user wants of every statement."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import Field

from contracts.base import Cursor, JsonObject, Message, Text, UtcTime
from contracts.methods import Method
from contracts.sql_generator.service import SERVICE

RuleType: TypeAlias = Literal["preference", "constraint", "transformation", "validation"]
RuleStatus: TypeAlias = Literal["proposed", "active", "retired"]
RuleOrigin: TypeAlias = Literal["user", "memory", "learned"]


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


class ProposeRule(NewRule):
    """A rule that a service read out of what a user said: kept as proposed until the user confirms it.

    A proposal that says what a rule of this user says already, one that was retired included, is answered with that
    rule.
    """

    decided_at: UtcTime = Field(description="When it was learned: nothing is kept of a user erased since")


class ListRules(Message):
    """A page of rules, the highest priority first."""

    data_source_id: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Cursor | None = None


class Rules(Message):
    """A page of rules."""

    rules: tuple[Rule, ...]
    next_cursor: Cursor | None = None


CREATE_RULE = Method(SERVICE, "create_rule", NewRule, Rule)
PROPOSE_RULE = Method(SERVICE, "propose_rule", ProposeRule, Rule)
LIST_RULES = Method(SERVICE, "list_rules", ListRules, Rules)
