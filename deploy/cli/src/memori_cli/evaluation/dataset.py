"""The data of an evaluation: JSON Lines, one conversation a line."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from contracts.base import Text


class DatasetError(Exception):
    """The file is not what an evaluation needs; the message names the line and the field."""


def _iso_8601(value: str) -> str:
    datetime.fromisoformat(value)
    return value


def _as_text(value: Any) -> Any:
    # Public data sets number their categories.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_Id: TypeAlias = Annotated[Text, Field(min_length=1)]


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Turn(_Record):
    """What somebody said; `time` is ISO 8601."""

    id: _Id
    speaker: _Id
    text: Text
    time: Annotated[str, AfterValidator(_iso_8601)] | None = None


class Question(_Record):
    """What is asked, and the ids of the turns that hold the answer."""

    question: _Id
    evidence: tuple[str, ...]
    category: Annotated[_Id, BeforeValidator(_as_text)]


class Conversation(_Record):
    """Turns in their order, and questions about them."""

    conversation: _Id
    turns: Annotated[tuple[Turn, ...], Field(min_length=1)]
    questions: tuple[Question, ...]

    @model_validator(mode="after")
    def _ids_are_consistent(self) -> Self:
        known: set[str] = set()
        for index, turn in enumerate(self.turns):
            if turn.id in known:
                raise _wrong(f"turns.{index}.id", f'"{turn.id}" names an earlier turn already')
            known.add(turn.id)
        for index, question in enumerate(self.questions):
            for position, turn_id in enumerate(question.evidence):
                if turn_id not in known:
                    raise _wrong(f"questions.{index}.evidence.{position}", f'no turn has the id "{turn_id}"')
        return self

    @property
    def digest(self) -> str:
        """Changes with the conversation's id and its turns, in hexadecimal."""
        return digest((self.conversation, *(turn.model_dump_json() for turn in self.turns)))


def digest(parts: Iterable[str]) -> str:
    """SHA-256 of a sequence of texts, in hexadecimal."""
    made = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        made.update(len(encoded).to_bytes(8, "big") + encoded)
    return made.hexdigest()


def read(path: Path) -> list[Conversation]:
    """The conversations of a file; empty lines are passed over.

    Raises:
        DatasetError: the file cannot be read, a line is malformed, or no question names evidence.
    """
    try:
        with path.open("rb") as lines:
            conversations = _parsed(lines)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    if not any(question.evidence for conversation in conversations for question in conversation.questions):
        raise DatasetError(f"{path}: no question names evidence, so nothing can be measured")
    return conversations


def _parsed(lines: Iterable[bytes]) -> list[Conversation]:
    first_line: dict[str, int] = {}
    conversations = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            conversation = Conversation.model_validate_json(line)
        except ValidationError as error:
            raise DatasetError(f"line {number}: {_first(error.errors(include_url=False))}") from error
        earlier = first_line.setdefault(conversation.conversation, number)
        if earlier != number:
            raise DatasetError(
                f'line {number}: conversation: "{conversation.conversation}" is on line {earlier} already'
            )
        conversations.append(conversation)
    return conversations


def _wrong(field: str, message: str) -> PydanticCustomError:
    # The message is a template to pydantic, and ids may contain braces.
    return PydanticCustomError("dataset", "{field}: {message}", {"field": field, "message": message})


def _first(errors: list[ErrorDetails]) -> str:
    error = errors[0]
    field = ".".join(str(part) for part in error["loc"])
    return f"{field}: {error['msg']}" if field else error["msg"]
