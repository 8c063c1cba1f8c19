"""BM25 over arrays, against the formula written out."""

import math
from collections import Counter
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_store.domain.bm25 import K1, B, Postings, bm25, ids_of

WORDS = ["order", "revenue", "customer", "region", "sql"]
documents_of = st.dictionaries(st.uuids(), st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), max_size=12)


def reference(documents: dict[UUID, list[str]], query: list[str]) -> dict[UUID, float]:
    mean_length = sum(map(len, documents.values())) / len(documents)
    scores = {}
    for memory_id, words in documents.items():
        score = 0.0
        for term in query:
            having = sum(term in other for other in documents.values())
            idf = math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))
            frequency = words.count(term)
            score += idf * frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * len(words) / mean_length))
        scores[memory_id] = score
    return scores


def postings_of(documents: dict[UUID, list[str]], query: list[str]) -> list[Postings]:
    found = []
    for term in query:
        rows = [(key.bytes, Counter(words)[term], len(words)) for key, words in documents.items() if term in words]
        if rows:
            ids, frequencies, lengths = zip(*rows, strict=True)
            found.append(Postings(ids_of(b"".join(ids)), np.array(frequencies), np.array(lengths)))
    return found


def scores_of(documents: dict[UUID, list[str]], postings: list[Postings]) -> dict[UUID, float]:
    mean_length = sum(map(len, documents.values())) / max(1, len(documents))
    packed = b"".join(key.bytes for key in documents)
    return dict(zip(documents, bm25(ids_of(packed), postings, mean_length or 1.0), strict=True))


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


def test_ids_that_end_in_zeros_are_told_apart():
    first, second = UUID(int=1 << 120), UUID(int=1 << 112)
    documents = {first: ["order"], second: ["revenue"]}
    scores = scores_of(documents, postings_of(documents, ["order"]))
    assert scores[first] > 0
    assert scores[second] == 0
