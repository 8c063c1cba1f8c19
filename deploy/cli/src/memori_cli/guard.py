"""Judges the statements of a file by the guard, one line of JSON each."""

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import typer

from sql_guard import Dialect, check


class StatementsError(Exception):
    """The file cannot be judged; the message says why."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement to judge, and the dialect it is stated to be of."""

    sql: str
    dialect: Dialect | None = None


def run(file: Path, dialect: Dialect | None) -> None:
    """Print `{sql, allowed, reason}` for each statement in order, and a summary on standard error.

    With `dialect` the statements that state another one are left out. Nothing is printed before the whole file is
    known to be right.

    Raises:
        StatementsError: the file cannot be read, or a statement of it cannot be judged.
    """
    statements = read_statements(file)
    chosen = [
        (statement.sql, _dialect(number, statement, dialect))
        for number, statement in enumerate(statements, start=1)
        if dialect is None or statement.dialect in {None, dialect}
    ]
    counts: Counter[bool] = Counter()
    for sql, of in chosen:
        verdict = check(sql, of)
        counts[verdict.allowed] += 1
        typer.echo(json.dumps({"sql": sql, "allowed": verdict.allowed, "reason": verdict.reason}))
    left_out = len(statements) - len(chosen)
    others = f"; {left_out} of other dialects left out" if left_out else ""
    typer.echo(f"{counts[True]} allowed, {counts[False]} refused{others}", err=True)


def read_statements(file: Path) -> list[Statement]:
    """The statements of a JSON list of `{"sql": …, "dialect": …}` or of strings; `-` is standard input.

    Other fields are passed over. Raises `StatementsError`.
    """
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        document = json.loads(raw.decode("utf-8-sig"))
    except OSError as error:
        raise StatementsError(f"{file}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise StatementsError(f"{file}: not UTF-8 at byte {error.start:,}") from None
    except (ValueError, RecursionError) as error:
        raise StatementsError(f"{file}: not JSON: {error}") from None
    if not isinstance(document, list):
        raise StatementsError(f"{file}: not a JSON list of statements")
    return [_statement(f"{file}: statement {number}", item) for number, item in enumerate(document, start=1)]


def _statement(where: str, item: Any) -> Statement:
    if isinstance(item, str):
        return Statement(item)
    if not isinstance(item, dict) or not isinstance(item.get("sql"), str):
        raise StatementsError(f'{where} is neither a string nor an object with a string "sql"')
    dialect = item.get("dialect")
    if dialect is not None and dialect not in get_args(Dialect):
        raise StatementsError(f"{where} states the dialect {dialect!r}; known are {', '.join(get_args(Dialect))}")
    return Statement(item["sql"], dialect)


def _dialect(number: int, statement: Statement, given: Dialect | None) -> Dialect:
    found = statement.dialect or given
    if found is None:
        raise StatementsError(f"statement {number} states no dialect: say which with --dialect")
    return found
