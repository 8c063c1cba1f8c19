"""The course of an evaluation: every question once, then some of them again while others are taught.

No answer is run before all are written, so that each rests on what was taught and on nothing else, and comes out the
same in whatever order the questions are asked.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rich.progress import Progress

from memori_cli.evaluation.clients import Clients
from memori_cli.evaluation.report import bar
from memori_cli.evaluation.text2sql import asking
from memori_cli.evaluation.text2sql.dataset import Question, Suite
from memori_cli.evaluation.text2sql.guard import verdicts
from memori_cli.evaluation.text2sql.measures import Context, Outcome, Shown, Taught, accuracy, checkpoints, context
from memori_cli.evaluation.text2sql.subjects import Asked, Subject, subject
from memori_client import Memori
from sql_guard import Verdict

_OTHERS = 25
"""How many questions of each database are asked again and again while others are taught, at most."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What came out: of every question, of the learning if any pairs were taught, what the others were shown in the
    end, and whose gold SQL is refused.
    """

    suite: Suite
    outcomes: Sequence[Outcome]
    learning: Sequence[Taught]
    context: Context
    refused: Sequence[Question]


@dataclass(frozen=True, slots=True)
class _Lessons:
    """For each database the questions to teach, in their order, and others, which are asked."""

    taught: Sequence[Sequence[Question]]
    asked: Sequence[Question]

    def between(self, start: int, end: int) -> list[Question]:
        """The pairs to teach after `start` of each database, up to `end`."""
        return [question for questions in self.taught for question in questions[start:end]]


def evaluate(memori: Memori, suite: Suite, *, learn: int, clients: Clients, progress: Progress) -> Findings:
    """Ask every question; then teach up to `learn` pairs of each database, and ask others of its questions meanwhile.

    Raises:
        EvaluationError: the databases cannot be asked about in time.
        memori_client.MemoriError: the API refused something or cannot be reached.
    """
    lessons = _lessons(suite, learn)
    measured = checkpoints(learn)
    with subject(memori, suite, clients) as user:
        first = asking.ask(user, suite.questions, clients, bar(progress, "asking", len(suite.questions)))
        later, known = _learning(user, lessons, measured, clients, progress)
        blocks = asking.recall(user, lessons.asked, clients, bar(progress, "recalling", len(lessons.asked)))
        everything = [*first, *(asked for after in later for asked in after)]
        advance = bar(progress, "running", asking.distinct_statements(everything))
        outcomes = asking.outcomes(user, everything, clients, advance)
    of_all = outcomes[: len(first)]
    chosen = set(lessons.asked)
    untaught = [outcome for outcome in of_all if outcome.question in chosen]
    size = len(lessons.asked)
    rounds = [untaught, *(outcomes[start : start + size] for start in range(len(first), len(outcomes), size))]
    curve = [_taught(lessons, pairs, after) for pairs, after in zip(measured, rounds, strict=True)]
    judged = verdicts(suite)
    shown = [_shown(question, block, judged, known) for question, block in zip(lessons.asked, blocks, strict=True)]
    return Findings(
        suite=suite,
        outcomes=of_all,
        learning=curve if learn else [],
        context=context(shown, known.values()),
        refused=[question for question, verdict in judged.items() if not verdict.allowed],
    )


def _lessons(suite: Suite, learn: int) -> _Lessons:
    """Drawn by their ids: at random as far as the questions are concerned, and the same each time."""
    taught, asked = [], []
    for database in suite.databases:
        drawn = sorted(suite.of(database), key=lambda question: hashlib.sha256(question.id.encode()).digest())
        pairs = min(learn, len(drawn) // 2)
        taught.append(drawn[:pairs])
        asked += drawn[pairs : pairs + _OTHERS]
    return _Lessons(taught, asked)


def _learning(
    user: Subject, lessons: _Lessons, measured: Sequence[int], clients: Clients, progress: Progress
) -> tuple[list[list[Asked]], dict[str, Question]]:
    """What the others are answered after so many pairs, but for none; and the queries taught by their ids."""
    answers = []
    known: dict[str, Question] = {}
    for start, end in pairwise(measured):
        lesson = lessons.between(start, end)
        known |= asking.teach(user, lesson, clients, bar(progress, f"teaching {end}", len(lesson)))
        answers.append(asking.ask(user, lessons.asked, clients, bar(progress, f"asking {end}", len(lessons.asked))))
    return answers, known


def _shown(
    question: Question, block: Mapping[str, Any], judged: Mapping[Question, Verdict], known: Mapping[str, Question]
) -> Shown:
    return Shown(
        question=question,
        past=[known[example["pattern_id"]] for example in block["examples"] if example["pattern_id"] in known],
        schema={table["name"]: [column["name"] for column in table["columns"]] for table in block["tables"]},
        tables=judged[question].tables,
        columns=judged[question].columns,
    )


def _taught(lessons: _Lessons, pairs: int, outcomes: Sequence[Outcome]) -> Taught:
    known = {question.meaning for question in lessons.between(0, pairs)}
    return Taught(
        pairs=pairs,
        accuracy=accuracy(outcomes),
        same_sql=sum(question.meaning in known for question in lessons.asked) / len(lessons.asked),
    )
