"""Which relations a statement reads, resolved by scope."""

from typing import Any

import pytest

from sql_guard import check

RELATIONS = {"orders", "Customers", "sales.items"}


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgres", "SELECT * FROM ORDERS"),
        ("postgres", "SELECT * FROM public.orders"),
        ("postgres", "SELECT * FROM sales.items"),
        ("postgres", "WITH o AS (SELECT * FROM orders) SELECT * FROM O"),
        ("postgres", "WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a"),
        ("postgres", "WITH x AS (SELECT 1) SELECT * FROM x UNION SELECT * FROM x"),
        ("postgres", "SELECT * FROM orders, LATERAL (SELECT orders.id) AS l"),
        ("postgres", "SELECT * FROM generate_series(1, 2) AS secret"),
        ("mysql", "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT * FROM t"),
        ("mysql", "SELECT 1 FROM DUAL"),
        ("mysql", "DESCRIBE orders"),
        ("sqlite", "SELECT * FROM main.orders"),
        ("sqlite", "SELECT 1 FROM orders WHERE 1 IN main.Orders"),
        ("sqlite", "WITH secret AS (SELECT 1) SELECT 1 FROM orders WHERE 1 IN secret"),
        ("duckdb", "SELECT 1 FROM orders WHERE 'a' IN tags"),
        ("sqlite", "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a"),
        ("sqlite", "PRAGMA table_info(customers)"),
        ("duckdb", "FROM orders"),
        ("duckdb", "SELECT orders FROM orders"),
        ("duckdb", "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 3) FROM t"),
        ("duckdb", "SUMMARIZE orders"),
    ],
)
def test_allowed_relations_may_be_read(dialect: Any, sql: str) -> None:
    verdict = check(sql, dialect, relations=RELATIONS)
    assert verdict.allowed, verdict.reason


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgres", "SELECT * FROM secret"),
        ("postgres", "SELECT * FROM items"),
        ("postgres", "SELECT * FROM other.orders"),
        ("postgres", "SELECT (SELECT count(*) FROM secret) FROM orders"),
        ("postgres", "SELECT * FROM orders WHERE id IN (SELECT id FROM secret)"),
        ("postgres", "SELECT * FROM orders, LATERAL (SELECT * FROM secret) AS s"),
        ("postgres", "SELECT * FROM orders JOIN (customers JOIN secret ON true) ON true"),
        ("postgres", "WITH secret AS (SELECT * FROM secret) SELECT * FROM secret"),
        ("postgres", "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a"),
        ("postgres", 'WITH "SECRET" AS (SELECT 1) SELECT * FROM secret'),
        ("postgres", "SELECT * FROM (WITH secret AS (SELECT 1) SELECT * FROM secret) AS q, secret"),
        ("postgres", "(WITH secret AS (SELECT 1) SELECT * FROM secret) UNION SELECT * FROM secret"),
        ("postgres", "SELECT * FROM pg_class"),
        ("postgres", "SELECT * FROM information_schema.columns"),
        ("postgres", "TABLE secret"),
        ("postgres", "WITH \u212a AS (SELECT 1) SELECT * FROM k"),
        ("mysql", "WITH RECURSIVE a AS (SELECT * FROM secret), secret AS (SELECT 1) SELECT * FROM a"),
        ("mysql", "SELECT * FROM other.orders"),
        ("mysql", "SELECT * FROM `dual`"),
        ("mysql", "SHOW TABLES"),
        ("mysql", "DESCRIBE secret"),
        ("sqlite", "SELECT * FROM temp.orders"),
        ("sqlite", "PRAGMA table_info(secret)"),
        ("sqlite", "SELECT * FROM pragma_table_info('secret')"),
        ("sqlite", "SELECT * FROM sqlite_master"),
        ("sqlite", "SELECT 1 FROM orders WHERE id IN secret"),
        ("sqlite", "SELECT 1 FROM orders WHERE id NOT IN main.secret"),
        ("duckdb", "PIVOT secret ON a USING sum(b)"),
        ("duckdb", "SELECT * FROM 'orders.csv'"),
        ("duckdb", "WITH RECURSIVE secret AS (SELECT * FROM secret) FROM secret"),
        ("duckdb", "WITH RECURSIVE secret AS (SELECT id FROM secret UNION SELECT 1) FROM secret"),
    ],
)
def test_any_other_relation_is_refused(dialect: Any, sql: str) -> None:
    verdict = check(sql, dialect, relations=RELATIONS)
    assert verdict.code == "relation_not_allowed"


def test_the_verdict_names_stored_relations_and_columns() -> None:
    verdict = check(
        "WITH big AS (SELECT customer_id FROM orders AS o WHERE o.amount > 10) "
        "SELECT c.name, big.customer_id FROM public.customers AS c JOIN big ON big.customer_id = c.id",
        "postgres",
    )
    assert set(verdict.tables) == {"orders", "public.customers"}
    assert set(verdict.columns) == {"customer_id", "orders.amount", "public.customers.name", "public.customers.id"}


def test_a_unit_of_time_is_not_a_column() -> None:
    verdict = check("SELECT TIMESTAMPDIFF(MONTH, created_at, NOW()) FROM orders", "mysql")
    assert verdict.columns == ("created_at",)
