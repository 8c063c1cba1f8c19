"""What a statement uses of a schema, whatever way its names are written."""

import pytest

from contracts.sql_generator import Column, DatabaseSchema, Table
from sql_generator.domain.used_names import names_of, used_names
from sql_guard import check


def table(name, *columns):
    return Table(name=name, columns=tuple(Column(name=column, type="text") for column in columns))


SCHEMA = DatabaseSchema(
    dialect="postgres",
    tables=(table("orders", "id", "Status", "customer_id"), table("customers", "id", "name"), table("eu.sales", "id")),
)


@pytest.mark.parametrize(
    ("sql", "tables", "columns"),
    [
        ("SELECT id FROM orders", ("orders",), ("orders.id",)),
        ('SELECT o.ID, "Status" FROM public.ORDERS AS o', ("orders",), ("orders.id", "orders.Status")),
        ("SELECT s.id FROM eu.sales s", ("eu.sales",), ("eu.sales.id",)),
        ("SELECT COUNT(*) AS n FROM orders ORDER BY n", ("orders",), ()),
        (
            "WITH few AS (SELECT customer_id AS who FROM orders) SELECT name FROM customers JOIN few ON who = customers.id",
            ("orders", "customers"),
            ("customers.name", "customers.id", "orders.customer_id"),
        ),
    ],
)
def test_names_are_those_of_the_schema(sql, tables, columns):
    verdict = check(sql, "postgres", relations=[each.name for each in SCHEMA.tables])
    used = used_names(verdict, SCHEMA)
    assert (set(used.tables), set(used.columns)) == (set(tables), set(columns))
    assert set(used.columns) <= set(names_of(SCHEMA).columns)
