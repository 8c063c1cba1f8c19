"""When a verified answer is given again, and what becomes of its literals."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.memory_store import RecalledMemory
from contracts.sql_generator import Rule
from sql_generator.domain.precedents import Precedent, still_holds
from sql_generator.generation.model import Turn
from sql_generator.generation.reuse.moments import grows_old
from sql_generator.use_cases.precedents import draft_from

NOW = datetime(2026, 6, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def precedent(question="How many orders are there?", sql="SELECT COUNT(*) FROM orders", **changes):
    given = {"conversation_id": None, "rule_ids": (), "verified_by": "person", "as_of": NOW, "is_doubted": False}
    return Precedent(uuid4(), question, sql, **{**given, **changes})


def memory(content, written_at=LATER):
    return RecalledMemory(
        memory_id=uuid4(),
        content=content,
        memory_type="long_term",
        similarity_score=0.9,
        score=1,
        written_at=written_at,
    )


def rule(updated_at):
    return Rule(
        rule_id=uuid4(),
        rule_name="r",
        rule_type="preference",
        rule_content="alias every table",
        status="active",
        origin="user",
        application_count=0,
        last_applied_at=None,
        created_at=NOW,
        updated_at=updated_at,
    )


def holds(answer=None, question="How many orders are there?", *, turns=(), rules=(), memories=()):
    return still_holds(answer or precedent(), question, turns=turns, rules=rules, memories=memories)


def test_an_answer_holds_while_nothing_that_bears_on_it_is_newer():
    assert holds()
    assert holds(rules=[rule(NOW)], memories=[memory("Orders are never deleted", NOW), memory("Orders", None)])


def test_a_newer_rule_asks_the_model():
    assert not holds(rules=[rule(LATER)])


def test_a_rule_that_shaped_the_answer_and_is_gone_asks_the_model():
    shaping = rule(NOW)
    assert holds(precedent(rule_ids=(shaping.rule_id,)), rules=[shaping])
    assert not holds(precedent(rule_ids=(shaping.rule_id,)))


@pytest.mark.parametrize(
    ("content", "answers"),
    [
        ("An order counts once it is paid", False),
        ("The user's name is Ada", True),
        ("Asked: How many orders are there? → SQL: SELECT COUNT(*) FROM orders", True),
    ],
)
def test_a_newer_memory_of_what_is_asked_asks_the_model(content, answers):
    assert holds(memories=[memory(content)]) is answers


@pytest.mark.parametrize(
    ("question", "answers"),
    [("And by month?", False), ("How many of them are paid?", False), ("How many orders are there?", True)],
)
def test_in_a_conversation_a_question_that_leans_on_its_turns_asks_the_model(question, answers):
    assert holds(precedent(question), question, turns=[Turn("user", "How many customers are there?")]) is answers
    assert holds(precedent(question, conversation_id=uuid4()), question) is answers
    assert holds(precedent(question), question)


def test_the_word_of_a_person_weighs_more_than_success_and_the_later_one_more_than_the_earlier(shop):
    by_success = precedent(sql="SELECT 1", verified_by="success", as_of=LATER)
    first, second = precedent(sql="SELECT 2"), precedent(sql="SELECT 3", as_of=LATER)
    ordered = sorted([by_success, second, first], key=lambda one: one.weight, reverse=True)
    assert ordered == [second, first, by_success]
    assert draft_from("how many orders are there", shop, ordered).sql == "SELECT 3"


@pytest.mark.parametrize(
    ("question", "sql", "old"),
    [
        ("orders of last month", "SELECT 1 FROM orders WHERE ordered_at >= '2026-05-01'", True),
        ("orders of the last 7 days", "SELECT 1 FROM orders WHERE ordered_at >= '2026-06-23'", True),
        ("orders of this year", "SELECT 1 FROM orders WHERE strftime('%Y', ordered_at) = '2026'", True),
        ("orders of the season", "SELECT 1 FROM orders WHERE EXTRACT(YEAR FROM ordered_at) = 2026", True),
        ("orders from January 2026 until now", "SELECT 1 FROM orders WHERE ordered_at < '2026-06-30'", True),
        ("orders of last month", "SELECT 1 FROM orders WHERE ordered_at >= DATE('now', '-1 month')", False),
        (
            "orders in 2025",
            "SELECT 1 FROM orders WHERE ordered_at >= '2025-01-01' AND ordered_at < '2026-01-01'",
            False,
        ),
        ("orders over 5", "SELECT 1 FROM orders WHERE quantity > 5", False),
    ],
)
def test_sql_that_holds_a_moment_fixed_which_the_question_does_not_spell_grows_old(shop, question, sql, old):
    assert grows_old(sql, "sqlite", question) is old
    assert (draft_from(question, shop, [precedent(question, sql)]) is None) is old


PRICE = ("products with a price over 50", "SELECT name FROM products WHERE price > 50")
FRENCH = ("customers in France", "SELECT name FROM customers WHERE country = 'France'")


@pytest.mark.parametrize(
    ("past", "question", "sql"),
    [
        (PRICE, "Products with a price over 99.5", "SELECT name FROM products WHERE price > 99.5"),
        (PRICE, "please show me products with a price over 100?", "SELECT name FROM products WHERE price > 100"),
        (FRENCH, "customers in germany", "SELECT name FROM customers WHERE country = 'Germany'"),
    ],
)
def test_the_same_question_about_other_values_gets_them(shop, past, question, sql):
    draft = draft_from(question, shop, [precedent(*past)])
    assert (draft.sql, draft.model) == (sql, "pattern")
    assert "No model was asked" in draft.explanation


@pytest.mark.parametrize(
    ("past", "question"),
    [
        (PRICE, "products with a price under 60"),
        (PRICE, "products with a price over 60%"),
        (("products with price > 50", PRICE[1]), "products with price < 60"),
        (FRENCH, "customers in Spain"),  # no customer is known to be there: perhaps it is spelled otherwise
        (FRENCH, "customers not in Germany"),
        (("top 5 products", "SELECT name FROM products LIMIT 5"), "top 2.5 products"),
        (("names like 'a'", "SELECT name FROM products WHERE name LIKE '%a%'"), "names like '%'"),
        (("customers in France", "SELECT COUNT(*) AS france_customers FROM customers WHERE country = 'France'"), "customers in Germany"),
        (("orders paid in 2025", "SELECT 1 FROM orders WHERE status = 'paid' AND ordered_at >= '2025-01-01'"), "orders paid in 2026"),
    ],
)  # fmt: skip
def test_where_it_is_not_known_what_the_new_value_means_the_model_is_asked(shop, past, question):
    assert draft_from(question, shop, [precedent(*past)]) is None


def test_values_are_not_replaced_in_sql_of_a_kind_that_a_person_found_wrong(shop):
    doubted = precedent(*PRICE, is_doubted=True)
    assert draft_from("products with a price over 60", shop, [doubted]) is None
    assert draft_from(PRICE[0], shop, [doubted]).sql == PRICE[1]


NUMBERS = st.integers(0, 500) | st.decimals(0, 500, places=2)
TEXTS = st.text(st.sampled_from("aekltu n'-0"), min_size=1, max_size=6).filter(lambda text: text == text.strip(" '-"))
COUNTRIES = st.sampled_from(["Austria", "France", "Germany"])
ASKED = (
    ("products with a price over {0}", "SELECT name FROM products WHERE price > {0}", (NUMBERS,)),
    ("products with a price from {0} to {1}", "SELECT name FROM products WHERE price BETWEEN {0} AND {1}", (NUMBERS, NUMBERS)),
    ("top {0} customers in {1}", "SELECT name FROM customers WHERE country = '{1}' ORDER BY name LIMIT {0}", (st.integers(1, 4), COUNTRIES)),
    ('products like "{0}" over {1}', "SELECT name FROM products WHERE name LIKE '%{0}%' AND price > {1}", (TEXTS, NUMBERS)),
    ("customers in {0} or {1}", "SELECT name FROM customers WHERE country IN ('{0}', '{1}')", (COUNTRIES, COUNTRIES)),
    ("customers since {0}", "SELECT name FROM customers WHERE signed_up_on >= '{0}'", (st.dates(date(2025, 1, 1), date(2026, 12, 31)),)),
)  # fmt: skip


@settings(deadline=None)
@given(st.data())
def test_with_its_literals_replaced_a_query_returns_what_the_directly_written_one_returns(shop, shop_rows, data):
    question, sql, kinds = data.draw(st.sampled_from(ASKED))
    old, new = ([str(data.draw(kind)) for kind in kinds] for _ in range(2))
    written = [sql.format(*(value.replace("'", "''") for value in values)) for values in (old, new)]
    draft = draft_from(question.format(*new), shop, [precedent(question.format(*old), written[0])])
    if draft is None:
        assert kinds[0] is TEXTS or len({as_number(value) for value in old}) < len(old)
    else:
        assert shop_rows(draft.sql) == shop_rows(written[1])


def as_number(value):
    """Values that are the same literal: then it is not known which of them stands where."""
    return float(value) if value.replace(".", "").isdigit() else value.lower()
