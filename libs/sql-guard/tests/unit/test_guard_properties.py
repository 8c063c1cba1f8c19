"""Laws of the guard over generated statements."""

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import get_args

import sqlglot
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from sql_guard import Dialect, check
from sql_guard.parsing import parse, tokenize

STATEMENTS = Path(__file__).parent / "guard_statements"
LEGIT = json.loads((STATEMENTS / "legit.json").read_text())
ATTACKS = json.loads((STATEMENTS / "attacks.json").read_text())
FORBIDDEN_NODES = (
    *(exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter, exp.Command, exp.Copy, exp.Set),
    *(exp.Into, exp.Lock, exp.Parameter, exp.SessionParameter, exp.Placeholder, exp.Transaction, exp.Use, exp.Attach),
)
FORBIDDEN_CALLS = {
    "postgres": ("pg_sleep", "pg_read_file", "lo_import", "set_config", "dblink", "query_to_xml", "nextval"),
    "mysql": ("sleep", "benchmark", "load_file", "get_lock", "sys_exec", "master_pos_wait", "last_insert_id"),
    "sqlite": ("load_extension", "readfile", "writefile", "fts3_tokenizer", "edit"),
    "duckdb": ("read_csv", "read_text", "getenv", "query", "glob", "nextval", "current_setting"),
}
MARKS = (
    "(",
    ")",
    ",",
    ";",
    "'",
    '"',
    "`",
    "--",
    "/*",
    "*/",
    "/*!",
    "#",
    "\\",
    "$$",
    "@",
    "::",
    "->",
    "[",
    "]",
    "{",
    ".",
)
SQLITE_SCHEMA = """
CREATE TABLE orders (id, customer_id, amount, status, created_at);
CREATE TABLE customers (id, name, email, region, country, meta, created_at);
INSERT INTO orders VALUES (1, 1, 1, 'paid', '2024-01-01');
INSERT INTO customers VALUES (1, 'Ann', 'a@x.org', 'EU', 'DE', '{}', '2024-01-01');
"""
PROFILE = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))


def words_of(sql: str, dialect: Dialect) -> list[str]:
    try:
        return [sql[token.start : token.end + 1] for token in tokenize(sql, dialect)]
    except sqlglot.errors.TokenError:
        return sql.split()


CORPUS = {
    dialect: [words for row in LEGIT + ATTACKS if row["dialect"] == dialect if (words := words_of(row["sql"], dialect))]
    for dialect in get_args(Dialect)
}
HONEST = {
    dialect: [row["sql"] for row in LEGIT if row["dialect"] == dialect and row["sql"].startswith(("SELECT", "WITH"))]
    for dialect in get_args(Dialect)
}


@st.composite
def spliced(draw: st.DrawFn, dialect: Dialect) -> str:
    """An honest query or an attack with pieces of others, forbidden calls and stray marks put in."""
    words = list(draw(st.sampled_from(CORPUS[dialect])))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(words)))
        donor = draw(st.sampled_from(CORPUS[dialect]))
        begin = draw(st.integers(0, len(donor) - 1))
        piece = draw(
            st.one_of(
                st.just(donor[begin : begin + draw(st.integers(1, 6))]),
                st.sampled_from([[name, "("] for name in FORBIDDEN_CALLS[dialect]]),
                st.sampled_from([[mark] for mark in MARKS]),
            )
        )
        words[at : at + draw(st.integers(0, 3))] = piece
    return draw(st.sampled_from([" ", ""])).join(words)


@PROFILE
@given(st.data())
def test_what_passes_is_one_query_without_forbidden_nodes_or_calls(data: st.DataObject) -> None:
    dialect = data.draw(st.sampled_from(get_args(Dialect)))
    verdict = check(data.draw(spliced(dialect)), dialect)
    if not verdict.allowed:
        return
    again = check(verdict.sql, dialect)
    assert again.allowed
    assert again.sql == verdict.sql
    if verdict.sql.startswith(("SELECT", "WITH", "VALUES", "(")):
        trees = parse(tokenize(verdict.sql, dialect), verdict.sql, dialect)
        assert len(trees) == 1
        assert trees[0] is not None
        assert not [node for node in trees[0].walk() if isinstance(node, FORBIDDEN_NODES)]
        called = {node.name.lower() for node in trees[0].find_all(exp.Anonymous)}
        assert not called & set(FORBIDDEN_CALLS[dialect])


@settings(PROFILE, max_examples=400)
@given(spliced("sqlite"))
def test_what_passes_changes_nothing_in_sqlite(sql: str) -> None:
    verdict = check(sql, "sqlite")
    if not verdict.allowed:
        return
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(SQLITE_SCHEMA)
    before = list(connection.iterdump())
    connection.set_progress_handler(lambda: 1, 100_000)
    with contextlib.suppress(sqlite3.Error):
        connection.execute(verdict.sql).fetchmany(10)
    connection.set_progress_handler(None, 0)
    assert not connection.in_transaction
    assert list(connection.iterdump()) == before
    assert len(connection.execute("PRAGMA database_list").fetchall()) == 1
    connection.close()


@PROFILE
@given(st.data())
def test_a_forbidden_call_anywhere_in_an_honest_query_is_refused(data: st.DataObject) -> None:
    dialect = data.draw(st.sampled_from(get_args(Dialect)))
    sql = data.draw(st.sampled_from(HONEST[dialect]))
    [tree] = parse(tokenize(sql, dialect), sql, dialect)
    assert tree is not None
    places = [node for node in tree.find_all(exp.Column, exp.Literal, exp.Table) if not node.find_ancestor(exp.Hint)]
    assume(places)
    place = data.draw(st.sampled_from(places))
    name = data.draw(st.sampled_from(FORBIDDEN_CALLS[dialect]))
    call = exp.Anonymous(this=name, expressions=[exp.Literal.string("x")])
    place.replace(exp.Table(this=call) if isinstance(place, exp.Table) else call)
    injected = tree.sql(dialect=dialect)
    assume(f"{name}(" in injected.lower())
    assert not check(injected, dialect).allowed
