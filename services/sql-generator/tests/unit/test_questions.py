import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql_generator.domain.questions import question_key, wording

SAME = [
    "how many orders are there",
    "How many orders are there?",
    "  How many   ORDERS are there ?!",
    "Please, how many orders are there?",
    "Could you please tell me how many orders are there? Thanks!",
    "Hi! I'd like to know how many orders are there.",
    "show me how many orders are there, please",
    "“How many orders are there?”",
]
OTHERS = [
    ("orders over 5", "orders over 6"),
    ("orders > 5", "orders < 5"),
    ("orders != 5", "orders = 5"),
    ("orders over -5", "orders over 5"),
    ("orders over 5%", "orders over 5"),
    ("orders over 1.5", "orders over 15"),
    ("orders of Adams", "orders of Adam"),
    ("orders in Paris", "orders not in Paris"),
    ("orders since 2024-01-05", "orders since 2024-01-06"),
    ("can customers order twice", "customers order twice"),
    ("price in €", "price in $"),
]


@pytest.mark.parametrize("question", SAME)
def test_case_punctuation_and_politeness_do_not_make_another_question(question):
    assert question_key(question) == question_key(SAME[0])


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_every_word_sign_and_number_does(one, other):
    assert question_key(one) != question_key(other)


def test_a_number_is_the_same_however_its_thousands_are_marked():
    assert question_key("over 1,000,000 rows") == question_key("over 1000000 rows")


@given(st.text(max_size=60))
def test_the_wording_is_its_own_wording_and_does_not_depend_on_case(question):
    assert wording(wording(question)) == wording(question)
    assert (key := question_key(question)) is None or len(key) == 64


@pytest.mark.parametrize("question", ["And by month?", "only for Paris", "per country"])
def test_a_question_that_goes_on_from_another_is_the_same_as_none(question):
    assert question_key(question) is None


@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_the_wording_does_not_depend_on_case(question):
    assert wording(question.upper()) == wording(question.lower())
