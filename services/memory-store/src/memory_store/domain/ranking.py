"""How hits are ranked: one score from meaning, words, the turns around, the episode as a whole, importance, recency.

docs/retrieval.md explains the score and shows what each term contributes on which data.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from contracts.memory_store import MatchedBy, ScoreTerm
from memory_store.domain.signals import NO_CONVERSATION, Cosines, Floats, Numbers, Signals

Scores = npt.NDArray[np.float64]

_TYPICAL_Z = 2.0
# Below this the cosines differ by rounding only.
_LEAST_DEVIATION = 1e-6
_RECENCY_HALF_LIFE_DAYS = 30.0
REACH = 2
"""How many turns before and after one share in its score."""
_DECAY = 0.5
_GOOD_NEIGHBOUR = 0.4
"""Only turns that score at least this share of the best one lend of their score."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What each term contributes to the score.

    Text and vector make the score of a memory by itself; neighbours and conversation add shares of the same score of
    the turns around it and of the best turn of its episode. Importance and recency only decide between memories that
    match about equally well.
    """

    text: float = 1.0
    vector: float = 1.5
    neighbours: float = 0.5
    conversation: float = 0.5
    importance: float = 0.05
    recency: float = 0.03

    def without(self, terms: Collection[ScoreTerm]) -> "Weights":
        """The weights with some terms left out."""
        return replace(self, **dict.fromkeys(terms, 0.0))

    @property
    def total(self) -> float:
        """The score of a memory that is the best in every respect, as are its neighbours."""
        own = self.text + self.vector
        around = 2 * sum(_DECAY**distance for distance in range(1, REACH + 1))
        return own * (1 + self.neighbours * around + self.conversation) + self.importance + self.recency


WEIGHTS = Weights()


@dataclass(frozen=True, slots=True)
class Ranked:
    """A hit: its score, its cosine if it has one, and what it was found by."""

    memory_no: int
    score: float
    cosine: float | None
    matched_by: tuple[MatchedBy, ...]


def rank(signals: Signals, *, strict: bool, limit: int, weights: Weights = WEIGHTS) -> list[Ranked]:
    """The best hits, best first; equal scores in the order in which the memories were stored.

    A cosine of at least its model's threshold is a match by meaning, a shared term one by words. With `strict` a memory
    whose cosine is known to be lower is no hit, although words match.
    """
    cosines, by_vector = _best_known(signals)
    by_text = signals.bm25 > 0
    if strict:
        by_text &= by_vector | np.isnan(cosines)
    (hits,) = np.nonzero(by_vector | by_text)
    score = scores(signals, weights)[hits]
    if len(hits) > limit:
        # Ties at the edge stay in, so that numbers decide between them below.
        best = score >= np.partition(score, -limit)[-limit]
        hits, score = hits[best], score[best]
    order = np.lexsort((signals.numbers[hits], -score))[:limit]
    return [
        Ranked(
            int(signals.numbers[hits[position]]),
            float(score[position]),
            None if np.isnan(cosines[hits[position]]) else float(cosines[hits[position]]),
            _matched_by(vector=bool(by_vector[hits[position]]), text=bool(by_text[hits[position]])),
        )
        for position in order
    ]


def scores(signals: Signals, weights: Weights = WEIGHTS) -> Scores:
    """The weighted sum of the normalised signals, from 0 to 1; grows with each of them.

    BM25 is divided by the best BM25 of the query. The cosine is taken as a z-score over the user's memories, since its
    scale differs from model to model and from user to user, and squashed by the logistic function, half-way at two
    standard deviations. A memory that is not embedded yet is taken for an average one. Recency halves each month.
    """
    own = weights.text * _by_maximum(signals.bm25) + weights.vector * _squash(_z_scores(signals))
    recency = np.exp2(-np.maximum(signals.ages_days.astype(np.float64), 0) / _RECENCY_HALF_LIFE_DAYS)
    total: Scores = (
        own
        + weights.neighbours * neighbours(own, signals.episodes)
        + weights.conversation * best_of_episode(own, signals.episodes)
        + weights.importance * signals.importances
        + weights.recency * recency
    )
    return total / (weights.total or 1.0)


def neighbours(own: Scores, episodes: Numbers) -> Scores:
    """What the turns around each turn of an episode lend: the next ones half of their score, those after a quarter.

    Only good matches lend: in very many memories the others are not even looked at.
    """
    lent = np.where(own >= _GOOD_NEIGHBOUR * own.max(initial=0.0), own, 0.0)
    around = np.zeros(len(own))
    for distance in range(1, REACH + 1):
        together = (episodes[distance:] == episodes[:-distance]) & (episodes[distance:] != NO_CONVERSATION)
        share = _DECAY**distance * together
        around[distance:] += share * lent[:-distance]
        around[:-distance] += share * lent[distance:]
    return around


def best_of_episode(own: Scores, episodes: Numbers) -> Scores:
    """The score of the best turn of each turn's episode; 0 for a memory outside conversations."""
    inside = episodes != NO_CONVERSATION
    best = np.zeros(len(own))
    if inside.any():
        # Episodes stand together, in the order of conversations and of time.
        begins = np.flatnonzero(np.diff(episodes, prepend=np.nan))
        lengths = np.diff(begins, append=len(episodes))
        best = np.repeat(np.maximum.reduceat(own, begins), lengths)
    return np.where(inside, best, 0.0)


def _best_known(signals: Signals) -> tuple[Scores, npt.NDArray[np.bool_]]:
    """The cosine of each memory by the first model that knows it, and whether it reaches that model's threshold."""
    cosines = np.full(len(signals.numbers), np.nan)
    similar = np.zeros(len(signals.numbers), dtype=np.bool_)
    for model in reversed(signals.models):
        known = ~np.isnan(model.values)
        cosines[known] = model.values[known]
        similar[known] = model.values[known] >= model.threshold
    return cosines, similar


def _by_maximum(values: Floats) -> Scores:
    best = values.max(initial=0.0)
    return values / best if best > 0 else np.zeros(len(values))


def _z_scores(signals: Signals) -> Scores:
    z = np.zeros(len(signals.numbers))
    for model in reversed(signals.models):
        known = ~np.isnan(model.values)
        z[known] = _z(model, known)
    return z


def _z(model: Cosines, known: npt.NDArray[np.bool_]) -> Scores | float:
    if model.deviation < _LEAST_DEVIATION:
        return 0.0
    values: Scores = (model.values[known].astype(np.float64) - model.mean) / model.deviation
    return values


def _squash(z: Scores) -> Scores:
    squashed: Scores = 1 / (1 + np.exp(_TYPICAL_Z - z))
    return squashed


def _matched_by(*, vector: bool, text: bool) -> tuple[MatchedBy, ...]:
    return (*(("vector",) if vector else ()), *(("text",) if text else ()))
