"""Asking questions, and running the answers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from memori_cli.evaluation.clients import Clients
from memori_cli.evaluation.text2sql.comparison import same_result
from memori_cli.evaluation.text2sql.dataset import Question
from memori_cli.evaluation.text2sql.measures import Outcome
from memori_cli.evaluation.text2sql.subjects import Asked, Subject


def ask(user: Subject, questions: Iterable[Question], clients: Clients, advance: Callable[[int], None]) -> list[Asked]:
    """The answers, in the order of the questions; none of them is run."""

    def answered(question: Question) -> Asked:
        asked = user.ask(question)
        advance(1)
        return asked

    return clients.map(answered, questions)


def teach(
    user: Subject, questions: Sequence[Question], clients: Clients, advance: Callable[[int], None]
) -> dict[str, Question]:
    """Teach the gold SQL of the questions; returns them by the ids of the queries that now hold it."""

    def taught(question: Question) -> str:
        query_id = user.teach(question)
        advance(1)
        return query_id

    return dict(zip(clients.map(taught, questions), questions, strict=True))


def recall(
    user: Subject, questions: Iterable[Question], clients: Clients, advance: Callable[[int], None]
) -> list[Mapping[str, Any]]:
    """What a model would be shown with each of the questions."""

    def recalled(question: Question) -> Mapping[str, Any]:
        block = user.recall(question)
        advance(1)
        return block

    return clients.map(recalled, questions)


def outcomes(user: Subject, asked: Sequence[Asked], clients: Clients, advance: Callable[[int], None]) -> list[Outcome]:
    """Run the SQL of the answers, each statement once for a database, and compare the rows with the gold ones."""
    statements = {_statement(one): one for one in asked if one.answer["sql"] is not None}

    def ran(one: Asked) -> Mapping[str, Any]:
        answer = user.memori.execute(one.answer["query_id"])
        advance(1)
        return answer

    results = dict(zip(statements, clients.map(ran, statements.values()), strict=True))
    return [_outcome(one, results.get(_statement(one), one.answer)) for one in asked]


def distinct_statements(asked: Iterable[Asked]) -> int:
    """How many statements `outcomes` runs."""
    return len({_statement(one) for one in asked if one.answer["sql"] is not None})


def _statement(asked: Asked) -> tuple[str, str | None]:
    return asked.question.database, asked.answer["sql"]


def _outcome(asked: Asked, ran: Mapping[str, Any]) -> Outcome:
    question, usage = asked.question, asked.answer["usage"]
    costs = [one["cost_usd"] for one in usage]
    return Outcome(
        question=question,
        status=ran["status"],
        model=asked.answer["model"],
        is_right=_is_right(question, ran["result"]),
        seconds=asked.seconds,
        tokens=sum(one["input_tokens"] + one["output_tokens"] for one in usage),
        cost=None if None in costs else sum(costs),
    )


def _is_right(question: Question, result: Mapping[str, Any] | None) -> bool:
    if result is None or result["truncated"]:
        return False
    return same_result(question.gold_rows, result["rows"], ordered=question.is_ordered)
