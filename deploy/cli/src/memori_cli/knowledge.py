"""Has the knowledge of a user learned again from what the owners of their data have."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from contracts.base import Message
from contracts.entity_extractor import RELEARN, RESET, ExecutedQuery, Relearn
from contracts.identity import Identity
from contracts.memory_store import (
    LIST,
    LIST_CONVERSATIONS,
    LIST_MESSAGES,
    ListConversations,
    ListMemories,
    ListMessages,
)
from contracts.methods import Empty, Method, ProblemError
from contracts.sql_generator import LIST_DATA_SOURCES, LIST_QUERIES, ListDataSources, ListQueries
from memori_cli.operator import connected, stop
from messaging import RpcClient

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 60.0
_SOURCES, _QUERIES, _TURNS = 5, 10, 100

ItemT = TypeVar("ItemT")


async def rebuild(url: str, password: str | None, owner: Identity, *, fresh: bool) -> None:
    """Look at every schema, executed query, turn and memory of a user, those that were not learned yet; with `fresh`
    forget first what was learned. It may be stopped and run again.

    Raises:
        typer.Exit: with 1, a service does not answer, or refuses.
    """
    async with connected(url, password) as rpc:
        rebuilding = _Rebuilding(rpc, owner)
        try:
            if fresh:
                await rpc.call(RESET, Empty(), owner, timeout_seconds=_ANSWER_SECONDS)
            counts = await rebuilding.run()
        except ProblemError as error:
            stop(f"{error}; what was done stays done: run it again")
    typer.echo(", ".join(f"{count:,} {name}" for name, count in counts.items()) + f" of {owner.user_id} looked at")


class _Rebuilding:
    def __init__(self, rpc: RpcClient, owner: Identity) -> None:
        self._rpc = rpc
        self._owner = owner

    async def run(self) -> dict[str, int]:
        """How many things of each kind were looked at."""
        columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed:,.0f}"), TimeElapsedColumn())
        counts: dict[str, int] = {}
        with Progress(*columns, console=Console(stderr=True)) as progress:
            # Schemas before what names their tables: nothing has to be looked at twice.
            for name, pages in (
                ("data sources", self._sources()),
                ("queries", self._queries()),
                ("memories", self._memories()),
                ("turns", self._turns()),
            ):
                shown = progress.add_task(name, total=None)
                counts[name] = 0
                async for request, count in pages:
                    await self._rpc.call(RELEARN, request, self._owner, timeout_seconds=_ANSWER_SECONDS)
                    counts[name] += count
                    progress.update(shown, completed=counts[name])
        return counts

    async def _sources(self) -> AsyncIterator[tuple[Relearn, int]]:
        async for page in self._pages(LIST_DATA_SOURCES, ListDataSources()):
            for ids in _by(_SOURCES, [source.data_source_id for source in page.data_sources if source.fingerprint]):
                yield Relearn(data_source_ids=ids), len(ids)

    async def _queries(self) -> AsyncIterator[tuple[Relearn, int]]:
        async for page in self._pages(LIST_QUERIES, ListQueries(status="executed")):
            for queries in _by(_QUERIES, page.queries):
                ran = tuple(
                    ExecutedQuery(
                        query_id=query.query_id,
                        data_source_id=query.data_source_id,
                        executed_at=query.updated_at,
                        trust=query.trust,
                    )
                    for query in queries
                )
                yield Relearn(queries=ran), len(ran)

    async def _memories(self) -> AsyncIterator[tuple[Relearn, int]]:
        async for page in self._pages(LIST, ListMemories(limit=_TURNS)):
            if page.memories:
                ids = tuple(memory.memory_id for memory in page.memories)
                yield Relearn(memory_ids=ids), len(ids)

    async def _turns(self) -> AsyncIterator[tuple[Relearn, int]]:
        async for conversations in self._pages(LIST_CONVERSATIONS, ListConversations()):
            for conversation in conversations.conversations:
                async for ids in self._said_in(conversation.conversation_id):
                    yield Relearn(message_ids=ids), len(ids)

    async def _said_in(self, conversation_id: UUID) -> AsyncIterator[tuple[UUID, ...]]:
        request = ListMessages(conversation_id=conversation_id, limit=_TURNS)
        async for page in self._pages(LIST_MESSAGES, request):
            ids = tuple(message.message_id for message in page.messages if message.role == "user")
            if ids:
                yield ids

    async def _pages(self, method: Method[Any, Any], request: Message) -> AsyncIterator[Any]:
        while True:
            page = await self._rpc.call(method, request, self._owner, timeout_seconds=_ANSWER_SECONDS)
            yield page
            if page.next_cursor is None:
                return
            request = request.model_copy(update={"cursor": page.next_cursor})


def _by(size: int, items: Sequence[ItemT]) -> Iterable[tuple[ItemT, ...]]:
    return (tuple(items[start : start + size]) for start in range(0, len(items), size))
