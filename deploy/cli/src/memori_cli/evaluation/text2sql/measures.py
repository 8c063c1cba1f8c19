"""What is measured: execution accuracy, what is answered at all, what the context holds, what is retrieved."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from memori_cli.evaluation.text2sql.dataset import Question

CUTOFF = 5
"""How many tables, columns and past queries count."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a question. `status` is the API's after the SQL was run, `seconds` are those it took to write it,
    `cost` is in US dollars, None where the model's price is not known.
    """

    question: Question
    status: str
    model: str
    is_right: bool
    seconds: float
    tokens: int = 0
    cost: float | None = 0.0

    @property
    def is_answered(self) -> bool:
        """Whether there is a result, right or wrong."""
        return self.status == "executed"

    @property
    def is_abstained(self) -> bool:
        """Whether the model said that it does not know."""
        return self.status == "abstained"


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Shares of questions from 0 to 1: `right`, `answered` with any result, and `abstained` from; the others failed.
    `precision` is the share of the answered that are right.
    """

    questions: int
    right: float
    answered: float
    abstained: float
    precision: float


@dataclass(frozen=True, slots=True)
class Taught:
    """Accuracy after so many pairs of each database were taught; `same_sql` is the share of the questions asked whose
    gold SQL was among them, for another question.
    """

    pairs: int
    accuracy: Accuracy
    same_sql: float


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Shares of questions whose gold SQL is that of the first past query offered, and of one of the first five."""

    questions: int
    at_1: float
    at_5: float


@dataclass(frozen=True, slots=True)
class Context:
    """Shares of the tables and columns that the gold SQL reads, within what the context shows first."""

    tables: float
    columns: float


def accuracy(outcomes: Collection[Outcome]) -> Accuracy:
    """The accuracy over some questions, at least one; nothing answered makes a precision of 0."""
    right = sum(outcome.is_right for outcome in outcomes)
    answered = sum(outcome.is_answered for outcome in outcomes)
    return Accuracy(
        questions=len(outcomes),
        right=right / len(outcomes),
        answered=answered / len(outcomes),
        abstained=sum(outcome.is_abstained for outcome in outcomes) / len(outcomes),
        precision=right / answered if answered else 0.0,
    )


def retrieval(found: Iterable[tuple[tuple[str, str], Sequence[tuple[str, str]]]]) -> Retrieval:
    """Of questions, at least one, each with what it means and what the past queries found mean, best first."""
    ranks = [past.index(meaning) + 1 if meaning in past else CUTOFF + 1 for meaning, past in found]
    return Retrieval(
        questions=len(ranks),
        at_1=sum(rank == 1 for rank in ranks) / len(ranks),
        at_5=sum(rank <= CUTOFF for rank in ranks) / len(ranks),
    )


def checkpoints(pairs: int) -> list[int]:
    """After how many pairs to measure: 0, 1, 2, 5, 10, 20, 50 … and `pairs`, which is the last."""
    rounds = sorted({step * 10**power for power in range(len(str(pairs))) for step in (1, 2, 5)})
    return [0, *(number for number in rounds if number < pairs), *([pairs] if pairs else [])]
