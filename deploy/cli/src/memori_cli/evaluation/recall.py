"""`memori eval recall`: loads conversations as memories, asks questions, and measures what comes back.

Everything goes through the public HTTP API. The ids of users, conversations and memories follow from the data, so
a second run over the same file finds its memories in place, and a changed file never meets those of its past.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import UUID, uuid5

from rich.console import Console
from rich.progress import Progress

from contracts.memory_store import MAX_CONTENT_CHARS
from memori_cli.evaluation import report
from memori_cli.evaluation.dataset import Conversation, DatasetError, Question, digest, read
from memori_cli.evaluation.metrics import CUTOFFS, Answer
from memori_cli.local.server import LocalServerError
from memori_cli.local.stack import LocalStack
from memori_client import Memori, MemoriError

_NAMESPACE = UUID("6f0e3c0e-6d0b-4f1e-9a43-5d6b7c1f2a90")
_BATCH = 200
_MAX_QUERY_CHARS = 1_000
_MAX_TITLE_CHARS = 500
_POLL_SECONDS = 0.05

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class EvaluationError(Exception):
    """The evaluation cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to load and ask.

    Without `token` each conversation has a user of its own, named by `user_prefix`, or with `together` all have one.
    A token names one user. `min_similarity` None leaves the threshold to the model; -1 hides nothing, so that the
    ranking is measured, not the threshold. `clients` is how many requests are under way at once, `stall_seconds` how
    long to wait for the next memory to be embedded.
    """

    token: str | None = None
    user_prefix: str = "eval"
    together: bool = False
    min_similarity: float | None = -1.0
    clients: int = 4
    stall_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class _Owned:
    """A conversation with the view of the user it is loaded for."""

    memori: Memori
    conversation: Conversation
    conversation_id: UUID

    def memory_id(self, turn_id: str) -> str:
        return str(uuid5(self.conversation_id, turn_id))


@dataclass(slots=True)
class _Embedding:
    """When a memory was last seen embedded, by whichever client."""

    progressed: float = field(default_factory=time.monotonic)


def run(file: Path, *, home: Path, url: str | None, options: Options, as_json: bool) -> int:
    """Evaluate and print; returns 0 when it could be done. Without `url` the embedded system runs meanwhile."""
    errors = Console(stderr=True, highlight=False)
    try:
        conversations = read(file)
        with _gateway(url, home, errors) as base_url, Memori(base_url, token=options.token) as memori:
            answers, scope = evaluate(memori, conversations, options)
    except (DatasetError, EvaluationError, MemoriError, LocalServerError) as error:
        errors.print(str(error), style="red", markup=False, soft_wrap=True)
        return 1
    (report.print_json if as_json else report.print_table)(answers, scope)
    return 0


def evaluate(
    memori: Memori, conversations: Sequence[Conversation], options: Options
) -> tuple[list[Answer], report.Scope]:
    """Load, wait until every memory is embedded, and ask each question that names evidence.

    Raises:
        EvaluationError: memories are not embedded in time.
        memori_client.MemoriError: the API refused something or cannot be reached.
    """
    owned = _owned(memori, conversations, options)
    asked = [(own, question) for own in owned for question in own.conversation.questions if question.evidence]
    turns = sum(len(conversation.turns) for conversation in conversations)
    started = time.monotonic()
    with report.progress() as progress, _Clients(options.clients) as clients:
        advance = _bar(progress, "loading", turns)
        pending = clients.map(lambda own: _load(own, advance), owned)
        advance = _bar(progress, "embedding", turns)
        advance(turns - sum(map(len, pending)))
        embedding = _Embedding()
        clients.map(
            lambda work: _await_embedded(*work, embedding, clients.stopped, options.stall_seconds, advance),
            list(zip(owned, pending, strict=True)),
        )
        searchable_seconds = time.monotonic() - started
        advance = _bar(progress, "asking", len(asked))
        answers = clients.map(lambda pair: _ask(*pair, options.min_similarity, advance), asked)
    return answers, report.Scope(
        conversations=len(conversations),
        users=1 if options.token or options.together else len(conversations),
        turns=turns,
        skipped_questions=sum(len(conversation.questions) for conversation in conversations) - len(asked),
        searchable_seconds=searchable_seconds,
    )


@contextmanager
def _gateway(url: str | None, home: Path, errors: Console) -> Iterator[str]:
    if url is not None:
        yield url
        return
    # Thousands of turns are no reason to call a language model that costs money.
    stack = LocalStack(home, settings={"MEMORI_LLM_PROVIDER": "offline"})
    stack.start(lambda text: errors.print(text, style="dim"))
    try:
        yield stack.gateway_url
    finally:
        stack.stop()


def _owned(memori: Memori, conversations: Sequence[Conversation], options: Options) -> list[_Owned]:
    digests = [conversation.digest for conversation in conversations]
    everybody = digest(digests)
    return [
        _Owned(
            memori
            if options.token
            else memori.as_user(f"{options.user_prefix}-{(everybody if options.together else own)[:16]}"),
            conversation,
            uuid5(_NAMESPACE, own),
        )
        for conversation, own in zip(conversations, digests, strict=True)
    ]


def _load(own: _Owned, advance: Callable[[int], None]) -> list[str]:
    """Store the turns in their order; returns the ids of the memories that are not embedded yet."""
    conversation, turns = own.conversation, own.conversation.turns
    conversation_id = str(own.conversation_id)
    own.memori.open_conversation(conversation.conversation[:_MAX_TITLE_CHARS], conversation_id=conversation_id)
    pending: list[str] = []
    for start in range(0, len(turns), _BATCH):
        memories: list[dict[str, Any]] = [
            {
                "memory_id": own.memory_id(turn.id),
                "conversation_id": conversation_id,
                "content": f"{turn.speaker}: {turn.text}"[:MAX_CONTENT_CHARS],
                "metadata": {"turn": turn.id, "speaker": turn.speaker} | ({"time": turn.time} if turn.time else {}),
            }
            for turn in turns[start : start + _BATCH]
        ]
        stored = own.memori.remember_all(memories)
        pending += [memory["memory_id"] for memory in stored if not memory["embedded"]]
        advance(len(memories))
    return pending


def _await_embedded(
    own: _Owned,
    memory_ids: Iterable[str],
    embedding: _Embedding,
    stopped: threading.Event,
    stall_seconds: float,
    advance: Callable[[int], None],
) -> None:
    pending = deque(memory_ids)
    while pending and not stopped.is_set():
        if own.memori.memory(pending[0])["embedded"]:
            pending.popleft()
            embedding.progressed = time.monotonic()
            advance(1)
        elif time.monotonic() - embedding.progressed > stall_seconds:
            raise EvaluationError(
                f'conversation "{own.conversation.conversation}": {len(pending)} memories are not embedded, '
                f"none was for {stall_seconds:g} s"
            )
        else:
            pending.rotate(-1)
            stopped.wait(_POLL_SECONDS)


def _ask(own: _Owned, question: Question, min_similarity: float | None, advance: Callable[[int], None]) -> Answer:
    options = {} if min_similarity is None else {"min_similarity": min_similarity}
    started = time.perf_counter()
    reply = own.memori.search(question.question[:_MAX_QUERY_CHARS], limit=max(CUTOFFS), **options)
    seconds = time.perf_counter() - started
    advance(1)
    return Answer(
        category=question.category,
        relevant=frozenset(own.memory_id(turn_id) for turn_id in question.evidence),
        found=tuple(hit["memory_id"] for hit in reply["results"]),
        seconds=seconds,
        degraded=reply["degraded"],
    )


def _bar(progress: Progress, title: str, total: int) -> Callable[[int], None]:
    task = progress.add_task(title, total=total)
    return lambda done: progress.advance(task, done)


class _Clients:
    """Threads that each have one request under way; the first failure or an interrupt stops all."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count)
        self.stopped = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._pool.shutdown(cancel_futures=True)

    def map(self, task: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
        """The results in the order of the items."""
        return list(self._pool.map(task, items))
