"""The text that runs says what the given text said."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sql_guard import check

STATEMENTS = Path(__file__).parent / "guard_statements"
SQLITE_SCHEMA = """
CREATE TABLE customers (id INTEGER, name TEXT, email TEXT, region TEXT, country TEXT, meta TEXT, created_at TEXT);
CREATE TABLE orders (id INTEGER, customer_id INTEGER, amount REAL, status TEXT, created_at TEXT);
CREATE TABLE employees (id INTEGER, name TEXT, manager_id INTEGER);
INSERT INTO customers VALUES
  (1, 'Ann', 'ann@x.org', 'EU', 'DE', '{"tier": "gold", "tags": ["a", "b"], "a b": 1}', '2024-01-05 10:00:00'),
  (2, 'Bob', 'bob@y.org', 'US', 'US', '{"tags": []}', '2024-02-05 11:00:00');
INSERT INTO orders VALUES
  (1, 1, 10.5, 'new', '2024-01-06 10:00:00'), (2, 1, 250, 'paid', '2024-01-20 10:10:10'),
  (3, 2, 30, 'paid', '2024-02-06 09:00:00');
INSERT INTO employees VALUES (1, 'Eve', NULL), (2, 'Fay', 1);
"""
NOT_REPEATABLE = ("random", "now", "current_t", "explain")


@pytest.fixture(scope="module")
def database() -> Any:
    connection = sqlite3.connect(":memory:")
    connection.executescript(SQLITE_SCHEMA)
    yield connection
    connection.close()


def sqlite_queries() -> list[str]:
    rows = json.loads((STATEMENTS / "legit.json").read_text())
    queries = [row["sql"] for row in rows if row["dialect"] == "sqlite"]
    return [sql for sql in queries if not any(word in sql.lower() for word in NOT_REPEATABLE)]


@pytest.mark.parametrize("sql", sqlite_queries())
def test_the_rendered_query_gives_the_same_rows(database: sqlite3.Connection, sql: str) -> None:
    try:
        expected = database.execute(sql).fetchall()
    except sqlite3.OperationalError as error:
        pytest.skip(f"this SQLite or schema cannot run it: {error}")
    assert database.execute(check(sql, "sqlite").sql).fetchall() == expected


@pytest.mark.parametrize(
    ("dialect", "sql", "rendered"),
    [
        ("postgres", "SELECT /* a */ id -- b\nFROM orders;", "SELECT id FROM orders"),
        ("mysql", "SELECT /*+ MAX_EXECUTION_TIME(0) */ id FROM orders # c", "SELECT id FROM orders"),
        ("postgres", "SELECT Btrim(x) FROM t", "SELECT Btrim(x) FROM t"),
        ("postgres", "SELECT a ->> 'x.y' FROM t", "SELECT a ->> 'x.y' FROM t"),
        ("duckdb", "SELECT a ->> 'x.y' FROM t", "SELECT a ->> 'x.y' FROM t"),
        ("postgres", "SELECT 1_000, 0x1F", "SELECT 1000, 31"),
        ("postgres", "SELECT a <=> '[1]' FROM t", "SELECT a <=> '[1]' FROM t"),
        (
            "postgres",
            "SELECT string_agg(DISTINCT a, ',') FROM t",
            "SELECT string_agg(DISTINCT a, ',') FROM t",
        ),
        ("mysql", "SELECT a FROM t WHERE a NOT REGEXP 'x'", "SELECT a FROM t WHERE NOT a REGEXP 'x'"),
        ("mysql", "VALUES ROW(1, 2), ROW(3, 4)", "VALUES ROW(1, 2), ROW(3, 4)"),
        ("mysql", "SELECT UTC_DATE FROM DUAL", "SELECT UTC_DATE FROM DUAL"),
        ("sqlite", "SELECT CAST(a AS DATETIME) FROM t", "SELECT CAST(a AS DATETIME) FROM t"),
        ("duckdb", "PIVOT t ON a USING sum(b) LIMIT 1", "SELECT * FROM (PIVOT t ON a USING sum(b)) LIMIT 1"),
        ("postgres", "EXPLAIN (FORMAT JSON) SELECT 1", "EXPLAIN ( FORMAT JSON ) SELECT 1"),
        ("sqlite", "PRAGMA table_info(orders)", "PRAGMA table_info(orders)"),
        ("mysql", "show full columns from shop.orders", "show full columns from shop.orders"),
    ],
)
def test_a_statement_is_written_in_the_words_of_its_engine(dialect: Any, sql: str, rendered: str) -> None:
    assert check(sql, dialect).sql == rendered
