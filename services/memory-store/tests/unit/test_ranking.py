import math
from dataclasses import astuple
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_store.domain.ranking import WEIGHTS, Signals, rank, scores

cosine = st.none() | st.floats(-1, 1, width=32)
memory = st.tuples(cosine, st.floats(0, 50), st.floats(0, 1), st.floats(0, 4_000))
memories = st.lists(memory, max_size=30)
thresholds = st.floats(-1, 1)


def signals(rows) -> Signals:
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    return Signals(
        ids=b"".join(UUID(int=number).bytes for number in range(len(rows))),
        cosines=np.array([math.nan if value is None else value for value in columns[0]], dtype=float),
        bm25=np.array(columns[1], dtype=float),
        importances=np.array(columns[2], dtype=float),
        ages_days=np.array(columns[3], dtype=float),
    )


def test_the_weights_add_up_to_one():
    assert sum(astuple(WEIGHTS)) == pytest.approx(1)


@given(memories)
def test_scores_lie_between_0_and_1(rows):
    found = scores(signals(rows))
    assert ((found >= 0) & (found <= 1 + 1e-9)).all()


@given(memories.filter(len), st.data())
def test_a_score_grows_with_every_signal_but_age(rows, data):
    rows = [(0.1 if row[0] is None else row[0], *row[1:]) for row in rows]
    index = data.draw(st.integers(0, len(rows) - 1))
    row = rows[index]
    # Neither the best nor anything that the others are measured against changes: only this memory's standing.
    better_than = [other for other in rows if all(a >= b for a, b in zip(row[:3], other[:3], strict=True))]
    found = scores(signals(rows))
    for other in better_than:
        if row[3] <= other[3]:
            assert found[index] >= found[rows.index(other)] - 1e-9


@given(memories, thresholds, st.booleans(), st.integers(1, 100))
def test_hits_are_the_best_of_all_hits(rows, threshold, strict, limit):
    everything = rank(signals(rows), threshold=threshold, strict=strict, limit=1_000)
    assert rank(signals(rows), threshold=threshold, strict=strict, limit=limit) == everything[:limit]
    assert [hit.score for hit in everything] == sorted((hit.score for hit in everything), reverse=True)


@given(memories, thresholds, st.randoms(use_true_random=False))
def test_the_order_of_the_memories_does_not_change_the_answer(rows, threshold, random):
    given_order = signals(rows)
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = Signals(
        ids=b"".join(given_order.ids[16 * i : 16 * i + 16] for i in order),
        cosines=given_order.cosines[order],
        bm25=given_order.bm25[order],
        importances=given_order.importances[order],
        ages_days=given_order.ages_days[order],
    )
    first = rank(given_order, threshold=threshold, strict=False, limit=1_000)
    second = rank(shuffled, threshold=threshold, strict=False, limit=1_000)
    assert {hit.memory_id for hit in first} == {hit.memory_id for hit in second}
    assert [hit.score for hit in first] == pytest.approx([hit.score for hit in second])


@given(memories, thresholds)
def test_what_a_hit_was_found_by_is_true(rows, threshold):
    for hit in rank(signals(rows), threshold=threshold, strict=False, limit=1_000):
        similarity, words, *_ = rows[hit.memory_id.int]
        assert ("text" in hit.matched_by) == (words > 0)
        assert ("vector" in hit.matched_by) == (similarity is not None and similarity >= threshold)
        assert hit.matched_by
        assert hit.cosine == similarity


@given(memories, thresholds)
def test_a_strict_threshold_drops_what_is_known_to_be_less_similar(rows, threshold):
    hits = rank(signals(rows), threshold=threshold, strict=True, limit=1_000)
    assert all(hit.cosine is None or hit.cosine >= threshold for hit in hits)
    loose = rank(signals(rows), threshold=threshold, strict=False, limit=1_000)
    assert {hit.memory_id for hit in hits} == {
        hit.memory_id for hit in loose if hit.cosine is None or hit.cosine >= threshold
    }


def test_a_memory_without_a_vector_is_found_by_its_words():
    (hit,) = rank(signals([(None, 3.0, 0.5, 1.0)]), threshold=0.2, strict=True, limit=10)
    assert hit.matched_by == ("text",)
    assert hit.cosine is None


def test_both_signals_beat_either_alone():
    rows = [(0.6, 5.0, 0.5, 1.0), (0.6, 0.0, 0.5, 1.0), (0.1, 5.0, 0.5, 1.0), (0.0, 0.0, 0.5, 1.0)]
    hits = rank(signals(rows), threshold=0.2, strict=False, limit=10)
    assert hits[0].memory_id == UUID(int=0)
    assert len(hits) == 3


def test_newer_and_more_important_decide_between_equal_matches():
    newer = rank(signals([(0.5, 1.0, 0.5, 90.0), (0.5, 1.0, 0.5, 1.0)]), threshold=0.2, strict=False, limit=10)
    assert newer[0].memory_id == UUID(int=1)
    important = rank(signals([(0.5, 1.0, 0.2, 1.0), (0.5, 1.0, 0.9, 1.0)]), threshold=0.2, strict=False, limit=10)
    assert important[0].memory_id == UUID(int=1)


def test_nothing_is_ranked_for_a_user_without_memories():
    assert rank(signals([]), threshold=0.2, strict=False, limit=10) == []
