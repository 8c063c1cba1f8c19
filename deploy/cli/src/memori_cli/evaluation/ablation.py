"""What each term of the score contributes: the same questions with terms left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from contracts.memory_store import ScoreTerm
from memori_cli.evaluation.metrics import Answer, Quality, by_category, degraded_share, quality

COMPARED_AT = 10
"""The cutoff of the recall that variants are compared by."""

TERMS: tuple[ScoreTerm, ...] = get_args(ScoreTerm)
_ALONE: tuple[ScoreTerm, ...] = ("text", "vector")


@dataclass(frozen=True, slots=True)
class Variant:
    """A score by its name and the terms it goes without."""

    name: str
    without: tuple[ScoreTerm, ...]


FULL = Variant("full score", ())
LEFT_OUT = tuple(Variant(f"without {term}", (term,)) for term in TERMS)
ALONE = tuple(Variant(f"{term} alone", tuple(other for other in TERMS if other != term)) for term in _ALONE)


@dataclass(frozen=True, slots=True)
class Ablated:
    """How well a variant does; `difference` is its recall@10 minus that of the full score, from -1 to 1.

    `degraded` is the share of its answers that had no vectors to search with, which say nothing about the variant.
    """

    variant: Variant
    overall: Quality
    categories: Mapping[str, Quality]
    difference: float
    degraded: float


def ablated(answers: Mapping[Variant, Sequence[Answer]]) -> list[Ablated]:
    """Compare variants, FULL among them, in the given order; each answered the same questions, at least one."""
    baseline = quality(answers[FULL]).recall[COMPARED_AT]
    return [_ablated(variant, given, baseline) for variant, given in answers.items()]


def _ablated(variant: Variant, answers: Sequence[Answer], baseline: float) -> Ablated:
    overall = quality(answers)
    return Ablated(
        variant=variant,
        overall=overall,
        categories=by_category(answers),
        difference=overall.recall[COMPARED_AT] - baseline,
        degraded=degraded_share(answers),
    )
