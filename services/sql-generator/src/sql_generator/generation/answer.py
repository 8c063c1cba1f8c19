"""The form in which a model answers: the arguments of one tool, checked before anything is believed."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema

from contracts.base import Score, Text
from contracts.sql_generator import MAX_QUESTION_CHARS, Intent
from sql_generator.generation.model import Draft, ModelAnswerInvalid, Tokens

TOOL_NAME: Final = "answer_with_sql"
TOOL_DESCRIPTION: Final = (
    "Answer the question with one SQL statement that only reads, or say what is missing to answer it."
)

ReplyT = TypeVar("ReplyT", bound=BaseModel)

# A list of types instead of pydantic's anyOf: smaller models and their servers understand it better.
NullableText = Annotated[Text | None, WithJsonSchema({"type": ["string", "null"]})]


class SqlAnswer(BaseModel):
    """The arguments of the tool."""

    model_config = ConfigDict(frozen=True)

    sql: NullableText = Field(description="The statement; null if the question cannot be answered from the schema")
    explanation: Text = Field(description="What the statement returns, and the choices made, in one to three sentences")
    intent: Intent = Field(description="What the statement mainly does")
    confidence: Score = Field(description="Probability that the statement answers the question as it was meant")
    clarifying_question: NullableText = Field(default=None, description="What to ask the user when sql is null")
    question_in_full: NullableText = Field(
        default=None, description="The question with what it takes from <conversation>; null if it takes nothing"
    )
    used_memories: tuple[str, ...] = Field(default=(), description="Ids of the memories that shaped the statement")
    used_rules: tuple[str, ...] = Field(default=(), description="Ids of the rules that shaped the statement")
    used_examples: tuple[str, ...] = Field(default=(), description="Ids of the examples that shaped the statement")


class _Untitled(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature of the overridden method
        return False


@cache
def tool_parameters() -> dict[str, Any]:
    """The JSON Schema of the tool's arguments; one object for all callers, to be read only."""
    schema = SqlAnswer.model_json_schema(schema_generator=_Untitled)
    return {"type": "object", "properties": schema["properties"], "required": schema["required"]}


def parse_arguments(arguments: str | Mapping[str, Any]) -> SqlAnswer:
    """The arguments of a tool call, as JSON text or as the object it holds.

    Raises:
        ModelAnswerInvalid: they are not of the tool's form.
    """
    try:
        if isinstance(arguments, str):
            return SqlAnswer.model_validate_json(arguments)
        return SqlAnswer.model_validate(arguments)
    except ValidationError as error:
        raise ModelAnswerInvalid(f"the arguments of {TOOL_NAME} are invalid: {_reason(error)}") from None


def parse_reply(form: type[ReplyT], body: bytes) -> ReplyT:
    """A provider's response, read as `form`.

    Raises:
        ModelAnswerInvalid: it is not JSON of that form.
    """
    try:
        return form.model_validate_json(body)
    except ValidationError as error:
        raise ModelAnswerInvalid(f"the provider's response is not of its documented form: {_reason(error)}") from None


@contextmanager
def paid(tokens: Tokens) -> Iterator[None]:
    """Have a `ModelAnswerInvalid` that the block raises say what the answer cost."""
    try:
        yield
    except ModelAnswerInvalid as error:
        error.tokens = tokens
        raise


def to_draft(answer: SqlAnswer, references: Mapping[str, UUID], tokens: Tokens) -> Draft:
    """The draft that `answer` stands for; ids that `references` does not know are left out.

    Raises:
        ModelAnswerInvalid: there is neither SQL nor a word about what is missing.
    """
    sql = (answer.sql or "").strip() or None
    explanation = answer.explanation.strip()
    clarifying_question = (answer.clarifying_question or "").strip() or None
    if sql is None and not (explanation or clarifying_question):
        raise ModelAnswerInvalid("the answer has neither SQL nor a clarifying question")
    return Draft(
        sql=sql,
        explanation=explanation,
        clarifying_question=None if sql else clarifying_question,
        intent=answer.intent if sql else None,
        confidence=answer.confidence,
        used_memories=_resolved(answer.used_memories, "m", references),
        used_rules=_resolved(answer.used_rules, "r", references),
        used_examples=_resolved(answer.used_examples, "e", references),
        question_in_full=_question(answer.question_in_full),
        tokens=tokens,
    )


def _question(said: str | None) -> str | None:
    """What the model understood, where it has the form of a question; it matters too little to ask again for it."""
    text = (said or "").strip()
    return text if 0 < len(text) <= MAX_QUESTION_CHARS else None


def _resolved(short_ids: Iterable[str], kind: str, references: Mapping[str, UUID]) -> tuple[UUID, ...]:
    known = (short_id for short_id in short_ids if short_id.startswith(kind) and short_id in references)
    return tuple(references[short_id] for short_id in dict.fromkeys(known))


def _reason(error: ValidationError) -> str:
    """The first complaint with its field; without the value, which may be long and is not ours to repeat."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"]))
    return f"{field}: {first['msg']}" if field else first["msg"]
