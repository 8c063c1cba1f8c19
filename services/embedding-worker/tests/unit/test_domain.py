import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.memory_store import Coverage, ModelCoverage
from embedding_worker.domain import Refusals, at_most, taken_over

MINUTE = 60.0


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def coverage(memories, **by_model):
    found = (ModelCoverage(model=name, dimensions=3, memories=count) for name, count in by_model.items())
    return Coverage(memories=memories, models=tuple(found))


def needed(found, before=None):
    before = found.memories if before is None else before
    return [other.model for other in taken_over(found, "new", memories_before=before)]


@given(st.integers(1, 40), st.integers(1, 20))
def test_vectors_of_pieces_keep_their_order_and_length(pieces, most):
    # Directions that turn from the first axis to the second: a mean lies between those it is of.
    angles = np.linspace(0, np.pi / 2, pieces)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    kept = at_most(vectors, most)

    assert len(kept) == min(pieces, most)
    np.testing.assert_allclose(np.linalg.norm(kept, axis=1), 1, atol=1e-6)
    assert (np.diff(kept[:, 1]) > 0).all()


def test_vectors_that_may_all_be_kept_are_kept_as_they_are():
    vectors = unit(np.random.default_rng(1).normal(size=(64, 5)))
    assert at_most(vectors, 64) is vectors


def test_pieces_that_say_the_opposite_of_each_other_give_no_number_that_is_none():
    vectors = np.array([[1, 0], [-1, 0]], np.float32)
    assert np.isfinite(at_most(vectors, 1)).all()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (coverage(10, old=10, new=3), ["old"]),
        (coverage(10, older=2, old=10), ["older", "old"]),
        (coverage(10, old=10, new=10), []),
        (coverage(10, new=3), []),
        (coverage(10, old=0, new=3), []),
        (coverage(0), []),
    ],
)
def test_older_models_are_needed_while_the_new_one_does_not_cover_everything(found, expected):
    assert needed(found) == expected


def test_what_was_added_since_the_last_look_needs_no_older_model():
    assert needed(coverage(12, old=10, new=10), before=10) == []
    assert needed(coverage(12, old=10, new=9), before=10) == ["old"]


def test_what_was_deleted_since_the_last_look_is_not_waited_for():
    assert needed(coverage(8, old=8, new=8), before=10) == []


def test_a_refusal_pauses_for_twice_as_long_each_time_up_to_a_day():
    refusals, now, pauses = Refusals(), 0.0, []
    for _ in range(14):
        refusals.note("memory", now)
        pauses.append(
            next(pause for pause in (MINUTE * 2**n for n in range(20)) if not refusals.pausing("memory", now + pause))
        )
        now += pauses[-1]
    assert pauses[:3] == [MINUTE, 2 * MINUTE, 4 * MINUTE]
    assert refusals.pausing("memory", now - pauses[-1] + 24 * 3600 - 1)
    assert not refusals.pausing("memory", now - pauses[-1] + 24 * 3600)


def test_what_was_not_refused_does_not_pause():
    assert not Refusals().pausing("memory", 0.0)


def test_what_is_not_refused_any_more_is_forgotten():
    refusals = Refusals()
    refusals.note("a", 0.0)
    refusals.note("b", 0.0)
    refusals.keep_only({"b", "c"})
    assert ("a" in refusals, "b" in refusals, len(refusals)) == (False, True, 1)


def test_no_more_than_ten_thousand_refusals_are_kept():
    refusals = Refusals()
    for number in range(10_001):
        refusals.note(number, 0.0)
    assert len(refusals) == 10_000
    assert 0 not in refusals
