"""Which past queries serve as examples for a new question."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from contracts.sql_generator import Trust
from sql_generator.domain.followups import addition
from sql_generator.domain.likeness import Past, likeness
from sql_generator.generation.model import Example
from sql_generator.generation.words import words

MAX_EXAMPLES: Final = 5
MIN_COSINE: Final = 0.4
MIN_OVERLAP: Final = 0.2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A past query that ran; `cosine` is unknown when one of the two questions has no vector of the same model."""

    pattern_id: UUID
    question: str
    sql: str
    trust: Trust
    cosine: float | None


def examples_for(question: str, candidates: Iterable[Candidate]) -> tuple[Example, ...]:
    """The past queries that are most like the question, at most `MAX_EXAMPLES`; of equal SQL the best only.

    Verified ones come first, then those most alike: SQL that merely ran may be wrong. Takes some 0.15 ms a candidate.
    """
    asked = words(question)
    near = [
        (candidate, similarity)
        for candidate in candidates
        # Without what was said before, such a question means nothing.
        if addition(candidate.question) is None and (similarity := _similarity(asked, candidate)) is not None
    ]
    likenesses = likeness(
        question, [Past(candidate.question, candidate.sql, similarity) for candidate, similarity in near]
    )
    examples = [
        Example(candidate.pattern_id, candidate.question, candidate.sql, candidate.trust, similarity, alike)
        for (candidate, similarity), alike in zip(near, likenesses, strict=True)
    ]
    examples.sort(key=lambda example: (example.trust == "verified", example.likeness), reverse=True)
    distinct: dict[str, Example] = {}
    for example in examples:
        distinct.setdefault(example.sql, example)
    return tuple(distinct.values())[:MAX_EXAMPLES]


def overlap(first: set[str], second: set[str]) -> float:
    """Jaccard similarity: the share of the words of both that they have in common."""
    return len(first & second) / len(first | second) if first and second else 0.0


def _similarity(asked: set[str], candidate: Candidate) -> float | None:
    if candidate.cosine is not None:
        return min(candidate.cosine, 1.0) if candidate.cosine >= MIN_COSINE else None
    shared = overlap(asked, words(candidate.question))
    return shared if shared >= MIN_OVERLAP else None
