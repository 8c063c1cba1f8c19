"""What recall, reciprocal rank and percentiles are, and the laws they obey."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memori_cli.evaluation.metrics import (
    CUTOFFS,
    Answer,
    by_category,
    by_file,
    percentile,
    quality,
    recall_at,
    reciprocal_rank,
)

items = st.integers(0, 30)
relevant_items = st.frozensets(items, min_size=1)
rankings = st.lists(items, unique=True, max_size=25)


def answer(relevant, found, category="c", file="f"):
    return Answer(file, category, frozenset(relevant), tuple(found), seconds=0.01, degraded=False)


answers = st.builds(answer, relevant_items, rankings, st.sampled_from("ab"))


def test_recall_is_the_share_of_the_evidence_among_the_first_k():
    assert recall_at(2, {"a", "b", "c"}, ["a", "x", "b"]) == pytest.approx(1 / 3)
    assert recall_at(3, {"a", "b", "c"}, ["a", "x", "b"]) == pytest.approx(2 / 3)


def test_the_reciprocal_rank_is_that_of_the_first_hit():
    assert reciprocal_rank({"a", "b"}, ["x", "b", "a"]) == 1 / 2
    assert reciprocal_rank({"a"}, ["x"]) == 0


def test_each_question_counts_the_same_however_much_evidence_it_has():
    measured = quality([answer("a", "a"), answer("wxyz", "b")])
    assert (measured.questions, measured.recall[5], measured.mrr) == (2, 0.5, 0.5)


def test_the_answers_of_a_file_stay_together_in_the_order_of_the_files():
    given_answers = [answer("a", "a", file=file) for file in "zaz"]
    assert {file: len(group) for file, group in by_file(given_answers).items()} == {"z": 2, "a": 1}
    assert list(by_file(given_answers)) == ["z", "a"]


def test_a_percentile_is_a_value_that_was_measured():
    assert percentile([4, 1, 3, 2], 0.5) == 2
    assert percentile(range(1, 101), 0.95) == 95
    assert percentile([7], 0.95) == 7


@given(relevant_items, rankings)
def test_recall_grows_with_k_and_stays_between_0_and_1(relevant, found):
    recalls = [recall_at(k, relevant, found) for k in range(len(found) + 2)]
    assert recalls == sorted(recalls)
    assert recalls[0] == 0
    assert recalls[-1] == len(relevant & set(found)) / len(relevant) <= 1


@given(relevant_items, rankings)
def test_the_reciprocal_rank_lies_between_0_and_1_and_is_0_only_when_nothing_is_found(relevant, found):
    assert 0 <= reciprocal_rank(relevant, found) <= 1
    assert (reciprocal_rank(relevant, found) > 0) == bool(relevant & set(found))


@given(relevant_items, rankings)
def test_a_relevant_item_put_in_front_never_lowers_a_measure(relevant, found):
    best = min(relevant)
    better = [best, *(item for item in found if item != best)]
    assert reciprocal_rank(relevant, better) == 1
    assert all(recall_at(k, relevant, better) >= recall_at(k, relevant, found) for k in CUTOFFS)


@given(st.lists(answers, min_size=1))
def test_the_whole_is_the_mean_of_the_categories_weighted_by_their_questions(given_answers):
    whole, parts = quality(given_answers), by_category(given_answers)
    assert sum(part.questions for part in parts.values()) == whole.questions
    assert sum(part.questions * part.mrr for part in parts.values()) == pytest.approx(whole.questions * whole.mrr)
    assert 0 <= whole.mrr <= 1


@given(st.lists(st.floats(0, 10), min_size=1), st.floats(0.01, 1))
def test_a_percentile_grows_with_the_share_and_is_exceeded_by_no_more_than_the_rest(values, share):
    found = percentile(values, share)
    assert sum(value <= found for value in values) >= share * len(values)
    assert percentile(values, 0.01) <= found <= max(values)
