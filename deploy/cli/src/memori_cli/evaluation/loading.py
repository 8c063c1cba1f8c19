"""Conversations become memories of users, and can be searched once each is embedded.

The ids of users, conversations and memories follow from the data, so a second run over the same file finds its
memories in place, and a changed file never meets those of its past.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

from rich.progress import Progress

from contracts.memory_store import MAX_CONTENT_CHARS
from memori_cli.evaluation.clients import Clients
from memori_cli.evaluation.dataset import Conversation, Turn, digest
from memori_cli.evaluation.options import EvaluationError, Options
from memori_cli.evaluation.report import bar
from memori_client import Memori

_NAMESPACE = UUID("6f0e3c0e-6d0b-4f1e-9a43-5d6b7c1f2a90")
_BATCH = 200
_MAX_TITLE_CHARS = 500
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Owned:
    """A conversation with the view of the user it is loaded for."""

    memori: Memori
    conversation: Conversation
    conversation_id: UUID

    def memory_id(self, turn_id: str) -> str:
        """The id of the memory that a turn becomes."""
        return str(uuid5(self.conversation_id, turn_id))

    def memory(self, turn: Turn) -> dict[str, Any]:
        """The memory that a turn becomes, as the API takes it."""
        metadata = {"turn": turn.id, "speaker": turn.speaker, "time": turn.time}
        fields = {
            "memory_id": self.memory_id(turn.id),
            "conversation_id": str(self.conversation_id),
            "content": f"{turn.speaker}: {turn.text}"[:MAX_CONTENT_CHARS],
            "metadata": {name: value for name, value in metadata.items() if value is not None},
        }
        return fields | ({"occurred_at": turn.occurred_at.isoformat()} if turn.occurred_at else {})


@dataclass(slots=True)
class _Embedding:
    """When a memory was last seen embedded, by whichever client."""

    progressed: float = field(default_factory=time.monotonic)


def owned(memori: Memori, conversations: Sequence[Conversation], options: Options) -> list[Owned]:
    """Who holds which conversation, and under which ids."""
    digests = [conversation.digest for conversation in conversations]
    everybody = digest(digests)
    return [
        Owned(
            memori
            if options.token
            else memori.as_user(f"{options.user_prefix}-{(everybody if options.together else own)[:16]}"),
            conversation,
            uuid5(_NAMESPACE, own),
        )
        for conversation, own in zip(conversations, digests, strict=True)
    ]


def load(holders: Sequence[Owned], clients: Clients, progress: Progress, *, stall_seconds: float) -> None:
    """Store every turn, and return when all are embedded.

    Raises:
        EvaluationError: none was embedded for `stall_seconds`.
        memori_client.MemoriError: the API refused something or cannot be reached.
    """
    turns = sum(len(holder.conversation.turns) for holder in holders)
    advance = bar(progress, "loading", turns)
    pending = clients.map(lambda holder: _store(holder, advance), holders)
    advance = bar(progress, "embedding", turns)
    advance(turns - sum(map(len, pending)))
    embedding = _Embedding()
    clients.map(
        lambda work: _await_embedded(*work, embedding, clients.stopped, stall_seconds, advance),
        list(zip(holders, pending, strict=True)),
    )


def _store(own: Owned, advance: Callable[[int], None]) -> list[str]:
    """Store the turns in their order; returns the ids of the memories that are not embedded yet."""
    conversation, turns = own.conversation, own.conversation.turns
    own.memori.open_conversation(conversation.conversation[:_MAX_TITLE_CHARS], conversation_id=str(own.conversation_id))
    pending: list[str] = []
    for start in range(0, len(turns), _BATCH):
        memories = [own.memory(turn) for turn in turns[start : start + _BATCH]]
        stored = own.memori.remember_all(memories)
        pending += [memory["memory_id"] for memory in stored if not memory["embedded"]]
        advance(len(memories))
    return pending


def _await_embedded(
    own: Owned,
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
