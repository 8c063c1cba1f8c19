"""What memories and rules tell the offline model, and what they cannot."""

from uuid import uuid4

import pytest

from sql_generator.generation.model import RuleText

REVENUE = "Revenue means sum(order_items.quantity * order_items.unit_price)"


@pytest.mark.parametrize(
    ("definition", "question", "rows"),
    [
        (REVENUE, "what was the total revenue?", [(1680,)]),
        (REVENUE, "revenue in 2025", [(580,)]),
        (REVENUE, "revenue per country", [("France", 620), ("Germany", 1060)]),
        (REVENUE, "top 1 customers by revenue", [("Cleo", 1060)]),
        (REVENUE, "which product has the highest revenue?", [("Turntable",)]),
        (REVENUE, "customers with revenue above 1000", [("Cleo",)]),
        (REVENUE, "yearly revenue", [("2025", 580), ("2026", 1100)]),
        (
            "Revenue is quantity * unit_price of order_items",
            "revenue per country",
            [("France", 620), ("Germany", 1060)],
        ),
        ("Revenue is the sum of quantity times unit price of order items.", "total revenue", [(1680,)]),
        ("Revenue means sum(quantity * unit_price) where status in ('paid', 'shipped')", "total revenue", [(1160,)]),
        ("Revenue = sum(quantity * unit_price) where orders.status is paid or shipped", "total revenue", [(1160,)]),
        ("When I say gross sales I mean sum(quantity * unit_price)", "gross sales", [(1680,)]),
        ("AOV is sum(quantity * unit_price) / count(distinct orders.order_id)", "AOV in 2025", [(290,)]),
        ("A big customer is a customer whose segment is 'enterprise'", "list the big customers", [("Cleo",)]),
        ("Active customers are those with segment = 'consumer'", "how many active customers are there?", [(2,)]),
        ("VIPs are customers with segment 'enterprise' or 'business'", "how many VIPs are in France", [(1,)]),
        ("A product is expensive when its price is over 100", "expensive products", [("Radio",), ("Turntable",)]),
    ],
)
def test_a_definition_shapes_the_answer(ask, shop_rows, definition, question, rows):
    draft = ask(question, remembered=[definition])

    assert draft.sql is not None, draft.explanation
    assert sorted(shop_rows(draft.sql)) == rows
    assert len(draft.used_memories) == 1
    assert definition.rstrip(".") in draft.explanation


@pytest.mark.parametrize(
    ("told", "question", "rows"),
    [
        ("By default exclude cancelled orders", "how many orders", [(5,)]),
        ("Never count cancelled or refunded orders", "how many orders per channel", [("web", 4)]),
        ("Only count orders with status 'paid' or 'shipped'", "how many orders", [(4,)]),
        ("By default exclude cancelled orders", "total quantity", [(14,)]),
        ("By default exclude cancelled orders", "customers without orders in 2025", [("Bob",), ("Cleo",), ("Dan",)]),
        ("By default exclude cancelled orders", "customers with at least 2 orders", [("Cleo",)]),
    ],
)
def test_a_standing_condition_holds_wherever_its_table_is_read(ask, shop_rows, told, question, rows):
    draft = ask(question, remembered=[told])

    assert sorted(shop_rows(draft.sql)) == rows
    assert len(draft.used_memories) == 1


def test_what_the_question_says_goes_before_a_standing_condition(ask, shop_rows):
    draft = ask("how many cancelled orders", remembered=["By default exclude cancelled orders"])

    assert shop_rows(draft.sql) == [(1,)]
    assert draft.used_memories == ()


@pytest.mark.parametrize("told", ["prefers aliases for all tables", "Always use table aliases."])
def test_who_prefers_aliases_gets_them(ask, told):
    draft = ask("orders of customers in France", remembered=[told])

    assert "FROM orders AS o JOIN customers AS c ON o.customer_id = c.customer_id" in draft.sql
    assert len(draft.used_memories) == 1


def test_who_never_wants_aliases_gets_none(ask):
    assert " AS " not in ask("orders of customers in France", remembered=["Never use table aliases"]).sql


def test_aliases_are_given_to_reused_sql_as_well(ask):
    sql = "SELECT name FROM customers WHERE country = 'France'"
    draft = ask("French people", examples=[("French people", sql, "verified")], remembered=["Always use table aliases"])

    assert draft.sql == "SELECT name FROM customers AS c WHERE country = 'France'"
    assert len(draft.used_memories) == 1
    assert len(draft.used_examples) == 1


def test_wishes_about_order_rows_and_decimals_are_followed(ask):
    wishes = "I prefer results sorted by revenue descending. I want at most 7 rows. Please round money to 2 decimals."
    sql = ask("revenue per country", remembered=[REVENUE, wishes]).sql

    assert "ROUND(SUM(order_items.quantity * order_items.unit_price), 2) AS revenue" in sql
    assert sql.endswith("ORDER BY SUM(order_items.quantity * order_items.unit_price) DESC LIMIT 7")


def test_a_rule_is_reported_as_a_rule_and_goes_before_a_memory(ask, shop_rows):
    rule = RuleText(uuid4(), "revenue", "preference", "Revenue means sum(order_items.quantity)")
    draft = ask("total revenue", remembered=[REVENUE], rules=(rule,))

    assert shop_rows(draft.sql) == [(15,)]
    assert draft.used_rules == (rule.rule_id,)
    assert draft.used_memories == ()


@pytest.mark.parametrize(
    "content",
    [
        "Revenue is great",
        "Revenue means pg_sleep(10)",
        "Revenue means (SELECT password FROM users)",
        "Revenue means sum(quantity) FROM orders; DROP TABLE orders",
        "Revenue means sum(quantity) -- and nothing else\nFROM orders",
        "Revenue means sum(quantity), load_extension('x')",
        "Revenue means sum(wages)",
        "Revenue means customer_id",
        "Revenue means 42",
        "Asked: what is revenue? → SQL: x\nRevenue means sum(order_items.quantity)",
    ],
)
def test_a_sentence_that_defines_nothing_known_is_ignored(ask, content):
    draft = ask("total revenue", remembered=[content])

    assert draft.sql is None
    assert "'revenue'" in draft.explanation
    assert draft.used_memories == ()


def test_a_definition_never_replaces_a_name_of_the_schema(ask, shop_rows):
    draft = ask("how many orders", remembered=["Orders means sum(order_items.quantity)"])

    assert shop_rows(draft.sql) == [(6,)]
    assert draft.used_memories == ()


def test_a_measure_of_some_rows_is_not_mixed_with_measures_of_all(ask):
    told = "Revenue means sum(quantity * unit_price) where status = 'paid'"

    assert ask("revenue and number of orders per country", remembered=[told]).sql is None


def test_a_rule_that_is_applied_to_the_statement_anyway_is_not_applied_twice(ask):
    rule = RuleText(uuid4(), "paid", "constraint", "Always exclude cancelled orders", is_automatic=True)
    assert ask("How many orders are there?", rules=(rule,)).sql == ask("How many orders are there?").sql
