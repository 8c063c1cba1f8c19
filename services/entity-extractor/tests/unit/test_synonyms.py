"""Words that mean tables and columns of other names."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from entity_extractor.domain.synonyms import FUNCTION_WORDS, MIN_QUESTIONS, Asked, asked_alike, synonyms
from entity_extractor.domain.words import question_words

ORDERS, CUSTOMERS, CITY = (UUID(int=number) for number in range(1, 4))


def asked(question, *entities):
    return Asked(question_words(question), frozenset(entities))


HISTORY = [
    asked("How many purchases were there?", ORDERS),
    asked("List the purchases of last month", ORDERS),
    asked("Which clients live in Paris?", CUSTOMERS, CITY),
    asked("How many clients do we have?", CUSTOMERS),
    asked("Which clients made purchases?", CUSTOMERS, ORDERS),
]


def meant(question, history=HISTORY):
    return {(each.word, each.entity_id) for each in synonyms(question_words(question), history)}


def test_a_word_means_what_the_queries_of_its_questions_used():
    assert meant("purchases by client") == {("purchas", ORDERS), ("client", CUSTOMERS)}


def test_a_word_of_one_question_or_of_every_question_means_nothing():
    assert meant("last month in Paris") == set()
    every = [asked("the sales purchases", ORDERS), asked("our sales purchases", ORDERS), asked("sales?", ORDERS)]
    assert meant("sales purchases", every) == set()
    assert meant("how many", [*HISTORY, *HISTORY]) == set()


def test_the_tables_of_a_question_much_like_it_are_meant_and_of_another_not():
    assert asked_alike(question_words("purchases of the last month"), HISTORY) == {ORDERS}
    assert asked_alike(question_words("How many suppliers do we have?"), HISTORY) == frozenset()
    assert asked_alike(question_words("anything"), []) == frozenset()


questions = st.builds(
    Asked,
    st.frozensets(st.sampled_from(["client", "purchas", "sal", "pari"])),
    st.frozensets(st.sampled_from([ORDERS, CUSTOMERS, CITY])),
)


@given(st.lists(questions, max_size=12).flatmap(lambda each: st.tuples(st.just(each), st.permutations(each))))
def test_the_order_of_the_questions_does_not_matter_and_every_synonym_has_its_support(orders):
    one, other = orders
    words = {"client", "purchas", "sal", "pari"}
    found = synonyms(words, one)
    assert found == synonyms(words, other)
    assert asked_alike(words, one) == asked_alike(words, other)
    for each in found:
        assert each.questions >= MIN_QUESTIONS
        assert each.word not in FUNCTION_WORDS
        assert sum(each.word in q.words and each.entity_id in q.entities for q in one) == each.questions
