import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql_generator.domain.likeness import Past, likeness

NAMES = "SELECT customers.name FROM customers"
IDS = "SELECT customers.customer_id FROM customers"
BY_ORDERS = (
    "SELECT customers.name FROM customers JOIN orders ON orders.customer_id = customers.customer_id"
    " GROUP BY customers.name ORDER BY COUNT(*) {direction} LIMIT 1"
)


def best(question, *pasts):
    """Of past queries whose questions mean equally much to the embedding, the SQL of the one most like the question."""
    ranked = likeness(question, [Past(asked, sql, 0.8) for asked, sql in pasts])
    return pasts[ranked.index(max(ranked))][1]


@pytest.mark.parametrize("direction", ["DESC", "ASC"])
def test_the_most_is_not_the_fewest(direction):
    most = "Who placed the most orders?", BY_ORDERS.format(direction="DESC")
    fewest = "Who placed the fewest orders?", BY_ORDERS.format(direction="ASC")
    asked = {"DESC": "Find the customer with the largest number of orders", "ASC": "The customer with the least orders"}
    assert best(asked[direction], most, fewest) == BY_ORDERS.format(direction=direction)


def test_whoever_asks_for_ids_wants_no_names():
    pasts = ("Who are our customers?", NAMES), ("How do we tell customers apart?", IDS)
    assert best("What are the ids of all customers?", *pasts) == IDS


def test_who_did_not_is_not_who_did():
    did = "SELECT name FROM customers WHERE customer_id IN (SELECT customer_id FROM orders)"
    did_not = "SELECT name FROM customers WHERE NOT customer_id IN (SELECT customer_id FROM orders)"
    pasts = ("Customers with an order", did), ("Customers with no order", did_not)
    assert best("Which customers never ordered?", *pasts) == did_not


@pytest.mark.parametrize("asked", ["Countries with at least 3 customers", "Countries with three or more customers"])
def test_numbers_count_in_digits_and_in_words(asked):
    sql = "SELECT country FROM customers GROUP BY country HAVING COUNT(*) >= {}"
    pasts = [(f"Which countries have {n} customers or more?", sql.format(n)) for n in (2, 3, 5)]
    assert best(asked, *pasts) == sql.format(3)


def test_what_stands_in_a_string_is_no_part_of_the_statement():
    plain, quoted = "SELECT name FROM t WHERE city = 'Not Max (or Min)'", "SELECT name FROM t WHERE city = 'Rome'"
    one, other = likeness("Names there", [Past("?", plain, 0.8), Past("?", quoted, 0.8)])
    assert one == other


def test_meaning_decides_where_nothing_else_differs():
    near, far = likeness("Names of customers", [Past("Names", NAMES, 0.9), Past("Names", NAMES, 0.6)])
    assert near > far


texts = st.text(st.characters(codec="utf-8"), max_size=60)


@given(texts, st.lists(st.tuples(texts, texts, st.floats(0, 1)), max_size=5))
def test_each_past_query_has_a_likeness_from_zero_to_one(question, pasts):
    found = likeness(question, [Past(*past) for past in pasts])
    assert len(found) == len(pasts)
    assert all(0 <= one <= 1 for one in found)


@given(texts, st.floats(0, 1))
def test_likeness_grows_with_meaning(question, meaning):
    less, more = likeness(question, [Past("q", NAMES, meaning / 2), Past("q", NAMES, meaning)])
    assert less <= more
