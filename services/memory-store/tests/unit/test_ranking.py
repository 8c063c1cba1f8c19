import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_store.domain import ranking
from memory_store.domain.ranking import Weights, best_of_episode, neighbours, scores
from memory_store.domain.signals import NO_CONVERSATION, Cosines, Signals, episodes

cosine = st.none() | st.floats(-1, 1, width=32)
memory = st.tuples(cosine, st.floats(0, 50), st.floats(0, 1), st.floats(0, 4_000))
memories = st.lists(memory, max_size=30)
thresholds = st.floats(-1, 1)


def cosines(values, threshold=0.2) -> Cosines:
    known = np.array([value for value in values if value is not None])
    return Cosines(
        values=np.array([math.nan if value is None else value for value in values], dtype=float),
        mean=float(known.mean()) if known.size else 0.0,
        deviation=float(known.std()) if known.size else 0.0,
        threshold=threshold,
    )


def signals(rows, threshold=0.2, episode=None) -> Signals:
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    return Signals(
        numbers=np.arange(len(rows)),
        models=[cosines(columns[0], threshold)],
        bm25=np.array(columns[1], dtype=float),
        importances=np.array(columns[2], dtype=float),
        ages_days=np.array(columns[3], dtype=float),
        episodes=np.array(episode) if episode else np.full(len(rows), NO_CONVERSATION),
    )


def rank(found, *, threshold=0.2, strict=False, limit=1_000):
    return ranking.rank(signals(found, threshold), strict=strict, limit=limit)


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
    everything = rank(rows, threshold=threshold, strict=strict, limit=1_000)
    assert rank(rows, threshold=threshold, strict=strict, limit=limit) == everything[:limit]
    assert [hit.score for hit in everything] == sorted((hit.score for hit in everything), reverse=True)


@given(memories, thresholds, st.randoms(use_true_random=False))
def test_the_order_of_memories_outside_conversations_does_not_change_the_answer(rows, threshold, random):
    given_order = signals(rows, threshold)
    order = list(range(len(rows)))
    random.shuffle(order)
    model = given_order.models[0]
    shuffled = Signals(
        numbers=given_order.numbers[order],
        models=[Cosines(model.values[order], model.mean, model.deviation, model.threshold)],
        bm25=given_order.bm25[order],
        importances=given_order.importances[order],
        ages_days=given_order.ages_days[order],
        episodes=given_order.episodes[order],
    )
    first = ranking.rank(given_order, strict=False, limit=1_000)
    second = ranking.rank(shuffled, strict=False, limit=1_000)
    assert {hit.memory_no for hit in first} == {hit.memory_no for hit in second}
    assert [hit.score for hit in first] == pytest.approx([hit.score for hit in second])


@given(memories, thresholds)
def test_what_a_hit_was_found_by_is_true(rows, threshold):
    for hit in rank(rows, threshold=threshold, strict=False, limit=1_000):
        similarity, words, *_ = rows[hit.memory_no]
        assert ("text" in hit.matched_by) == (words > 0)
        assert ("vector" in hit.matched_by) == (similarity is not None and similarity >= threshold)
        assert hit.matched_by
        assert hit.cosine == similarity


@given(memories, thresholds)
def test_a_strict_threshold_drops_what_is_known_to_be_less_similar(rows, threshold):
    hits = rank(rows, threshold=threshold, strict=True, limit=1_000)
    assert all(hit.cosine is None or hit.cosine >= threshold for hit in hits)
    loose = rank(rows, threshold=threshold, strict=False, limit=1_000)
    assert {hit.memory_no for hit in hits} == {
        hit.memory_no for hit in loose if hit.cosine is None or hit.cosine >= threshold
    }


def test_a_memory_without_a_vector_is_found_by_its_words():
    (hit,) = rank([(None, 3.0, 0.5, 1.0)], threshold=0.2, strict=True, limit=10)
    assert hit.matched_by == ("text",)
    assert hit.cosine is None


def test_both_signals_beat_either_alone():
    rows = [(0.6, 5.0, 0.5, 1.0), (0.6, 0.0, 0.5, 1.0), (0.1, 5.0, 0.5, 1.0), (0.0, 0.0, 0.5, 1.0)]
    hits = rank(rows, threshold=0.2, strict=False, limit=10)
    assert hits[0].memory_no == 0
    assert len(hits) == 3


def test_newer_and_more_important_decide_between_equal_matches():
    newer = rank([(0.5, 1.0, 0.5, 90.0), (0.5, 1.0, 0.5, 1.0)], threshold=0.2, strict=False, limit=10)
    assert newer[0].memory_no == 1
    important = rank([(0.5, 1.0, 0.2, 1.0), (0.5, 1.0, 0.9, 1.0)], threshold=0.2, strict=False, limit=10)
    assert important[0].memory_no == 1


def test_nothing_is_ranked_for_a_user_without_memories():
    assert rank([], threshold=0.2, strict=False, limit=10) == []


def test_a_turn_beside_the_answer_shares_in_its_score():
    other = (0.0, 0.0, 0.5, 1.0)
    rows = [*[other] * 3, (0.9, 5.0, 0.5, 1.0), *[other] * 5]
    found = scores(signals(rows, episode=[1] * 7 + [2] * 2))
    # The answer, those beside it, the ends of its episode; last, turns of another episode.
    assert found[3] > found[2] > found[1] > found[0] > found[7]
    assert found[[4, 5, 6, 8]] == pytest.approx(found[[2, 1, 0, 7]])


def test_memories_outside_conversations_have_no_neighbours():
    own = np.array([1.0, 0.0, 0.5])
    nowhere = np.full(3, NO_CONVERSATION)
    assert not neighbours(own, nowhere).any()
    assert not best_of_episode(own, nowhere).any()


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 3)), max_size=40))
def test_an_episode_is_as_good_as_its_best_turn(turns):
    turns.sort(key=lambda turn: turn[1])
    own = np.array([score for score, _ in turns])
    found = best_of_episode(own, np.array([episode for _, episode in turns], dtype=np.int64))
    for place, (_, episode) in enumerate(turns):
        assert found[place] == max(score for score, other in turns if other == episode)


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 3)), max_size=40))
def test_neighbours_are_the_turns_of_the_same_episode_within_reach(turns):
    turns.sort(key=lambda turn: turn[1])
    own = np.array([score for score, _ in turns])
    found = neighbours(own, np.array([episode for _, episode in turns], dtype=np.int64))
    for place, (_, episode) in enumerate(turns):
        good = 0.4 * max(own)
        expected = sum(
            own[other] * (own[other] >= good) * 0.5 ** abs(other - place)
            for other in range(max(0, place - 2), min(len(turns), place + 3))
            if other != place and turns[other][1] == episode
        )
        assert found[place] == pytest.approx(expected)


def test_a_pause_of_an_hour_begins_another_episode():
    talk, other = b"a" * 16, b"b" * 16
    conversations = np.array([talk, talk, talk, other, b""], dtype="S16")
    found = episodes(conversations, np.array([0.0, 3_600.0, 7_201.0, 7_201.0, 7_201.0]))
    assert found[0] == found[1] != found[2]
    assert found[2] != found[3]
    assert found[4] == NO_CONVERSATION


@given(st.lists(st.floats(0.1, 0.9), min_size=5, max_size=30))
def test_while_models_change_each_memory_counts_by_the_vector_it_has(values):
    """Cosines of two models have other scales; a memory stands where it stands among those of its model."""
    half = len(values) // 2
    new = cosines([*values[:half], *[None] * (len(values) - half)])
    old = cosines([*[None] * half, *(0.7 + value / 10 for value in values[half:])], threshold=0.75)
    both = Signals(
        numbers=np.arange(len(values)),
        models=[new, old],
        bm25=np.zeros(len(values)),
        importances=np.full(len(values), 0.5),
        ages_days=np.zeros(len(values)),
        episodes=np.full(len(values), NO_CONVERSATION),
    )
    hits = {hit.memory_no for hit in ranking.rank(both, strict=False, limit=1_000)}
    assert hits == {n for n, v in enumerate(values) if (v >= 0.2 if n < half else 0.7 + v / 10 >= 0.75)}


def test_a_term_left_out_contributes_nothing():
    assert Weights().without(["text", "vector"]).total == pytest.approx(0.08)
    rows = [(0.9, 0.0, 0.5, 1.0), (0.1, 5.0, 0.5, 1.0)]
    by_words = scores(signals(rows), Weights().without(["vector"]))
    by_meaning = scores(signals(rows), Weights().without(["text"]))
    assert by_words[1] > by_words[0]
    assert by_meaning[0] > by_meaning[1]
