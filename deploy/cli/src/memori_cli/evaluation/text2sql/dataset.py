"""The data of an evaluation: a folder with `questions.json` and `databases/<db_id>.sqlite`.

`questions.json` is a list of objects with `id`, `db_id`, `question` and `sql_sqlite`, the gold SQL. The gold SQL is run
here, read-only and for a limited time; a question whose gold SQL cannot be read or run, or returns more rows than an
answer holds, is left out and counted.
"""

import hashlib
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlglot import exp
from sqlglot.errors import SqlglotError

from memori_cli.evaluation.dataset import DatasetError, first_error
from memori_cli.evaluation.text2sql.comparison import Rows, Value
from memori_cli.evaluation.text2sql.difficulty import Difficulty, difficulty, is_ordered, parsed

_MAX_QUESTION_CHARS = 1_000
_GOLD_SECONDS = 30.0
_MAX_ROWS = 1_000
_STEPS_BETWEEN_CHECKS = 10_000


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    db_id: Annotated[str, Field(pattern=r"^[\w-]+$")]
    question: Annotated[str, Field(min_length=1, max_length=_MAX_QUESTION_CHARS)]
    sql_sqlite: Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A question of a database with its gold SQL, and what that returns; equal to itself alone."""

    id: str
    database: str
    text: str
    gold_sql: str
    gold_rows: Rows
    difficulty: Difficulty
    is_ordered: bool

    @property
    def meaning(self) -> tuple[str, str]:
        """What questions have in common that ask for the same."""
        return self.database, self.gold_sql


@dataclass(frozen=True, slots=True)
class Suite:
    """The databases, by name, and their questions, as they are in the file; `unusable` were left out."""

    name: str
    databases: dict[str, Path]
    questions: tuple[Question, ...]
    unusable: int

    def of(self, database: str) -> list[Question]:
        """The questions of a database."""
        return [question for question in self.questions if question.database == database]


def read(folder: Path, *, limit: int | None = None) -> Suite:
    """The data in a folder; with `limit` only so many questions of each database, drawn by their gold SQL.

    Raises:
        DatasetError: a file is missing or malformed, or no question is left.
    """
    written = _drawn(_questions(folder / "questions.json"), limit)
    databases = {name: folder / "databases" / f"{name}.sqlite" for name in sorted({one.db_id for one in written})}
    if missing := [path for path in databases.values() if not path.is_file()]:
        raise DatasetError(f"{missing[0]}: there is no such file")
    found = [_usable(one, databases[one.db_id]) for one in written]
    questions = tuple(question for question in found if question is not None)
    if not questions:
        raise DatasetError(f"{folder}: no question has gold SQL that runs, so nothing can be measured")
    return Suite(folder.resolve().name, databases, questions, unusable=len(found) - len(questions))


def opened(path: Path) -> sqlite3.Connection:
    """A read-only connection to a database, on which a statement takes half a minute at most."""
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    deadline = time.monotonic() + _GOLD_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_CHECKS)
    return connection


def _questions(path: Path) -> list[_Written]:
    try:
        return TypeAdapter(list[_Written]).validate_json(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise DatasetError(f"{path}: {first_error(error.errors(include_url=False))}") from error


def _drawn(questions: Iterable[_Written], limit: int | None) -> list[_Written]:
    """So many of each database, at random as far as they are concerned, and the same each time. Those that ask for the
    same in other words are drawn together.
    """
    by_database: dict[str, list[_Written]] = {}
    for question in questions:
        by_database.setdefault(question.db_id, []).append(question)
    if limit is not None:
        for group in by_database.values():
            group.sort(key=lambda question: hashlib.sha256(question.sql_sqlite.encode()).digest())
    return [question for _, group in sorted(by_database.items()) for question in group[:limit]]


def _usable(written: _Written, path: Path) -> Question | None:
    try:
        query = parsed(written.sql_sqlite)
        with closing(opened(path)) as connection:
            rows = [tuple(map(_as_json, row)) for row in connection.execute(written.sql_sqlite)]
    except (SqlglotError, RecursionError, sqlite3.Error):
        return None
    if len(rows) > _MAX_ROWS or not isinstance(query, exp.Query):
        return None
    return Question(
        id=written.id,
        database=written.db_id,
        text=written.question,
        gold_sql=written.sql_sqlite,
        gold_rows=rows,
        difficulty=difficulty(query),
        is_ordered=is_ordered(query),
    )


def _as_json(value: Value | bytes) -> Value:
    return "\\x" + value.hex() if isinstance(value, bytes) else value
