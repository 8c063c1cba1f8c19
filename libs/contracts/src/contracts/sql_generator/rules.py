"""Rules: what a user wants of every statement."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import ConfigDict, Field

from contracts.base import Cursor, Message, Name, Text, UtcTime
from contracts.methods import Empty, Method
from contracts.sql_generator.effects import Effect
from contracts.sql_generator.questions import Intent, Question
from contracts.sql_generator.service import SERVICE

RuleType: TypeAlias = Literal["preference", "constraint", "transformation", "validation"]
RuleStatus: TypeAlias = Literal["proposed", "active", "retired"]
RuleOrigin: TypeAlias = Literal["user", "memory", "learned"]
RuleName: TypeAlias = Annotated[Text, Field(min_length=1, max_length=255)]
RuleContent: TypeAlias = Annotated[Text, Field(min_length=1, max_length=10_000)]
Priority: TypeAlias = Annotated[int, Field(ge=0, le=1_000)]
Effects: TypeAlias = Annotated[tuple[Effect, ...], Field(max_length=20)]
MAX_SQL_CHARS = 50_000


class RuleConditions(Message):
    """When a rule applies: all that is given must hold. Which data source it is for, the rule itself says."""

    # A condition that nobody knows would let the rule apply where it was not meant to.
    model_config = ConfigDict(extra="forbid")

    tables: Annotated[tuple[Name, ...], Field(max_length=50)] = Field(
        default=(), description="The statement reads one of these"
    )
    intent: Intent | None = Field(default=None, description="What the statement mainly does")
    words: Annotated[tuple[Annotated[Text, Field(min_length=1, max_length=100)], ...], Field(max_length=50)] = Field(
        default=(), description="The question has one of these, in singular or plural; of several words all"
    )


class NewRule(Message):
    """A rule that shapes the SQL written for this user."""

    rule_id: UUID
    rule_name: RuleName
    rule_type: RuleType
    rule_content: RuleContent
    data_source_id: UUID | None = None
    conditions: RuleConditions = RuleConditions()
    effects: Effects = Field(
        default=(), description="What the rule does to a statement; when empty, what can be read in its words for sure"
    )
    priority: Priority = 100


class RuleConflict(Message):
    """Another active rule that cannot hold together with this one."""

    rule_id: UUID
    rule_name: str
    reason: str
    wins: bool = Field(description="Whether the other rule holds where both apply")


class Rule(NewRule):
    """A rule as it is kept."""

    status: RuleStatus
    origin: RuleOrigin
    conflicts_with: tuple[RuleConflict, ...] = ()
    application_count: int
    last_applied_at: UtcTime | None
    created_at: UtcTime
    updated_at: UtcTime


class RuleRef(Message):
    """Names a rule."""

    rule_id: UUID


class UpdateRule(RuleRef):
    """What to change of a rule; what is absent stays."""

    rule_name: RuleName | None = None
    rule_type: RuleType | None = None
    rule_content: RuleContent | None = None
    conditions: RuleConditions | None = None
    effects: Effects | None = None
    priority: Priority | None = None
    status: Literal["active", "retired"] | None = None


class ProposeRule(NewRule):
    """A rule that a service read out of what a user said: kept as proposed until the user confirms it.

    A proposal that says what a rule of this user says already, one that was retired included, is answered with that
    rule.
    """

    decided_at: UtcTime = Field(description="When it was learned: nothing is kept of a user erased since")


class ListRules(Message):
    """A page of rules, the highest priority first."""

    data_source_id: UUID | None = Field(default=None, description="Those that hold for it, and so those for any")
    status: RuleStatus | None = None
    rule_type: RuleType | None = None
    origin: RuleOrigin | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Cursor | None = None


class Rules(Message):
    """A page of rules."""

    rules: tuple[Rule, ...]
    next_cursor: Cursor | None = None


class MatchRules(Message):
    """Which rules apply to a question, and to a statement if there is one."""

    question: Question
    data_source_id: UUID | None = Field(default=None, description="May be absent while the user has just one source")
    sql: Annotated[Text, Field(min_length=1, max_length=MAX_SQL_CHARS)] | None = Field(
        default=None, description="A statement: conditions on tables and intent are judged by it"
    )
    tables: Annotated[tuple[Name, ...], Field(max_length=50)] = Field(
        default=(), description="The tables a statement will read, where there is none yet"
    )


class MatchedRule(Message):
    """One rule, judged."""

    rule_id: UUID
    rule_name: str
    rule_type: RuleType
    priority: int
    status: RuleStatus
    applies: bool | None = Field(description="Null where that depends on the statement")
    reasons: tuple[str, ...] = Field(description="Why it applies or does not")
    effects: tuple[Effect, ...] = Field(
        description="What it would do to a statement; empty where its words are only shown to the model"
    )
    effect: str = Field(default="", description="What it did to the statement that was given")


class RuleMatches(Message):
    """All rules for a data source, the highest priority first, and what they make of the statement."""

    data_source_id: UUID
    rules: tuple[MatchedRule, ...]
    sql: str | None = Field(default=None, description="The statement as it would run")
    refused: str | None = Field(default=None, description="Why it would not")


CREATE_RULE = Method(SERVICE, "create_rule", NewRule, Rule)
PROPOSE_RULE = Method(SERVICE, "propose_rule", ProposeRule, Rule)
GET_RULE = Method(SERVICE, "get_rule", RuleRef, Rule)
UPDATE_RULE = Method(SERVICE, "update_rule", UpdateRule, Rule)
CONFIRM_RULE = Method(SERVICE, "confirm_rule", RuleRef, Rule)
DELETE_RULE = Method(SERVICE, "delete_rule", RuleRef, Empty)
LIST_RULES = Method(SERVICE, "list_rules", ListRules, Rules)
MATCH_RULES = Method(SERVICE, "match_rules", MatchRules, RuleMatches)
