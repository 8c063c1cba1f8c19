"""BM25 over arrays, against the formula written out."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_store.domain.bm25 import K1, B, Collection, Postings, bm25

WORDS = ["order", "revenue", "customer", "region", "sql"]
documents_of = st.dictionaries(
    st.integers(0, 2**63 - 1), st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), max_size=12
)


def reference(documents: dict[int, list[str]], query: list[str]) -> dict[int, float]:
    mean_length = sum(map(len, documents.values())) / len(documents)
    scores = {}
    for number, words in documents.items():
        score = 0.0
        for term in query:
            having = sum(term in other for other in documents.values())
            idf = math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))
            frequency = words.count(term)
            score += idf * frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * len(words) / mean_length))
        scores[number] = score
    return scores


def postings_of(documents: dict[int, list[str]], query: list[str]) -> list[Postings]:
    found = []
    for term in query:
        rows = [(number, Counter(words)[term], len(words)) for number, words in documents.items() if term in words]
        if rows:
            found.append(Postings(*(np.array(column) for column in zip(*rows, strict=True))))
    return found


def collection_of(documents: dict[int, list[str]]) -> Collection:
    return Collection(len(documents), sum(map(len, documents.values())) / max(1, len(documents)) or 1.0)


def scores_of(documents: dict[int, list[str]], postings: list[Postings]) -> dict[int, float]:
    numbers = np.array(list(documents), dtype=np.int64)
    return dict(zip(documents, bm25(numbers, postings, collection_of(documents)), strict=True))


@given(documents_of, st.lists(st.sampled_from(WORDS), min_size=1, unique=True))
def test_it_is_the_formula_written_out(documents, query):
    scores = scores_of(documents, postings_of(documents, query))
    if documents:
        assert scores == pytest.approx(reference(documents, query))


@given(documents_of, documents_of, st.lists(st.sampled_from(WORDS), min_size=1, unique=True))
def test_memories_outside_the_collection_count_nowhere(documents, others, query):
    inside = {key: words for key, words in documents.items() if key not in others}
    scores = scores_of(inside, postings_of(others | inside, query))
    assert scores == pytest.approx(reference(inside, query) if inside else {})


@given(documents_of.filter(bool), st.lists(st.sampled_from(WORDS), min_size=1, unique=True), st.data())
def test_some_of_the_memories_score_as_they_do_among_all(documents, query, data):
    some = data.draw(st.lists(st.sampled_from(list(documents)), min_size=1, unique=True))
    chosen = {number: documents[number] for number in some}
    postings = [
        replace(posting, in_all=sum(term in words for words in documents.values()))
        for term in query
        for posting in postings_of(chosen, [term])
    ]
    found = bm25(np.array(some, dtype=np.int64), postings, collection_of(documents))
    among_all = reference(documents, query)
    assert list(found) == pytest.approx([among_all[number] for number in some])
