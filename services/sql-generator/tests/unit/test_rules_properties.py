"""No query returns a row that a filter keeps out, or a value that a mask covers; on real engines."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import duckdb
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from contracts.sql_generator import Column, DatabaseSchema, FilterRows, ForbidReading, MaskColumn, Rule, Table
from sql_generator.rules.enforcing import RuleBroken
from sql_generator.rules.rulebook import RuleBook
from sql_guard import check

HIDDEN_ROW, HIDDEN_VALUE = "row-never-shown", "value-never-shown"
SETUP = f"""
    CREATE TABLE items (id INTEGER, kind TEXT, note TEXT, secret TEXT);
    CREATE TABLE others (id INTEGER, item INTEGER, label TEXT);
    INSERT INTO items VALUES (1, 'open', 'a', '{HIDDEN_VALUE}'), (2, 'shut', '{HIDDEN_ROW}', '{HIDDEN_VALUE}'),
        (3, 'open', NULL, NULL), (4, NULL, 'b', '{HIDDEN_VALUE}');
    INSERT INTO others VALUES (1, 1, 'x'), (2, 2, 'y'), (3, 9, 'z');
"""
TABLES = (
    Table(name="items", columns=tuple(Column(name=name, type="TEXT") for name in ("id", "kind", "note", "secret"))),
    Table(name="others", columns=tuple(Column(name=name, type="TEXT") for name in ("id", "item", "label"))),
)
NAMES = [table.name for table in TABLES]
NOW = datetime(2026, 1, 2, tzinfo=UTC)
FILTER = FilterRows(table="items", column="kind", operator="<>", values=("shut",))
MASK = MaskColumn(table="Items", column="Secret")
FORBID = ForbidReading(table="items", column="secret")


def rule(*effects):
    said = {"rule_name": "r", "rule_type": "constraint", "rule_content": "as agreed", "effects": effects}
    state = {"status": "active", "origin": "user", "application_count": 0, "last_applied_at": None}
    return Rule(rule_id=UUID(int=1), **said, **state, created_at=NOW, updated_at=NOW)


@pytest.fixture(scope="module", params=["sqlite", "duckdb"])
def engine(request) -> Iterator[tuple[str, object]]:
    connection = sqlite3.connect(":memory:") if request.param == "sqlite" else duckdb.connect()
    if request.param == "sqlite":
        connection.executescript(SETUP)
    else:
        connection.execute(SETUP)
    yield request.param, connection
    connection.close()


items = st.sampled_from(
    ["items", "ITEMS", '"items"', '"Items"', "main.items", "items AS others", "(SELECT * FROM items)"]
)
columns = st.sampled_from(
    ["*", "t.*", "t.note", "note", "secret", "t.secret", "upper(secret)", "t.note || t.secret", "count(*)", "max(note)", "min(secret)", "(SELECT max(note) FROM items)", "(SELECT secret FROM items AS i WHERE i.id = t.id)", "t.id, t.kind"]
)  # fmt: skip
conditions = st.sampled_from(
    ["", "WHERE t.kind = 'shut'", "WHERE t.id = 2 OR TRUE", "WHERE NOT (t.kind <> 'shut')", "WHERE t.kind IS NULL", "WHERE t.id IN (SELECT id FROM items)", "WHERE EXISTS (SELECT 1 FROM items AS t WHERE t.secret IS NOT NULL)", "GROUP BY 1", "ORDER BY 1", "WHERE t.secret LIKE 'value%'"]
)  # fmt: skip
joins = st.sampled_from(
    ["", "JOIN others AS o ON o.item = t.id", "LEFT JOIN others AS o ON TRUE", "RIGHT JOIN others AS o ON o.item = t.id", "FULL JOIN others AS o ON o.item = t.id", "CROSS JOIN items AS i", "LEFT JOIN items AS i ON i.id = t.id", "NATURAL JOIN others", "JOIN items AS i USING (id)", ", items AS i"]
)  # fmt: skip
extra = st.sampled_from(["", "i.note AS more,", "i.secret AS more,", "o.label AS more,"])


@st.composite
def selects(draw) -> str:
    source = draw(items)
    source = source if " AS " in source else f"{source} AS t"
    return f"SELECT {draw(extra)} {draw(columns)} FROM {source} {draw(joins)} {draw(conditions)}"


@st.composite
def queries(draw) -> str:
    shape = draw(st.sampled_from(["{0}", "{0} UNION ALL {1}", "WITH c AS ({0}) SELECT * FROM c", "SELECT * FROM ({0}) AS q", "WITH c AS ({0}), d AS (SELECT * FROM c) SELECT * FROM d UNION SELECT * FROM c", "SELECT o.label, ({0}) FROM others AS o", "{0} EXCEPT {1}", "{0} INTERSECT {0}"]))  # fmt: skip
    return shape.format(draw(selects()), draw(selects()))


def run(engine, sql: str, *effects) -> tuple[str, list[tuple[object, ...]]]:
    """The statement under the rules and its rows; a query that is refused or not valid tells nothing."""
    dialect, connection = engine
    schema = DatabaseSchema(dialect=dialect, tables=TABLES)
    verdict = check(sql, dialect, relations=NAMES)
    assume(verdict.allowed)
    try:
        applied = RuleBook([rule(*effects)], "q", schema).apply(verdict)
    except RuleBroken:
        assume(False)
    final = check(applied.sql, dialect, relations=NAMES)
    assert final.allowed, (sql, applied.sql, final.reason)
    try:
        return final.sql, connection.execute(final.sql).fetchall()
    except (sqlite3.Error, duckdb.Error):
        assume(False)
        raise


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(sql=queries())
def test_a_filtered_row_never_comes_out(engine, sql):
    rewritten, rows = run(engine, sql, FILTER)
    assert HIDDEN_ROW not in str(rows), rewritten


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(sql=queries(), effect=st.sampled_from([MASK, FORBID]))
def test_a_covered_value_never_comes_out(engine, sql, effect):
    rewritten, rows = run(engine, sql, effect)
    assert HIDDEN_VALUE not in str(rows).lower(), rewritten


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(sql=queries())
def test_a_filter_means_that_the_rows_are_not_there(engine, sql):
    """What the engine answers under the filter is what it answers on a table without those rows."""
    dialect, connection = engine
    _, rows = run(engine, sql, FILTER)
    connection.execute("BEGIN")
    try:
        connection.execute("DELETE FROM items WHERE kind = 'shut'")
        expected = connection.execute(check(sql, dialect, relations=NAMES).sql).fetchall()
    finally:
        connection.execute("ROLLBACK")
    assert sorted(map(repr, rows)) == sorted(map(repr, expected))
