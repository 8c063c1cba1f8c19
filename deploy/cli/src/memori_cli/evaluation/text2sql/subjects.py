"""Users that are made up for an evaluation, with every database as a data source of theirs.

They are made anew each time and erased afterwards: what an earlier evaluation taught must not answer this one.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from memori_cli.evaluation.clients import Clients
from memori_cli.evaluation.options import EvaluationError
from memori_cli.evaluation.text2sql.dataset import Question, Suite
from memori_client import Memori

_POLL_SECONDS = 0.1
_KNOWN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the API's answer to it, which is written but not run; `seconds` from request to answer."""

    question: Question
    answer: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True)
class Subject:
    """One such user: `sources` are the ids of the data sources by the names of the databases."""

    memori: Memori
    sources: Mapping[str, str]

    def ask(self, question: Question) -> Asked:
        """Have SQL written, and not run: a query that ran is an example for the questions after it."""
        started = time.perf_counter()
        answer = self.memori.ask(question.text, data_source_id=self.sources[question.database])
        return Asked(question, answer, time.perf_counter() - started)

    def teach(self, question: Question) -> str:
        """Ask, and correct the answer with the gold SQL; returns the id of the query that now holds it."""
        asked = self.ask(question)
        rated = self.memori.rate(asked.answer["query_id"], corrected_sql=question.gold_sql)
        return str((rated["correction"] or rated["query"])["query_id"])

    def recall(self, question: Question) -> Mapping[str, Any]:
        """What a model would be shown with the question."""
        return self.memori.recall(question.text, data_source_id=self.sources[question.database])


@contextmanager
def subject(memori: Memori, suite: Suite, clients: Clients) -> Iterator[Subject]:
    """A new user who has the databases, and whose graph knows their tables.

    Raises:
        EvaluationError: the graph does not learn them in time.
        memori_client.MemoriError: the API refused something or cannot be reached.
    """
    user = memori.as_user(f"eval-sql-{uuid4().hex}")
    try:
        connected = clients.map(
            lambda item: user.connect(item[0], "sqlite", str(item[1].resolve())), suite.databases.items()
        )
        clients.map(lambda source: _await_known(user, source), connected)
        yield Subject(user, {source["name"]: source["data_source_id"] for source in connected})
    finally:
        user.erase()


def _await_known(user: Memori, source: Mapping[str, Any]) -> None:
    deadline = time.monotonic() + _KNOWN_SECONDS
    while time.monotonic() < deadline:
        tables = user.entities(data_source_id=source["data_source_id"], entity_type="table")
        if sum(1 for _ in tables) >= source["table_count"]:
            return
        time.sleep(_POLL_SECONDS)
    raise EvaluationError(f"{source['name']}: its tables are not in the graph after {_KNOWN_SECONDS:.0f} s")
