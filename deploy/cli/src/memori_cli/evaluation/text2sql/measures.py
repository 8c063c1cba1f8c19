"""What is measured: execution accuracy, what is answered at all, what the context holds, what is retrieved."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from memori_cli.evaluation.text2sql.dataset import Question

CUTOFF = 5
"""How many of the past queries offered count."""


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
class Shown:
    """What a question was shown: the past queries offered, as the questions they answered, best first, and tables with
    their columns; beside it what its gold SQL reads, `columns` as the guard names them.
    """

    question: Question
    past: Sequence[Question]
    schema: Mapping[str, Collection[str]]
    tables: Collection[str]
    columns: Collection[str]


@dataclass(frozen=True, slots=True)
class Context:
    """Shares from 0 to 1 of what was needed among what was shown: of tables and columns over all questions, of past
    queries over those `retrievable` questions whose SQL was taught: their SQL is that of the first, or of one of five.
    """

    tables: float
    columns: float
    retrievable: int
    first: float
    among_five: float


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


def context(shown: Collection[Shown], taught: Collection[Question]) -> Context:
    """The means over some questions, at least one, after some were taught."""
    known = {question.meaning for question in taught}
    retrievable = [one for one in shown if one.question.meaning in known]
    past = [[one.question.meaning == earlier.meaning for earlier in one.past] for one in retrievable]
    return Context(
        tables=_mean([_share(one.tables, one.schema) for one in shown]),
        columns=_mean([_share(one.columns, _names(one.schema)) for one in shown]),
        retrievable=len(past),
        first=_mean([any(hits[:1]) for hits in past]),
        among_five=_mean([any(hits[:CUTOFF]) for hits in past]),
    )


def _names(schema: Mapping[str, Collection[str]]) -> set[str]:
    """Columns, alone and with their tables."""
    names = {column for columns in schema.values() for column in columns}
    return names | {f"{table}.{column}" for table, columns in schema.items() for column in columns}


def _share(needed: Collection[str], shown: Collection[str]) -> float:
    held = {name.casefold() for name in shown}
    return sum(name.casefold() in held for name in needed) / len(needed) if needed else 1.0


def _mean(shares: Sequence[float]) -> float:
    return sum(shares) / len(shares) if shares else 0.0


def checkpoints(pairs: int) -> list[int]:
    """After how many pairs to measure: 0, 1, 2, 5, 10, 20, 50 … and `pairs`, which is the last."""
    rounds = sorted({step * 10**power for power in range(len(str(pairs))) for step in (1, 2, 5)})
    return [0, *(number for number in rounds if number < pairs), *([pairs] if pairs else [])]
