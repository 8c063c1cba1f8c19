"""The data of an evaluation: JSON Lines, one conversation a line.

What the data say of themselves must be right (the fields, their kinds, each id once), since nothing could be measured
otherwise. Slips that public data sets are known for are passed over and counted.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from contracts.base import Text
from memori_cli.evaluation.times import moment


class DatasetError(Exception):
    """The file is not what an evaluation needs; the message names the line and the field."""


def _category(value: Any) -> Any:
    # Public data sets number their categories.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _time(value: Any) -> str | None:
    # Whatever it is, it is no reason to refuse the file. Postgres stores no NUL.
    return None if value is None else str(value).replace("\x00", "").strip() or None


def _text(value: Any) -> Any:
    return "" if value is None else value


_Id: TypeAlias = Annotated[Text, Field(min_length=1)]


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Turn(_Record):
    """What somebody said; `time` is as it is written."""

    id: _Id
    speaker: _Id
    text: Annotated[Text, BeforeValidator(_text)]
    time: Annotated[str | None, BeforeValidator(_time)] = None

    @cached_property
    def occurred_at(self) -> datetime | None:
        """When it was said, in UTC; None when that is not written or not understood."""
        return moment(self.time) if self.time else None


class Question(_Record):
    """What is asked, and the ids of the turns that hold the answer."""

    question: _Id
    evidence: tuple[str, ...]
    category: Annotated[_Id, BeforeValidator(_category)]


class Conversation(_Record):
    """Turns in their order, and questions about them."""

    conversation: _Id
    turns: Annotated[tuple[Turn, ...], Field(min_length=1)]
    questions: tuple[Question, ...]

    @model_validator(mode="after")
    def _names_each_turn_once(self) -> Self:
        known: set[str] = set()
        for index, turn in enumerate(self.turns):
            if turn.id in known:
                raise _wrong(f"turns.{index}.id", f'"{turn.id}" names an earlier turn already')
            known.add(turn.id)
        return self

    @property
    def digest(self) -> str:
        """Changes with the conversation's id and its turns, in hexadecimal."""
        # The time counts as it is understood, since that is what is stored.
        return digest(
            (self.conversation, *(f"{turn.model_dump_json()} {turn.occurred_at}" for turn in self.turns)),
        )


@dataclass(frozen=True, slots=True)
class Slips:
    """What was passed over: turns without text, evidence that names no turn, times nobody understands (an example)."""

    empty_turns: int
    unknown_evidence: int
    unread_times: int
    unread_time: str | None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A file's conversations, without the slips; a question may be left without evidence."""

    name: str
    conversations: tuple[Conversation, ...]
    slips: Slips


def digest(parts: Iterable[str]) -> str:
    """SHA-256 of a sequence of texts, in hexadecimal."""
    made = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        made.update(len(encoded).to_bytes(8, "big") + encoded)
    return made.hexdigest()


def read_all(paths: Sequence[Path]) -> list[Dataset]:
    """The files, each named by its stem, or by its path where stems are alike.

    Raises:
        DatasetError: as `read`.
    """
    stems = {path.stem for path in paths}
    return [read(path, path.stem if len(stems) == len(paths) else str(path)) for path in paths]


def read(path: Path, name: str) -> Dataset:
    """The conversations of a file; empty lines are passed over.

    Raises:
        DatasetError: the file cannot be read, a line is malformed, or no question names evidence that exists.
    """
    try:
        with path.open("rb") as lines:
            written = _parsed(path, lines)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    conversations = tuple(_without_slips(conversation) for conversation in written)
    if not any(question.evidence for conversation in conversations for question in conversation.questions):
        raise DatasetError(f"{path}: no question names evidence, so nothing can be measured")
    return Dataset(name, conversations, _slips(written, conversations))


def common_name(names: Sequence[str]) -> str:
    """What names have in common, in whole words from the start: "chats" of "chats_01" and "chats_02"."""
    words = [re.split(r"[_\-. ]+", name) for name in names]
    common = takewhile(lambda column: len(set(column)) == 1, zip(*words, strict=False))
    return names[0] if len(set(names)) == 1 else "_".join(column[0] for column in common) or "several files"


def _without_slips(conversation: Conversation) -> Conversation:
    turns = tuple(turn for turn in conversation.turns if turn.text.strip())
    known = {turn.id for turn in turns}
    questions = tuple(
        question.model_copy(update={"evidence": tuple(turn_id for turn_id in question.evidence if turn_id in known)})
        for question in conversation.questions
    )
    return conversation.model_copy(update={"turns": turns, "questions": questions})


def _slips(written: Iterable[Conversation], kept: Iterable[Conversation]) -> Slips:
    empty = evidence = 0
    unread: list[str] = []
    for before, after in zip(written, kept, strict=True):
        empty += len(before.turns) - len(after.turns)
        evidence += sum(len(question.evidence) for question in before.questions)
        evidence -= sum(len(question.evidence) for question in after.questions)
        unread += [turn.time for turn in after.turns if turn.time and turn.occurred_at is None]
    return Slips(empty, evidence, len(unread), unread[0] if unread else None)


def _parsed(path: Path, lines: Iterable[bytes]) -> list[Conversation]:
    first_line: dict[str, int] = {}
    conversations = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}: line {number}"
        try:
            conversation = Conversation.model_validate_json(line)
        except ValidationError as error:
            raise DatasetError(f"{where}: {first_error(error.errors(include_url=False))}") from error
        earlier = first_line.setdefault(conversation.conversation, number)
        if earlier != number:
            raise DatasetError(f'{where}: conversation: "{conversation.conversation}" is on line {earlier} already')
        conversations.append(conversation)
    return conversations


def _wrong(field: str, message: str) -> PydanticCustomError:
    # The message is a template to pydantic, and ids may contain braces.
    return PydanticCustomError("dataset", "{field}: {message}", {"field": field, "message": message})


def first_error(errors: list[ErrorDetails]) -> str:
    error = errors[0]
    field = ".".join(str(part) for part in error["loc"])
    return f"{field}: {error['msg']}" if field else error["msg"]
