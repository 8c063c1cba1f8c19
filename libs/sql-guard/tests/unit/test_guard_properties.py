"""Laws of the guard over generated statements."""

import contextlib
import sqlite3
from typing import get_args

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from memori_testing.statements import FORBIDDEN_CALLS, read, spliced
from sql_guard import Dialect, check
from sql_guard.parsing import parse, tokenize

FORBIDDEN_NODES = (
    *(exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter, exp.Command, exp.Copy, exp.Set),
    *(exp.Into, exp.Lock, exp.Parameter, exp.SessionParameter, exp.Placeholder, exp.Transaction, exp.Use, exp.Attach),
)
SQLITE_SCHEMA = """
CREATE TABLE orders (id, customer_id, amount, status, created_at);
CREATE TABLE customers (id, name, email, region, country, meta, created_at);
INSERT INTO orders VALUES (1, 1, 1, 'paid', '2024-01-01');
INSERT INTO customers VALUES (1, 'Ann', 'a@x.org', 'EU', 'DE', '{}', '2024-01-01');
"""
PROFILE = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))


HONEST = {
    dialect: [sql for sql in read("legit", dialect) if sql.startswith(("SELECT", "WITH"))]
    for dialect in get_args(Dialect)
}


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
