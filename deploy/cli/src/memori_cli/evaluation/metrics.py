"""What is measured: recall@k, mean reciprocal rank, latency percentiles."""

import math
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

CUTOFFS = (5, 10, 20)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search answered: the ids it found, best first, beside the ids it should have found (at least one).

    `file` and `category` are those of the question.
    """

    file: str
    category: str
    relevant: frozenset[str]
    found: tuple[str, ...]
    seconds: float
    degraded: bool


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over questions, each from 0 to 1. `recall` is by cutoff."""

    questions: int
    recall: Mapping[int, float]
    mrr: float


def recall_at(k: int, relevant: Collection[Hashable], found: Sequence[Hashable]) -> float:
    """The share of the relevant items (at least one) among the first k found, from 0 to 1."""
    return len(set(found[:k]) & set(relevant)) / len(set(relevant))


def reciprocal_rank(relevant: Collection[Hashable], found: Sequence[Hashable]) -> float:
    """1 divided by the rank, from 1, of the first relevant item; 0 when none was found."""
    return next((1 / rank for rank, item in enumerate(found, start=1) if item in relevant), 0.0)


def percentile(values: Collection[float], share: float) -> float:
    """The smallest value that at least `share` (0 < share ≤ 1) of the values do not exceed (nearest rank)."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def quality(answers: Collection[Answer]) -> Quality:
    """The means over some answers, at least one; each question counts the same, however much evidence it has."""
    return Quality(
        questions=len(answers),
        recall={k: _mean(recall_at(k, answer.relevant, answer.found) for answer in answers) for k in CUTOFFS},
        mrr=_mean(reciprocal_rank(answer.relevant, answer.found) for answer in answers),
    )


def by_category(answers: Iterable[Answer]) -> dict[str, Quality]:
    """The quality of each category, in the order of their names."""
    return {category: quality(group) for category, group in sorted(_grouped(answers, lambda answer: answer.category))}


def by_file(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    """The answers of each file, in the order in which the files were asked."""
    return dict(_grouped(answers, lambda answer: answer.file))


def degraded_share(answers: Collection[Answer]) -> float:
    """The share, from 0 to 1, of the answers that had no vectors to search with."""
    return sum(answer.degraded for answer in answers) / len(answers)


def _grouped(answers: Iterable[Answer], key: Callable[[Answer], str]) -> Iterable[tuple[str, list[Answer]]]:
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        groups.setdefault(key(answer), []).append(answer)
    return groups.items()


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return math.fsum(numbers) / len(numbers)
