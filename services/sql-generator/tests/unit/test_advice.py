import pytest

from contracts.sql_generator import Column, DatabaseSchema, Table
from sql_generator.domain.advice import MANY_ROWS, advice_on


def table(name, columns, rows):
    named = tuple(Column(name=column, type="int", primary_key=column == "id") for column in columns.split("|"))
    return Table(name=name, columns=named, row_estimate=rows)


def shop(dialect="postgres"):
    return DatabaseSchema(
        dialect=dialect,
        tables=(
            table("orders", "id|customer_id|status|placed at", MANY_ROWS),
            table("customers", "id|name", MANY_ROWS - 1),
            table("sales.returns", "id|order_id", None),
            table("settings", "currency", 1),
        ),
    )


def kinds(sql, scans=()):
    return [advice.kind for advice in advice_on(sql, shop(), scans)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COUNT(*) FROM orders, customers",
        "SELECT COUNT(*) FROM orders CROSS JOIN customers",
        "SELECT COUNT(*) FROM orders AS o JOIN customers AS c ON 1 = 1 WHERE o.status = 1",
        "SELECT COUNT(*) FROM orders JOIN customers ON customer_id = customers.id, sales.returns",
        "SELECT name FROM customers WHERE id IN (SELECT o.id FROM orders AS o, orders AS p)",
        "WITH x AS (SELECT o.id FROM orders AS o, customers AS c) SELECT * FROM x",
    ],
)
def test_relations_that_nothing_connects_are_pointed_out(sql):
    assert kinds(sql) == ["cartesian_join"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COUNT(*) FROM orders",
        "SELECT COUNT(*) FROM orders, customers WHERE customer_id = customers.id",
        "SELECT COUNT(*) FROM orders JOIN customers ON LOWER(customers.name) = orders.status AND 1 = 1",
        "SELECT COUNT(*) FROM orders NATURAL JOIN customers",
        "SELECT COUNT(*) FROM orders JOIN customers USING (id)",
        "SELECT COUNT(*) FROM orders, settings",
        "SELECT COUNT(*) FROM orders, (SELECT 1 AS one) AS x",
        "WITH x AS (SELECT id FROM customers) SELECT * FROM orders, x, customers AS c WHERE x.id = customer_id AND c.id = x.id",
        "SELECT COUNT(*) FROM orders AS o JOIN sales.returns AS r ON r.order_id = o.id",
        "SELECT COUNT(*) FROM orders AS o, customers AS c WHERE mystery = 1",
        "SELECT c.name, l.n FROM customers AS c, LATERAL (SELECT COUNT(*) AS n FROM orders WHERE customer_id = c.id) AS l",
        "this is no SQL (",
    ],
)
def test_relations_that_are_connected_or_harmless_are_not(sql):
    assert kinds(sql) == []


def test_a_large_table_that_is_read_as_a_whole_is_pointed_out():
    sql = "SELECT o.id FROM orders AS o JOIN customers ON customers.id = o.customer_id"
    (advice,) = advice_on(sql, shop(), ("o", "customers", "unknown"))
    assert (advice.kind, advice.message) == ("full_scan", "all of orders is read, about 100,000 rows")
    assert advice_on(sql, shop()) == ()


@pytest.mark.parametrize(
    ("where", "columns"),
    [
        ("status = 1", '"status"'),
        ('status IN (1, 2) AND orders."placed at" > 5 AND id < 3', '"status", "placed at"'),
        ('7 <= "placed at"', '"placed at"'),
        ("status IS NULL", '"status"'),
        ("customer_id = (SELECT MAX(id) FROM customers)", '"customer_id"'),
    ],
)
def test_an_index_is_suggested_on_what_chooses_the_rows(where, columns):
    (advice,) = advice_on(f"SELECT id FROM orders WHERE {where}", shop(), ("orders",))
    assert advice.suggestion.endswith(f'ON "orders" ({columns})')


@pytest.mark.parametrize("where", ["id = 1", "LOWER(status) = 1", "status + 1 = 2", "1 = 1", "status <> 1"])
def test_no_index_is_suggested_that_would_not_help(where):
    (advice,) = advice_on(f"SELECT id FROM orders WHERE {where}", shop(), ("orders",))
    assert advice.suggestion is None


def test_a_join_suggests_an_index_where_no_value_chooses_the_rows():
    sql = "SELECT o.id FROM customers AS c JOIN orders AS o ON o.customer_id = c.id"
    (advice,) = advice_on(sql, shop("sqlite"), ("o",))
    assert advice.suggestion == 'CREATE INDEX "orders_customer_id_idx" ON "orders" ("customer_id")'
