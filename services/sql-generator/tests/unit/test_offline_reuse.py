"""When a past answer answers a new question, and when it must not."""

import pytest

TOP = ("top 5 customers by revenue", "SELECT name FROM customers ORDER BY revenue DESC LIMIT 5", "verified")
FRENCH = ("customers in France", "SELECT name FROM customers WHERE country = 'France' AND email <> ''", "verified")


@pytest.mark.parametrize("question", ["Customers in France?", "show me the customers in France", "customer in france"])
@pytest.mark.parametrize(("trust", "confidence"), [("verified", 0.98), ("candidate", 0.9)])
def test_the_same_question_gets_the_same_sql(ask, question, trust, confidence):
    draft = ask(question, examples=[(*FRENCH[:2], trust)])

    assert draft.sql == FRENCH[1]
    assert draft.confidence == confidence
    assert len(draft.used_examples) == 1
    assert "Offline" in draft.explanation


@pytest.mark.parametrize(
    ("example", "question", "sql"),
    [
        (FRENCH, "customers in Germany", "SELECT name FROM customers WHERE country = 'Germany' AND email <> ''"),
        (FRENCH, "customers in germany", "SELECT name FROM customers WHERE country = 'Germany' AND email <> ''"),
        (FRENCH, "customers in Spain", "SELECT name FROM customers WHERE country = 'Spain' AND email <> ''"),
        (TOP, "top 10 customers by revenue", "SELECT name FROM customers ORDER BY revenue DESC LIMIT 10"),
        (TOP, "top ten customers by revenue", "SELECT name FROM customers ORDER BY revenue DESC LIMIT 10"),
        (
            ("things like 'chair'", "SELECT name FROM products WHERE name LIKE '%chair%'", "verified"),
            "things like 'o''brien'",
            "SELECT name FROM products WHERE name LIKE '%o''brien%'",
        ),
    ],
)
def test_the_same_question_about_other_values_gets_them(ask, example, question, sql):
    draft = ask(question.replace("''", "'") if "like" in question else question, examples=[example])

    assert draft.sql == sql
    assert draft.confidence == 0.92
    assert "values are replaced" in draft.explanation


@pytest.mark.parametrize(
    ("old", "sql", "new"),
    [
        ("top 5 clients by turnover", "SELECT name FROM customers ORDER BY t DESC LIMIT 5", "worst 5 clients by turnover"),
        ("clients with the highest turnover", "SELECT 1 FROM customers", "clients with the lowest turnover"),
        ("turnover of paid orders", "SELECT 1 FROM orders WHERE status = 'paid'", "turnover of orders"),
        ("turnover of orders", "SELECT 1 FROM orders", "turnover of paid orders"),
        ("turnover per month of orders", "SELECT 1 FROM orders", "turnover per year of orders"),
        ("turnover of orders", "SELECT 1 FROM orders", "turnover of customers"),
        ("orders with turnover", "SELECT 1 FROM orders", "orders without turnover"),
        ("orders that are profitable", "SELECT 1 FROM orders", "orders that are not profitable"),
        ("turnover of french clients", "SELECT 1 FROM customers", "turnover of german clients"),
        ("average turnover of orders", "SELECT 1 FROM orders", "total turnover of orders"),
        ("turnover of orders last month", "SELECT 1 FROM orders", "turnover of orders this month"),
        ("turnover of orders before May", "SELECT 1 FROM orders", "turnover of orders after May"),
        ("turnover and emails of customers", "SELECT email, 1 FROM customers", "turnover of customers"),
        ("turnover of more than 3 orders", "SELECT 1 FROM orders LIMIT 3", "turnover of less than 3 orders"),
        # the old value is not in the SQL, or not as often as the question has it
        ("turnover of orders in 2025", "SELECT 1 FROM orders WHERE ordered_at >= '2025-01-01'", "turnover of orders in 2026"),
        ("top 5 orders by turnover", "SELECT 5 FROM orders LIMIT 5", "top 6 orders by turnover"),
        ("turnover of paid orders", "SELECT 1 FROM orders", "turnover of cancelled orders"),
        # a value of another kind
        ("turnover of paid things", "SELECT 1 FROM orders WHERE status = 'paid'", "turnover of mobile things"),
    ],
)  # fmt: skip
def test_a_question_that_asks_for_something_else_does_not_get_the_old_sql(ask, old, sql, new):
    draft = ask(new, examples=[(old, sql, "verified")], similarity=0.99)

    assert draft.sql is None
    assert draft.used_examples == ()


def test_a_paraphrase_gets_the_verified_sql_and_says_so(ask):
    sql = "SELECT turnover FROM orders"
    draft = ask(
        "what is the turnover for every order?", examples=[("turnover for each of the orders", sql, "verified")]
    )

    assert draft.sql == sql
    assert draft.confidence == 0.75
    assert "seems to ask the same" in draft.explanation


def test_a_verified_answer_is_reused_where_both_questions_tell_the_same_however_they_are_put(ask):
    old, sql = "flurb of customers by country", "SELECT flurb FROM customers GROUP BY country"

    assert ask("for each country, the flurb of customers", examples=[(old, sql, "verified")]).sql == sql
    assert ask("for each city, the flurb of customers", examples=[(old, sql, "verified")]).sql is None
    assert ask("for each country, the glorp of customers", examples=[(old, sql, "verified")]).sql is None


def test_a_question_too_far_from_the_past_one_is_no_paraphrase(ask):
    example = ("turnover for each of the orders", "SELECT turnover FROM orders", "verified")

    assert ask("what is the turnover for every order?", examples=[example], similarity=0.5).sql is None


@pytest.mark.parametrize("trust", ["deprecated", "stale"])
def test_a_pattern_nobody_trusts_is_never_reused(ask, trust):
    assert ask("flurb the customers", examples=[("flurb the customers", "SELECT 1", trust)]).sql is None


def test_sql_with_a_fixed_date_is_not_reused_for_a_moving_one(ask, shop_rows):
    old = "SELECT COUNT(*) FROM orders WHERE ordered_at >= '2024-01-01'"
    draft = ask("how many orders last year", examples=[("how many orders last year", old, "verified")])

    assert shop_rows(draft.sql) == [(2,)]
    assert draft.used_examples == ()


def test_what_was_told_since_goes_before_an_answer_nobody_verified(ask, shop_rows):
    example = ("how many orders", "SELECT COUNT(*) FROM orders", "candidate")
    draft = ask("how many orders", examples=[example], remembered=["Never count cancelled orders"])

    assert shop_rows(draft.sql) == [(5,)]
    assert len(draft.used_memories) == 1


def test_a_verified_answer_goes_before_everything(ask):
    example = ("how many orders", "SELECT COUNT(*) FROM orders WHERE channel = 'web'", "verified")

    assert ask("how many orders", examples=[example], remembered=["Never count cancelled orders"]).sql == example[1]


def test_sql_that_answered_before_names_the_question_it_answered(ask):
    past = ("orders in each of the states they are in", "SELECT orders.status FROM orders", "candidate")
    plain = ask("status of orders", examples=[past])
    composed = ask("status of orders")
    same = (past[0], composed.sql.lower(), "candidate")
    draft = ask("status of orders", examples=[same])

    assert plain.used_examples == ()
    assert draft.sql == composed.sql
    assert len(draft.used_examples) == 1
    assert past[0] in draft.explanation
