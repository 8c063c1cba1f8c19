"""How well memories match the words of a query: BM25 over the postings of its terms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

K1 = 1.2
"""How soon more occurrences of a term stop to matter."""
B = 0.75
"""How much long memories are held back: 0 not at all, 1 in full proportion to their length."""

Ids = npt.NDArray[np.bytes_]
"""Memory ids as 16 bytes each; compare them, but never take one out: numpy strips trailing zeros."""


@dataclass(frozen=True, slots=True)
class Postings:
    """Where one term occurs: memories, how often in each, and how many terms each has."""

    ids: Ids
    frequencies: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int32]


def ids_of(packed: bytes) -> Ids:
    """The ids in a run of 16 bytes each."""
    return np.frombuffer(packed, dtype="S16")


def places(ids: Ids, found: Ids) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Where in `ids` the found ones are: a position for each that is there, and which of them are."""
    if not len(ids):
        return np.empty(0, dtype=np.intp), np.zeros(len(found), dtype=np.bool_)
    order = np.argsort(ids)
    positions = order[np.searchsorted(ids, found, sorter=order).clip(max=len(ids) - 1)]
    inside = ids[positions] == found
    return positions[inside], inside


def bm25(ids: Ids, postings: Sequence[Postings], mean_length: float) -> npt.NDArray[np.float64]:
    """The BM25 score of each memory for a query of these terms, 0 where none occurs.

    The collection is `ids`, whose mean length is `mean_length`: postings of other memories count nowhere. The formula
    is Robertson's (The Probabilistic Relevance Framework, 2009) with the idf that stays positive, as Lucene has it:
    `ln(1 + (N - n + 0.5) / (n + 0.5))`, for N memories of which n have the term.
    """
    scores = np.zeros(len(ids))
    if not len(ids) or not postings:
        return scores
    positions, inside = places(ids, np.concatenate([posting.ids for posting in postings]))
    terms = np.repeat(np.arange(len(postings)), [len(posting.ids) for posting in postings])[inside]
    frequencies = np.concatenate([posting.frequencies for posting in postings])[inside].astype(np.float64)
    lengths = np.concatenate([posting.lengths for posting in postings])[inside]
    having_term = np.bincount(terms, minlength=len(postings))
    idf = np.log1p((len(ids) - having_term + 0.5) / (having_term + 0.5))
    weights = idf[terms] * frequencies * (K1 + 1) / (frequencies + K1 * (1 - B + B * lengths / mean_length))
    scores[:] = np.bincount(positions, weights=weights, minlength=len(ids))
    return scores
