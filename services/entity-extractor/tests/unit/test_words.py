import pytest
from hypothesis import given
from hypothesis import strategies as st

from entity_extractor.domain.words import name_words, question_words


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("customers", "How many customers are there?"),
        ("customer", "How many CUSTOMERS are there?"),
        ("order_items", "list the order item with ..."),
        ("OrderItems", "items of each order"),
        ("HTTPRequests", "an http request"),
        ("cities", "which city"),
        ("movie", "all movies"),
        ("address", "their addresses"),
        ("boxes", "one box"),
        ("person", "how many people"),
        ("tbl_orders", "every order"),
        ("status", "by status"),
        ("ids", "the id"),
        ("table", "the table"),
        ("größe", "nach Größe"),
        ("orders2024", "orders in 2024"),
    ],
)
def test_a_question_holds_the_words_of_what_it_names(name, question):
    assert set(name_words(name)) <= question_words(question)


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("order_items", "all orders"),
        ("customer_id", "all customers"),
        ("prices", "the pricing"),
    ],
)
def test_a_question_that_lacks_a_word_names_it_not(name, question):
    assert not set(name_words(name)) <= question_words(question)


def test_a_name_of_symbols_has_no_words():
    assert name_words("$$_") == ()


@given(st.text(max_size=50))
def test_every_name_with_words_is_named_by_itself(text):
    assert set(name_words(text)) <= question_words(text)
