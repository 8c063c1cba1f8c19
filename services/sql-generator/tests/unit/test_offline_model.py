"""What the offline model says when it does not answer, and what it passes on."""

import pytest

from contracts.entity_extractor import KnownJoin, QuestionContext
from contracts.sql_generator import Column, DatabaseSchema, ForeignKey, Table
from sql_generator.generation.model import Attempt, GenerationContext, Tokens
from sql_generator.generation.offline import OfflineModel


async def test_it_drafts_as_the_port_asks(shop):
    model = OfflineModel()
    draft = await model.draft(GenerationContext(question="how many orders", schema=shop))
    await model.close()

    assert model.name == "offline"
    assert draft.sql == "SELECT COUNT(*) AS number_of_orders FROM orders"
    assert draft.tokens == Tokens()


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("revenue per country", "revenue"),
        ("customers in Narnia with a yacht", "yacht"),
        ("why did orders drop", "drop"),
        ("products like 'Kettle' but shinier", "shinier"),
        ("flurb", "flurb"),
    ],
)
def test_it_names_the_words_it_does_not_know(ask, question, word):
    draft = ask(question)

    assert draft.sql is None
    assert f"'{word}'" in draft.explanation
    assert draft.explanation.startswith("Offline")
    assert draft.confidence < 0.3


def test_it_is_surer_the_more_words_it_understood(ask):
    assert ask("flurb zonk").confidence < ask("flurb of customers in France").confidence


@pytest.mark.parametrize(
    "question",
    [
        "top 5 customers",
        "the largest order",
        "the most expensive product in each category",
        "total number of customers and orders",
        "what percentage of orders are cancelled",
        "orders older than 30 days",
        "customers who are both in France and Germany",
        "",
        "?!",
        "the",
        "not",
        "how many",
        "average name of customers",
        "orders in 2025 or with channel web by",
    ],
)
def test_it_does_not_guess_what_is_not_said(ask, question):
    assert ask(question).sql is None


@pytest.mark.parametrize(
    ("question", "verb"),
    [
        ("delete all orders", "delete"),
        ("please drop the table customers", "drop"),
        ("Can you update the price of all products to 0?", "update"),
        ("remove customers without orders", "remove"),
        ("cancel order 5", "cancel"),
    ],
)
def test_it_only_reads(ask, question, verb):
    draft = ask(question)

    assert draft.sql is None
    assert draft.explanation == f"Offline: I only read data, so I cannot {verb} anything."


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT name FROM customers",
        "select count(*) from orders where status = 'paid'",
        "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
        "DROP TABLE customers",
        "DELETE FROM orders",
        "update customers set name = 'x'",
        "INSERT INTO orders VALUES (1)",
        "TRUNCATE orders",
        "SELECT 1; DROP TABLE customers",
        "PRAGMA writable_schema = 1",
        "ATTACH DATABASE 'x' AS y",
        "COPY customers TO '/tmp/x'",
        "select * from pg_shadow",
    ],
)
def test_a_statement_is_passed_on_for_the_guard_to_judge(ask, sql):
    assert ask(sql).sql == sql


def test_english_that_starts_like_sql_is_english(ask, shop_rows):
    assert shop_rows(ask("select all customers from France").sql or "SELECT 0") != []
    assert ask("select all customers from France").sql != "select all customers from France"


def test_what_did_not_work_is_not_tried_again(ask):
    sql = ask("how many orders").sql
    draft = ask("how many orders", attempts=(Attempt(sql, "no such table: orders"),))

    assert draft.sql is None
    assert "no such table: orders" in draft.explanation
    assert draft.confidence < 0.3


def test_after_a_failed_example_it_composes(ask, shop_rows):
    bad = "SELECT COUNT(*) FROM ordres"
    draft = ask("how many orders", examples=[("how many orders", bad, "verified")], attempts=(Attempt(bad, "no"),))

    assert shop_rows(draft.sql) == [(6,)]


def table(name, *columns, keys=(), samples=()):
    return Table(
        name=name,
        columns=tuple(
            Column(name=column, type="INTEGER" if column.lower().endswith("id") else "TEXT", primary_key=not position,
                   samples=dict(samples).get(column, ()))
            for position, column in enumerate(columns)
        ),
        foreign_keys=tuple(ForeignKey(columns=(own,), target_table=target, target_columns=(end,)) for own, target, end in keys),
    )  # fmt: skip


def test_names_are_quoted_only_where_they_must_be(ask):
    tables = (table("Order Lines", "LineId", "order", "plain"),)

    assert (
        ask("show all order lines", schema=DatabaseSchema(dialect="postgres", tables=tables)).sql
        == 'SELECT "LineId", "order", plain FROM "Order Lines"'
    )
    assert (
        ask("show all order lines", schema=DatabaseSchema(dialect="sqlite", tables=tables)).sql
        == 'SELECT LineId, "order", plain FROM "Order Lines"'
    )


def test_a_table_of_another_schema_keeps_its_schema(ask):
    schema = DatabaseSchema(dialect="postgres", tables=(table("sales.deals", "deal_id", "title"),))

    assert ask("how many deals", schema=schema).sql == "SELECT COUNT(*) AS number_of_deals FROM sales.deals"


def test_a_column_two_tables_have_is_asked_back(ask):
    schema = DatabaseSchema(
        dialect="sqlite",
        tables=(
            table("cats", "cat_id", "name", "colour"),
            table("dogs", "dog_id", "name", "colour"),
        ),
    )
    draft = ask("what are the colours", schema=schema)

    assert draft.sql is None
    assert "'colours'" in draft.explanation


def test_two_keys_to_one_table_are_asked_back_unless_the_question_says_which(ask):
    keys = (("home_id", "clubs", "club_id"), ("guest_id", "clubs", "club_id"))
    schema = DatabaseSchema(
        dialect="sqlite",
        tables=(table("clubs", "club_id", "name"), table("games", "game_id", "home_id", "guest_id", keys=keys)),
    )
    assert "home_id or guest_id" in ask("clubs with more than 2 games", schema=schema).explanation
    assert "games.guest_id" in ask("clubs with more than 2 games as a guest", schema=schema).sql


def test_tables_without_keys_are_joined_as_past_queries_did(ask):
    tables = (
        table("clubs", "club_id", "name", "town", samples=[("town", ("Bern", "Rome"))]),
        table("fans", "fan_id", "club"),
    )
    schema = DatabaseSchema(dialect="sqlite", tables=tables)
    join = KnownJoin(left_table="fans", right_table="clubs", condition="fans.club = clubs.club_id", strength=1)
    question = "how many fans have clubs in Rome"

    assert ask(question, schema=schema).sql is None
    known = ask(question, schema=schema, knowledge=QuestionContext(joins=(join,)))
    assert "fans.club = clubs.club_id" in known.sql


def test_a_sample_that_was_cut_is_no_value(ask):
    schema = DatabaseSchema(
        dialect="sqlite", tables=(table("notes", "note_id", "body", samples=[("body", ("very long…",))]),)
    )

    assert ask("notes with body very long", schema=schema).sql is None
