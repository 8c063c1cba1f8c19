"""The variants of the score, and how they are compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.memory_store import Search
from memori_cli.evaluation.ablation import ALONE, FULL, LEFT_OUT, TERMS, ablated
from memori_cli.evaluation.metrics import Answer

VARIANTS = (FULL, *LEFT_OUT, *ALONE)
RELEVANT = frozenset({"a", "b"})

rankings = st.permutations(["a", "b", *map(str, range(12))])


def answer(found, category="c", *, degraded=False):
    return Answer("file", category, RELEVANT, tuple(found), seconds=0.01, degraded=degraded)


def test_each_term_is_left_out_once_and_text_and_vector_are_alone_once():
    assert [variant.without for variant in LEFT_OUT] == [(term,) for term in TERMS]
    assert {variant.name: set(TERMS) - set(variant.without) for variant in ALONE} == {
        "text alone": {"text"},
        "vector alone": {"vector"},
    }
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_api_takes_every_variant(variant):
    assert Search.model_validate({"query": "q", "without": variant.without}).without == variant.without


def test_the_difference_is_that_of_the_recall_among_the_first_ten():
    rows = ablated({FULL: [answer("ab"), answer("ax")], LEFT_OUT[0]: [answer("ab"), answer("xy")]})
    assert [row.variant for row in rows] == [FULL, LEFT_OUT[0]]
    assert [row.overall.recall[10] for row in rows] == [0.75, 0.5]
    assert [row.difference for row in rows] == [0, -0.25]


def test_evidence_beyond_the_first_ten_hits_makes_no_difference():
    late = answer([*"0123456789", "a", "b"])
    (_, row) = ablated({FULL: [late], ALONE[0]: [answer("")]})
    assert row.difference == 0


def test_categories_are_compared_apart_and_degraded_answers_are_counted():
    (_, row) = ablated(
        {
            FULL: [answer("ab", "x"), answer("ab", "y")],
            ALONE[1]: [answer("ab", "x"), answer("", "y", degraded=True)],
        }
    )
    assert {name: measured.recall[10] for name, measured in row.categories.items()} == {"x": 1, "y": 0}
    assert row.degraded == 0.5


@given(st.lists(st.tuples(*[rankings] * len(VARIANTS)), min_size=1, max_size=5))
def test_a_difference_added_to_the_full_score_is_the_recall_of_the_variant(questions):
    given_answers = {variant: [answer(found[i]) for found in questions] for i, variant in enumerate(VARIANTS)}
    full, *rest = ablated(given_answers)
    assert full.difference == 0
    for row in rest:
        assert full.overall.recall[10] + row.difference == pytest.approx(row.overall.recall[10])
        assert -1 <= row.difference <= 1
