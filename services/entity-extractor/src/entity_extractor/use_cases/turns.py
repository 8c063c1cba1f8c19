"""Reading what users say: each turn of a conversation and each memory once, whatever order its events come in."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from contracts.entity_extractor import SERVICE
from contracts.events import ConversationDeleted, Event, MemoryDeleted, MemoryEventData, MessageAdded
from contracts.identity import Identity, service_identity
from contracts.memory_store import (
    DERIVED_TAGS,
    FETCH_CONTENTS,
    FETCH_MESSAGES,
    MAX_MESSAGES,
    FetchContents,
    FetchMessages,
    MemoryContent,
    MessageContent,
    OwnedMemory,
)
from entity_extractor.domain.facts import MIN_CONFIDENCE, Mention, Statement
from entity_extractor.domain.sentences import MAX_TURN_CHARS
from entity_extractor.domain.words import question_words
from entity_extractor.readers import FactReader, Turn
from entity_extractor.repository import facts, turns
from entity_extractor.repository.turns import Read, TurnKey
from entity_extractor.use_cases.facts import FactUseCases
from entity_extractor.use_cases.mentions import MentionUseCases
from messaging import RetryLater, RpcClient, paging
from persistence import Database, Transaction
from persistence.erasures import Erasures

_RPC_SECONDS = 10.0
_ME = service_identity(SERVICE)
_MESSAGE_VERSION = 1
_USERS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Said:
    """A turn or a memory as its owner has it now."""

    key: TurnKey
    version: int
    text: str
    conversation_id: UUID | None
    said_at: datetime
    data_source_id: UUID | None = None


@dataclass(slots=True)
class _Work:
    """What a batch of events asks to look at, of one user."""

    since: datetime
    keys: dict[TurnKey, None] = field(default_factory=dict)
    conversations: set[UUID] = field(default_factory=set)
    deleted: list[Event[MemoryDeleted]] = field(default_factory=list)


class TurnUseCases:
    """Reads turns and memories, and keeps what they say."""

    def __init__(
        self,
        database: Database,
        rpc: RpcClient,
        reader: FactReader,
        learned: FactUseCases,
        mentioned: MentionUseCases,
        erasures: Erasures,
    ) -> None:
        self._database = database
        self._rpc = rpc
        self._reader = reader
        self._learned = learned
        self._mentioned = mentioned
        self._erasures = erasures

    async def happened(self, events: Sequence[Event[Any]]) -> None:
        """Turns were added, memories changed, conversations deleted: the facts say what is said now.

        Raises:
            RetryLater: memory-store or what reads is away, or a turn changed while it was read.
            ProblemError: what reads gave an answer that cannot be used.
        """
        works = list(_by_owner(events).items())
        for start in range(0, len(works), _USERS_AT_ONCE):
            some = works[start : start + _USERS_AT_ONCE]
            outcomes = await asyncio.gather(*(self._do(*each) for each in some), return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome

    async def look_at(self, owner: Identity, keys: Iterable[TurnKey]) -> None:
        """Read these, those that were not read yet; raises what `happened` does."""
        await self._do(owner, _Work(datetime.now(UTC), dict.fromkeys(keys)))

    async def _do(self, owner: Identity, work: _Work) -> None:
        read = await self._read(owner, work) if self._reader.takes_long else {}
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if not await self._erasures.hold(transaction, owner, work.since):
                raise RetryLater("the user was erased meanwhile", delay=0)
            await turns.lock(transaction, owner)
            await self._keep(transaction, owner, work, read)

    async def _read(self, owner: Identity, work: _Work) -> Mapping[tuple[TurnKey, int], Sequence[Statement]]:
        """What is stated in what was not read yet, before anything is locked: a model takes its time."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            versions = await turns.versions(transaction, owner, work.keys)
        wanted = [key for key in work.keys if key.source_type == "memory" or key not in versions]
        said = [each for each in await self._fetch(owner, wanted) if versions.get(each.key) != each.version]
        if not said:
            return {}
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            known = await facts.latest(transaction, owner)
        return await self._stated(said, known)

    async def _stated(
        self, said: Sequence[Said], known: Sequence[Statement]
    ) -> Mapping[tuple[TurnKey, int], Sequence[Statement]]:
        """What the reader is sure of, by turn and version."""
        found = await self._reader.read([Turn(each.key, each.text) for each in said], known)
        return {
            (each.key, each.version): [
                statement for statement in found.get(each.key, ()) if statement.confidence >= MIN_CONFIDENCE
            ]
            for each in said
        }

    async def _keep(
        self,
        transaction: Transaction,
        owner: Identity,
        work: _Work,
        read: Mapping[tuple[TurnKey, int], Sequence[Statement]],
    ) -> None:
        """Fetched under the lock: whoever comes later has looked later, so what is deleted stays deleted."""
        versions = await turns.versions(transaction, owner, work.keys)
        looked_at = [key for key in work.keys if key.source_type == "memory" or key not in versions]
        current = {each.key: each for each in await self._fetch(owner, looked_at)}
        new = [each for each in current.values() if versions.get(each.key) != each.version]
        if not self._reader.takes_long:
            read = await self._stated(new, ())
        elif any((each.key, each.version) not in read for each in new):
            raise RetryLater("it changed while it was read", delay=0)
        ended = await turns.of_conversations(transaction, owner, work.conversations)
        gone = [*(key for key in looked_at if key not in current), *ended]
        again = {each.key for each in new if each.key in versions}
        touched = await facts.remove_mentions(transaction, owner, [*gone, *again])
        for event in work.deleted:
            if await self._learned.forget(transaction, owner, event.data.memory_id, event.time):
                touched.add(event.data.memory_id)
        mentions = [_mention(each, said) for each in new for said in read[each.key, each.version]]
        forgotten = await facts.forgotten(transaction, owner, [m.statement.fact_id(owner) for m in mentions])
        kept = [
            mention
            for mention in mentions
            if (at := forgotten.get(mention.statement.fact_id(owner))) is None or mention.said_at > at
        ]
        await facts.add_mentions(transaction, owner, kept)
        await self._mentioned.forget(transaction, owner, gone)
        await turns.unmark(transaction, owner, gone)
        marked = [_read(each) for each in new]
        await turns.mark(transaction, owner, marked)
        await self._mentioned.read(transaction, owner, marked, again)
        touched |= {mention.statement.fact_id(owner) for mention in kept}
        if await self._learned.settle(transaction, owner, touched, work.since):
            await self._mentioned.define(transaction, owner)

    async def _fetch(self, owner: Identity, keys: Iterable[TurnKey]) -> list[Said]:
        """Those of these turns and memories that are there to be read."""
        by_type: dict[str, list[UUID]] = defaultdict(list)
        for key in keys:
            by_type[key.source_type].append(key.source_id)
        messages = await self._messages(owner, by_type["message"]) if by_type["message"] else []
        memories = await self._memories(owner, by_type["memory"]) if by_type["memory"] else []
        return [
            *(_said_in_turn(message) for message in messages if message.role == "user"),
            *(_said_in_memory(memory) for memory in memories if _is_to_be_read(memory)),
        ]

    async def _messages(self, owner: Identity, ids: Collection[UUID]) -> list[MessageContent]:
        async def ask(some: tuple[UUID, ...]) -> tuple[Iterable[MessageContent], set[Hashable]]:
            request = FetchMessages(message_ids=some)
            reply = await self._rpc.call(FETCH_MESSAGES, request, owner, timeout_seconds=_RPC_SECONDS)
            return reply.messages, {*(message.message_id for message in reply.messages), *reply.gone}

        return await paging.all_of(list(ids), ask, key=lambda each: each, at_once=MAX_MESSAGES)

    async def _memories(self, owner: Identity, ids: Collection[UUID]) -> list[MemoryContent]:
        wanted = [OwnedMemory(tenant_id=owner.tenant_id, user_id=owner.user_id, memory_id=each) for each in ids]

        async def ask(some: tuple[OwnedMemory, ...]) -> tuple[Iterable[MemoryContent], set[Hashable]]:
            request = FetchContents(memories=some)
            reply = await self._rpc.call(FETCH_CONTENTS, request, _ME, timeout_seconds=_RPC_SECONDS)
            return reply.contents, {memory.key for memory in (*reply.contents, *reply.gone)}

        return await paging.all_of(wanted, ask, key=attrgetter("key"))


def _by_owner(events: Iterable[Event[Any]]) -> dict[Identity, _Work]:
    found: dict[Identity, _Work] = {}
    for event in events:
        owner = Identity(event.tenantid, event.userid)
        work = found.setdefault(owner, _Work(event.time))
        work.since = min(work.since, event.time)
        if isinstance(event.data, MessageAdded):
            # Assistants and tools say nothing of the user that the user did not say.
            if event.data.role == "user":
                work.keys[TurnKey("message", event.data.message_id)] = None
        elif isinstance(event.data, ConversationDeleted):
            work.conversations.add(event.data.conversation_id)
        elif isinstance(event.data, MemoryEventData):
            work.keys[TurnKey("memory", event.data.memory_id)] = None
            if isinstance(event.data, MemoryDeleted):
                work.deleted.append(event)
    return found


def _is_to_be_read(memory: MemoryContent) -> bool:
    """What services made of what they knew is not read, unless its user changed it since."""
    derived = bool(DERIVED_TAGS.intersection(memory.context_tags)) and memory.content_version == 1
    return not memory.is_archived and not derived


def _said_in_turn(message: MessageContent) -> Said:
    key = TurnKey("message", message.message_id)
    return Said(
        key, _MESSAGE_VERSION, message.content, message.conversation_id, message.occurred_at, message.data_source_id
    )


def _said_in_memory(memory: MemoryContent) -> Said:
    return Said(TurnKey("memory", memory.memory_id), memory.content_version, memory.content, None, memory.occurred_at)


def _read(said: Said) -> Read:
    words = question_words(said.text[:MAX_TURN_CHARS])
    return Read(said.key, said.version, words, said.conversation_id, said.data_source_id)


def _mention(said: Said, statement: Statement) -> Mention:
    return Mention(statement, said.key.source_type, said.key.source_id, said.conversation_id, said.said_at)
