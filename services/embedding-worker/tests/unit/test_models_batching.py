import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedding_worker.models.batching import by_length, by_size

LENGTHS = st.lists(st.integers(0, 300), max_size=200)
MAX_TEXTS = st.integers(1, 20)
BUDGET = st.integers(1, 2000)


@given(LENGTHS, MAX_TEXTS, BUDGET)
def test_every_text_is_in_exactly_one_group(lengths, max_texts, budget):
    groups = list(by_length(lengths, max_texts=max_texts, max_padded_tokens=budget))

    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))


@given(LENGTHS, MAX_TEXTS, BUDGET)
def test_a_group_of_several_texts_keeps_both_limits(lengths, max_texts, budget):
    for group in by_length(lengths, max_texts=max_texts, max_padded_tokens=budget):
        assert len(group) <= max_texts
        assert len(group) == 1 or len(group) * max(lengths[index] for index in group) <= budget


@given(LENGTHS, MAX_TEXTS, BUDGET)
def test_groups_follow_each_other_from_the_longest_text_to_the_shortest(lengths, max_texts, budget):
    groups = by_length(lengths, max_texts=max_texts, max_padded_tokens=budget)

    sequence = [lengths[index] for group in groups for index in group]
    assert sequence == sorted(lengths, reverse=True)


@given(LENGTHS, MAX_TEXTS, BUDGET)
def test_runs_cover_the_texts_in_their_order_within_both_limits(sizes, max_texts, max_size):
    runs = list(by_size(sizes, max_texts=max_texts, max_size=max_size))

    assert [index for run in runs for index in run] == list(range(len(sizes)))
    for run in runs:
        assert 1 <= len(run) <= max_texts
        assert len(run) == 1 or sum(sizes[index] for index in run) <= max_size


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [([], []), ([9], [[0]]), ([1, 1, 1], [[0, 1], [2]]), ([3, 3, 1], [[0], [1, 2]]), ([9, 1], [[0], [1]])],
)
def test_a_run_is_as_long_as_the_limits_allow(sizes, expected):
    assert [list(run) for run in by_size(sizes, max_texts=2, max_size=5)] == expected
