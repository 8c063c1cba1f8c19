"""How well memories match the words of a query: BM25 over the postings of its terms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from memory_store.domain.signals import Numbers

K1 = 1.2
"""How soon more occurrences of a term stop to matter."""
B = 0.75
"""How much long memories are held back: 0 not at all, 1 in full proportion to their length."""


@dataclass(frozen=True, slots=True)
class Postings:
    """Where one term occurs: memories, how often in each, and how many terms each has.

    `in_all` is how many memories of the whole collection have the term, where `numbers` are only some of them.
    """

    numbers: Numbers
    frequencies: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int32]
    in_all: int | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """The memories that terms are rare or common among: how many, and their mean length in terms."""

    memories: int
    mean_length: float


def places(numbers: Numbers, found: Numbers) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Where in `numbers` the found ones are: a position for each that is there, and which of them are."""
    if not len(numbers):
        return np.empty(0, dtype=np.intp), np.zeros(len(found), dtype=np.bool_)
    order = np.argsort(numbers)
    positions = order[np.searchsorted(numbers, found, sorter=order).clip(max=len(numbers) - 1)]
    inside = numbers[positions] == found
    return positions[inside], inside


def bm25(numbers: Numbers, postings: Sequence[Postings], collection: Collection) -> npt.NDArray[np.float64]:
    """The BM25 score of each memory for a query of these terms, 0 where none occurs.

    Postings of other memories than `numbers` count nowhere. The formula is Robertson's (The Probabilistic Relevance
    Framework, 2009) with the idf that stays positive, as Lucene has it: `ln(1 + (N - n + 0.5) / (n + 0.5))`, for N
    memories of which n have the term.
    """
    scores = np.zeros(len(numbers))
    if not len(numbers) or not postings:
        return scores
    positions, inside = places(numbers, np.concatenate([posting.numbers for posting in postings]))
    terms = np.repeat(np.arange(len(postings)), [len(posting.numbers) for posting in postings])[inside]
    frequencies = np.concatenate([posting.frequencies for posting in postings])[inside].astype(np.float64)
    lengths = np.concatenate([posting.lengths for posting in postings])[inside]
    here = np.bincount(terms, minlength=len(postings))
    having_term = np.array([n if p.in_all is None else p.in_all for p, n in zip(postings, here, strict=True)])
    having_term = np.minimum(having_term, collection.memories)
    idf = np.log1p((collection.memories - having_term + 0.5) / (having_term + 0.5))
    weights = idf[terms] * frequencies * (K1 + 1) / (frequencies + K1 * (1 - B + B * lengths / collection.mean_length))
    scores[:] = np.bincount(positions, weights=weights, minlength=len(numbers))
    return scores
