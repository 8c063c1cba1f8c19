"""Rules in plain words: what is read in them for sure, and what is left to the model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.sql_generator import (
    AliasTables,
    Column,
    DatabaseSchema,
    FilterRows,
    ForbidReading,
    LimitRows,
    MaskColumn,
    RequireCondition,
    RoundNumbers,
    Table,
)
from sql_generator.rules.reading import read

SCHEMA = DatabaseSchema(
    dialect="sqlite",
    tables=(
        Table(
            name="customers",
            columns=(
                Column(name="id", type="INTEGER"),
                Column(name="name", type="TEXT"),
                Column(name="contact_email", type="TEXT"),
                Column(name="phone_number", type="TEXT"),
                Column(name="phone_verified", type="BOOLEAN"),
                Column(name="is_deleted", type="BOOLEAN"),
            ),
        ),
        Table(
            name="orders",
            columns=(
                Column(name="id", type="INTEGER"),
                Column(name="status", type="TEXT", samples=("cancelled", "paid", "refunded")),
                Column(name="billing_status", type="TEXT", samples=("paid", "unpaid")),
                Column(name="archived_at", type="TIMESTAMP"),
                Column(name="ordered_at", type="TIMESTAMP"),
            ),
        ),
        Table(name="suppliers", columns=(Column(name="email", type="TEXT"), Column(name="fax", type="TEXT"))),
    ),
)


def status(operator, *values):
    return FilterRows(table="orders", column="status", operator=operator, values=values)


EMAILS = [("customers", "contact_email"), ("suppliers", "email")]


@pytest.mark.parametrize(
    ("words", "effects"),
    [
        ("prefers aliases for all tables", [AliasTables()]),
        ("The user prefers aliases for all tables.", [AliasTables()]),
        ("Please always use short aliases for every table", [AliasTables()]),
        ("alias all tables", [AliasTables()]),
        ("limit to 100 rows by default", [LimitRows(rows=100)]),
        ("Limit results to 20", [LimitRows(rows=20)]),
        ("always limit results to 20 rows", [LimitRows(rows=20, mode="maximum")]),
        ("never return more than 50 rows", [LimitRows(rows=50, mode="maximum")]),
        ("Round amounts to two decimals", [RoundNumbers(decimals=2)]),
        ("round to cents", [RoundNumbers(decimals=2)]),
        ("never show email addresses", [ForbidReading(table=table, column=column) for table, column in EMAILS]),
        ("do not reveal e-mails of suppliers", [ForbidReading(table="suppliers", column="email")]),
        ("Hide suppliers.fax", [ForbidReading(table="suppliers", column="fax")]),
        ("never query suppliers", [ForbidReading(table="suppliers")]),
        ("mask phone numbers", [MaskColumn(table="customers", column="phone_number")]),
        ("mask customer phone numbers", [MaskColumn(table="customers", column="phone_number")]),
        ("Partially mask phone numbers", [MaskColumn(table="customers", column="phone_number", how="partial")]),
        ("hash e-mail addresses", [MaskColumn(table=table, column=column, how="hash") for table, column in EMAILS]),
        (
            "show only the last four digits of phone numbers",
            [MaskColumn(table="customers", column="phone_number", how="partial")],
        ),
        (
            "mask phone numbers and fax numbers",
            [MaskColumn(table="customers", column="phone_number"), MaskColumn(table="suppliers", column="fax")],
        ),
        ("always exclude cancelled orders", [status("<>", "cancelled")]),
        ("Ignore Cancelled and refunded orders", [status("not in", "cancelled", "refunded")]),
        ("only count refunded orders", [status("=", "refunded")]),
        ("only refunded orders count", [status("=", "refunded")]),
        ("exclude orders with status 'void'", [status("<>", "void")]),
        (
            "exclude deleted customers",
            [FilterRows(table="customers", column="is_deleted", operator="<>", values=(True,))],
        ),
        ("exclude archived orders", [FilterRows(table="orders", column="archived_at", operator="is null")]),
        (
            "queries on orders must be filtered by ordered_at",
            [RequireCondition(table="orders", column="ordered_at")],
        ),
    ],
)
def test_what_words_say_for_sure_is_read(words, effects):
    assert list(read(words, SCHEMA)) == effects


@pytest.mark.parametrize(
    "words",
    [
        "only count paid orders",  # the status or the billing status?
        "exclude pending orders",  # no column is known to hold it
        "exclude cancelled orders unless I ask for them",
        "mask phone numbers and passwords",  # one of the two is not there
        "mask phone numbers. Show names",
        "never show salaries",
        "I like dates as month names",
        "never use aliases",
        "don't mask phone numbers",
        "limit to 0 rows",
        "Revenue must only count refunded orders",
        "show phone numbers in full",
        "",
        "mask " + "phone numbers and " * 50,
    ],
)
def test_where_words_leave_a_doubt_nothing_is_read(words):
    assert read(words, SCHEMA) == ()


@given(st.text(max_size=300))
def test_any_text_can_be_read(text):
    assert isinstance(read(text, SCHEMA), tuple)
