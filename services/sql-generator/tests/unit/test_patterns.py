from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from sql_generator.domain.patterns import (
    MAX_EXAMPLES,
    MIN_COSINE,
    MIN_OVERLAP,
    Candidate,
    examples_for,
    overlap,
)


def candidate(question="How many orders?", sql="SELECT 1", trust="candidate", cosine=None):
    return Candidate(uuid4(), question, sql, trust, cosine)


def test_the_most_similar_come_first():
    near, nearer = candidate(sql="SELECT 1", cosine=0.7), candidate(sql="SELECT 2", cosine=0.9)
    assert [example.pattern_id for example in examples_for("?", [near, nearer])] == [
        nearer.pattern_id,
        near.pattern_id,
    ]


def test_verified_ones_come_before_more_similar_ones_that_merely_ran():
    plain, verified = candidate(sql="SELECT 1", cosine=0.9), candidate(sql="SELECT 2", cosine=0.7, trust="verified")
    assert examples_for("?", [plain, verified])[0].pattern_id == verified.pattern_id


def test_equal_sql_is_shown_once_by_its_most_similar_question():
    far, near = candidate(cosine=0.7), candidate(cosine=0.8)
    assert [example.pattern_id for example in examples_for("?", [far, near])] == [near.pattern_id]


def test_without_vectors_words_decide():
    same = candidate("How many orders were paid?", "SELECT 1")
    other = candidate("Name the cities of our suppliers", "SELECT 2")
    found = examples_for("how many orders are paid", [other, same])
    assert [example.pattern_id for example in found] == [same.pattern_id]
    assert MIN_OVERLAP <= found[0].similarity <= 1


def test_what_is_far_by_its_vector_is_left_out_even_with_the_same_words():
    assert examples_for("How many orders?", [candidate(cosine=MIN_COSINE - 0.01)]) == ()


@given(st.lists(st.floats(-1, 1.0000001), max_size=30))
def test_examples_are_few_and_their_similarity_is_a_score(cosines):
    found = examples_for("q", [candidate(sql=str(n), cosine=cosine) for n, cosine in enumerate(cosines)])
    assert len(found) == min(MAX_EXAMPLES, sum(cosine >= MIN_COSINE for cosine in cosines))
    assert all(MIN_COSINE <= example.similarity <= 1 for example in found)


words = st.sets(st.sampled_from("abcdefgh"))


@given(words, words)
def test_overlap_is_symmetric_and_one_only_for_equal_words(one, two):
    assert overlap(one, two) == overlap(two, one)
    assert (overlap(one, two) == 1) == (bool(one) and one == two)
