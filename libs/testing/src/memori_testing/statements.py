"""Statements made from honest queries and attacks: words of one put into another, and parts of their trees.

Half of what comes out is nonsense; the rest is close to what somebody could write to get past a guard.
"""

import json
import random
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sql_guard import Dialect
from sql_guard.parsing import parse, tokenize
from sql_guard.rendering import render
from sql_guard.verdict import Refusal

STATEMENTS: Final = Path(__file__).resolve().parents[4] / "libs/sql-guard/tests/unit/guard_statements"

FORBIDDEN_CALLS: Final[dict[Dialect, tuple[str, ...]]] = {
    "postgres": ("pg_sleep", "pg_read_file", "lo_import", "set_config", "dblink", "query_to_xml", "nextval"),
    "mysql": ("sleep", "benchmark", "load_file", "get_lock", "sys_exec", "master_pos_wait", "last_insert_id"),
    "sqlite": ("load_extension", "readfile", "writefile", "fts3_tokenizer", "edit"),
    "duckdb": ("read_csv", "read_text", "getenv", "query", "glob", "nextval", "current_setting"),
}
_MARKS: Final = (
    *("(", ")", ",", ";", "'", '"', "`", "--", "/*", "*/", "/*!", "#", "\\", "$$", "@", "::", "->", "[", "]", "{", "."),
)
_UNREADABLE: Final = (SqlglotError, Refusal, RecursionError)


def read(name: str, dialect: Dialect) -> list[str]:
    """The statements of one list (`legit`, `attacks`)."""
    rows = json.loads((STATEMENTS / f"{name}.json").read_text(encoding="utf-8"))
    return [row["sql"] for row in rows if row["dialect"] == dialect]


def words_of(sql: str, dialect: Dialect) -> list[str]:
    """The statement's tokens as written."""
    try:
        return [sql[token.start : token.end + 1] for token in tokenize(sql, dialect)]
    except SqlglotError:
        return sql.split()


@cache
def _words(dialect: Dialect) -> list[list[str]]:
    statements = read("legit", dialect) + read("attacks", dialect)
    return [words for sql in statements if (words := words_of(sql, dialect))]


@st.composite
def spliced(draw: st.DrawFn, dialect: Dialect) -> str:
    """An honest query or an attack with pieces of others, forbidden calls and stray marks put in."""
    corpus = _words(dialect)
    words = list(draw(st.sampled_from(corpus)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(words)))
        donor = draw(st.sampled_from(corpus))
        begin = draw(st.integers(0, len(donor) - 1))
        piece = draw(
            st.one_of(
                st.just(donor[begin : begin + draw(st.integers(1, 6))]),
                st.sampled_from([[name, "("] for name in FORBIDDEN_CALLS[dialect]]),
                st.sampled_from([[mark] for mark in _MARKS]),
            )
        )
        words[at : at + draw(st.integers(0, 3))] = piece
    return draw(st.sampled_from([" ", ""])).join(words)


@st.composite
def grafted(draw: st.DrawFn, dialect: Dialect) -> str:
    """An honest query with up to three parts of its tree replaced by parts of others and of attacks."""
    trees, parts = _parts(dialect)
    choose = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311  # no secret
    tree = choose.choice(trees).copy()
    for _ in range(choose.randint(1, 3)):
        places = [node for node in tree.walk() if node.parent is not None and _kind(node) in parts]
        if not places:
            break
        place = choose.choice(places)
        place.replace(choose.choice(parts[_kind(place)]).copy())
    try:
        return render(tree, dialect)
    except _UNREADABLE:
        return tree.sql(dialect=dialect)


@cache
def _parts(dialect: Dialect) -> tuple[list[exp.Expr], dict[str, list[exp.Expr]]]:
    """The trees of the honest queries, and the parts that may stand in for one another."""
    trees: list[exp.Expr] = []
    parts: dict[str, list[exp.Expr]] = defaultdict(list)
    honest = read("legit", dialect)
    for sql in (*honest, *read("attacks", dialect)):
        try:
            [tree] = parse(tokenize(sql, dialect), sql, dialect)
        except (*_UNREADABLE, ValueError):
            continue
        if not isinstance(tree, exp.Select | exp.SetOperation):
            continue
        if sql in honest:
            trees.append(tree)
        for node in tree.walk():
            if node.parent is not None and (kind := _kind(node)):
                parts[kind].append(node)
    return trees, dict(parts)


def _kind(node: Any) -> str:
    match node:
        case exp.Select() | exp.SetOperation():
            return "query"
        case exp.Table() | exp.Subquery():
            return "relation"
        case exp.Column() | exp.Literal() | exp.Anonymous() | exp.Binary() | exp.Unary() | exp.Cast() | exp.Case():
            return "value"
        case exp.Where() | exp.Group() | exp.Order() | exp.Limit() | exp.Having():
            return type(node).__name__
        case _:
            return ""
