import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql_generator.domain.trust import VERIFIED_AFTER, after_rating, after_success

TRUSTS = ("candidate", "verified", "deprecated", "stale")


@pytest.mark.parametrize("trust", TRUSTS)
def test_a_score_moves_an_answer_up_or_down_or_leaves_it(trust):
    assert [after_rating(score, trust) for score in (1, 2, 3, 4, 5)] == [
        "deprecated",
        "deprecated",
        trust,
        "verified",
        "verified",
    ]


@given(st.sampled_from(TRUSTS), st.lists(st.integers(1, 5)), st.integers(1, 5))
def test_the_last_word_counts(trust, earlier, last):
    after = trust
    for score in earlier:
        after = after_rating(score, after)
    assert last == 3 or after_rating(last, after) == after_rating(last, trust)


def test_an_answer_is_verified_once_its_kind_ran_for_two_questions():
    assert after_success(VERIFIED_AFTER - 1, "candidate") == "candidate"
    assert after_success(VERIFIED_AFTER, "candidate") == "verified"


@pytest.mark.parametrize("trust", ["deprecated", "stale"])
def test_success_does_not_bring_back_what_was_taken_out_of_use(trust):
    assert after_success(9, trust) == trust
