"""How hits are ranked: one score from meaning, words, importance and recency."""

from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from contracts.memory_store import MatchedBy

Floats = npt.NDArray[np.floating]

_ID_BYTES = 16
_TYPICAL_Z = 2.0
# Below this the cosines differ by rounding only.
_LEAST_DEVIATION = 1e-6
_RECENCY_HALF_LIFE_DAYS = 30.0


@dataclass(frozen=True, slots=True)
class Weights:
    """What each signal contributes to the score; they add up to 1, so scores lie between 0 and 1.

    Words and meaning count about alike: on short dialogue turns BM25 finds more of the evidence, on long texts the
    cosine does, and a weighted sum of both beats either on both. Importance and recency only decide between
    memories that match about equally well.
    """

    text: float = 0.47
    vector: float = 0.45
    importance: float = 0.05
    recency: float = 0.03


WEIGHTS = Weights()


@dataclass(frozen=True, slots=True)
class Signals:
    """The raw signals of every memory that the filters of a search let through: arrays of one length.

    `ids` holds 16 bytes a memory. A cosine is NaN while the memory has no vector of the query's model. The importance
    is the stated one, without what accesses added: else what is found would be found for having been found.
    """

    ids: bytes
    cosines: Floats
    bm25: Floats
    importances: Floats
    ages_days: Floats


@dataclass(frozen=True, slots=True)
class Ranked:
    """A hit: its score, its cosine if it has one, and what it was found by."""

    memory_id: UUID
    score: float
    cosine: float | None
    matched_by: tuple[MatchedBy, ...]


def rank(signals: Signals, *, threshold: float, strict: bool, limit: int, weights: Weights = WEIGHTS) -> list[Ranked]:
    """The best hits, best first; equal scores in the order of their ids.

    A cosine of at least `threshold` is a match by meaning, a shared term one by words. With `strict` a memory whose
    cosine is known to be lower is no hit, although words match.
    """
    by_vector = signals.cosines >= threshold
    by_text = signals.bm25 > 0
    if strict:
        by_text &= by_vector | np.isnan(signals.cosines)
    (hits,) = np.nonzero(by_vector | by_text)
    score = scores(signals, weights)[hits]
    if len(hits) > limit:
        # Ties at the edge stay in, so that ids decide between them below.
        best = score >= np.partition(score, -limit)[-limit]
        hits, score = hits[best], score[best]
    found = [
        Ranked(
            _id(signals.ids, int(index)),
            float(score[position]),
            None if np.isnan(signals.cosines[index]) else float(signals.cosines[index]),
            _matched_by(vector=bool(by_vector[index]), text=bool(by_text[index])),
        )
        for position, index in enumerate(hits)
    ]
    return sorted(found, key=lambda hit: (-hit.score, hit.memory_id))[:limit]


def scores(signals: Signals, weights: Weights = WEIGHTS) -> npt.NDArray[np.float64]:
    """The weighted sum of the normalised signals, each from 0 to 1; grows with each of them.

    BM25 is divided by the best BM25 of the query. The cosine is taken as a z-score over the memories searched, since
    its scale differs from model to model and from user to user, and squashed by the logistic function, half-way at
    two standard deviations. A memory that is not embedded yet is taken for an average one. Recency halves each month.
    """
    recency = np.exp2(-np.maximum(signals.ages_days.astype(np.float64), 0) / _RECENCY_HALF_LIFE_DAYS)
    total: npt.NDArray[np.float64] = (
        weights.text * _by_maximum(signals.bm25)
        + weights.vector * _squash(_z_scores(signals.cosines))
        + weights.importance * signals.importances
        + weights.recency * recency
    )
    return total


def _by_maximum(values: Floats) -> npt.NDArray[np.float64]:
    best = values.max(initial=0.0)
    return values / best if best > 0 else np.zeros(len(values))


def _z_scores(cosines: Floats) -> npt.NDArray[np.float64]:
    known = ~np.isnan(cosines)
    z = np.zeros(len(cosines))
    if known.any():
        values = cosines[known].astype(np.float64)
        deviation = values.std()
        if deviation >= _LEAST_DEVIATION:
            z[known] = (values - values.mean()) / deviation
    return z


def _squash(z: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    squashed: npt.NDArray[np.float64] = 1 / (1 + np.exp(_TYPICAL_Z - z))
    return squashed


def _id(ids: bytes, index: int) -> UUID:
    return UUID(bytes=ids[_ID_BYTES * index : _ID_BYTES * (index + 1)])


def _matched_by(*, vector: bool, text: bool) -> tuple[MatchedBy, ...]:
    return (*(("vector",) if vector else ()), *(("text",) if text else ()))
