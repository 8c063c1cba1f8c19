"""Whether two results are the same."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memori_cli.evaluation.text2sql.comparison import same_result

ROWS = [("Rome", 3), ("Oslo", 1), ("Rome", 3)]


def test_rows_may_come_in_any_order_unless_the_gold_query_orders_them():
    turned = ROWS[1:] + ROWS[:1]
    assert same_result(ROWS, turned, ordered=False)
    assert not same_result(ROWS, turned, ordered=True)
    assert same_result(ROWS, list(ROWS), ordered=True)


def test_each_row_counts_as_often_as_it_comes():
    assert not same_result(ROWS, [*ROWS[:2], ROWS[1]], ordered=False)
    assert not same_result(ROWS, ROWS[:2], ordered=False)


@pytest.mark.parametrize("ordered", [True, False])
def test_columns_may_come_in_any_order(ordered):
    assert same_result(ROWS, [row[::-1] for row in ROWS], ordered=ordered)


@pytest.mark.parametrize("ordered", [True, False])
def test_columns_that_hold_the_right_values_in_other_rows_are_not_right(ordered):
    assert not same_result([("a", 1), ("b", 2)], [("a", 2), ("b", 1)], ordered=ordered)


def test_a_column_too_many_or_too_few_is_wrong():
    assert not same_result([("a",)], [("a", 1)], ordered=False)
    assert not same_result([("a", 1)], [("a",)], ordered=False)


def test_equal_columns_each_need_their_counterpart():
    assert same_result([(1, 1, 2)], [(1, 2, 1)], ordered=False)
    assert not same_result([(1, 1, 2)], [(1, 2, 2)], ordered=False)


def test_floats_differ_by_more_than_their_rounding():
    third = 1 / 3
    assert same_result([(0.1 + 0.2, third)], [(0.3, 0.33333333)], ordered=False)
    assert not same_result([(third,)], [(0.3333,)], ordered=False)


def test_integers_are_exact_and_equal_a_float_of_their_value():
    assert not same_result([(123_456_789,)], [(123_456_788,)], ordered=False)
    assert same_result([(2,)], [(2.0,)], ordered=False)


def test_nulls_equal_nulls_and_nothing_else():
    assert same_result([(None, 1)], [(1, None)], ordered=False)
    assert not same_result([(None,)], [(0,)], ordered=False)
    assert not same_result([(None,)], [("",)], ordered=False)


def test_text_is_compared_to_the_letter_and_is_no_number():
    assert not same_result([("Rome",)], [("rome",)], ordered=False)
    assert not same_result([("1",)], [(1,)], ordered=False)


def test_results_without_rows_are_the_same():
    assert same_result([], [], ordered=True)
    assert not same_result([], [(None,)], ordered=False)


def test_many_columns_that_look_alike_take_no_time_without_end():
    gold = [tuple(range(12)), tuple(range(11, -1, -1)), *((0,) * 12 for _ in range(3))]
    swapped = [tuple(draw) for draw in (random.Random(1).sample(row, len(row)) for row in gold)]
    assert not same_result(gold, [*swapped[:2], *gold[2:4], (1,) * 12], ordered=False)


values = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from(["a", "b"]), st.sampled_from([0.5, 0.1 + 0.2]))


@st.composite
def results(draw):
    width = draw(st.integers(1, 4))
    return draw(st.lists(st.tuples(*[values] * width), max_size=6))


@given(results(), st.randoms(use_true_random=False))
def test_a_result_equals_itself_however_its_rows_and_columns_are_shuffled(rows, draw):
    order = draw.sample(range(len(rows[0])), len(rows[0])) if rows else []
    shuffled = [tuple(row[at] for at in order) for row in draw.sample(rows, len(rows))]
    assert same_result(rows, shuffled, ordered=False)


@given(results(), results(), st.booleans())
def test_sameness_is_symmetric(one, two, ordered):
    assert same_result(one, two, ordered=ordered) == same_result(two, one, ordered=ordered)
