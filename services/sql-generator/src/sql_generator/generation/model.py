"""The port every model is behind: a context goes in, a draft comes out."""

from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from contracts.entity_extractor import QuestionContext
from contracts.memory_store import RecalledMemory, Role
from contracts.sql_generator import DatabaseSchema, Intent, RuleType, Trust


@dataclass(frozen=True, slots=True)
class RuleText:
    """An applicable rule, as the model is shown it; an automatic one is applied to whatever it writes."""

    rule_id: UUID
    rule_name: str
    rule_type: RuleType
    rule_content: str
    is_automatic: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """A past question with the SQL that answered it. `similarity` is the cosine of the two questions' embeddings
    when both are known, else their word overlap; `likeness` is how like the question is to both, see
    `domain.likeness`. All are from 0 to 1.
    """

    pattern_id: UUID
    question: str
    sql: str
    trust: Trust
    similarity: float
    likeness: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """Something said before in the conversation; a question that was answered has its SQL."""

    role: Role
    content: str
    sql: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A statement that did not pass, and the error it is to be repaired from."""

    sql: str
    error: str


@dataclass(frozen=True, slots=True)
class GenerationContext:
    """Everything a model may use for one question; each part but the question and the schema may be empty."""

    question: str
    schema: DatabaseSchema
    memories: tuple[RecalledMemory, ...] = ()
    rules: tuple[RuleText, ...] = ()
    examples: tuple[Example, ...] = ()
    knowledge: QuestionContext = field(default_factory=QuestionContext)
    turns: tuple[Turn, ...] = ()
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a call; `input` are those that were neither read from the provider's cache nor written to it."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """What a model answers. Without SQL it abstained: `explanation` says why, `clarifying_question` what to ask back.

    `question_in_full` is what it understood, where the question depends on the conversation.
    `used_memories`, `used_rules` and `used_examples` name what shaped the SQL, as far as the model says. `model` is
    the name of the one that wrote it, where there are several.
    """

    sql: str | None
    explanation: str
    intent: Intent | None
    confidence: float
    clarifying_question: str | None = None
    question_in_full: str | None = None
    used_memories: tuple[UUID, ...] = ()
    used_rules: tuple[UUID, ...] = ()
    used_examples: tuple[UUID, ...] = ()
    tokens: Tokens = Tokens()
    model: str = ""


class ModelUnavailable(Exception):  # noqa: N818  # reads as what it says
    """The model cannot be reached, is overloaded or refused the key; `retry_after` in seconds when it said so.

    `is_outage` is False when it refused this one request only: then the next one may well be answered.
    """

    def __init__(self, detail: str, retry_after: float | None = None, *, is_outage: bool = True) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.is_outage = is_outage


class ModelAnswerInvalid(Exception):  # noqa: N818
    """The model answered, but not in the form it was asked for; it is paid all the same."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.tokens = Tokens()
        self.model = ""


class SqlModel(Protocol):
    """A model that writes SQL."""

    name: str

    async def draft(self, context: GenerationContext) -> Draft:
        """A draft for the question.

        Raises:
            ModelUnavailable: there is no answer to be had now.
            ModelAnswerInvalid: the answer is not of the form that was asked for.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
