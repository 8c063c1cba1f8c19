"""Storing, reading, listing, changing and deleting memories."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.exc import DBAPIError, IntegrityError

from contracts.events import MemoryCreated, MemoryDeleted, MemoryUpdated
from contracts.identity import Identity
from contracts.memory_store import (
    MAX_RELATED,
    AnnotateMemory,
    CreateMemories,
    GetMemory,
    ListMemories,
    Memories,
    Memory,
    MemoryDetail,
    MemoryPage,
    MemoryRef,
    NewMemory,
    UpdateMemory,
)
from contracts.methods import Empty, ProblemError
from contracts.problems import FieldError, problem
from memory_store.domain import analyzer
from memory_store.domain.content import content_hash
from memory_store.domain.importance import initial_importance
from memory_store.domain.lifecycle import USER, expiry
from memory_store.errors import invalid, not_found, switched_off
from memory_store.metrics import MEMORIES_STORED
from memory_store.repository import changes, conversations, listing, memories, vectors
from memory_store.repository.changes import Change
from memory_store.repository.memories import NewRow
from memory_store.sealed import Private, Vault
from memory_store.tables import memories as memories_table
from memory_store.use_cases.announcing import said_of
from memory_store.use_cases.replies import must_fit
from memory_store.use_cases.views import memory_of
from messaging import Outbox, paging
from messaging.errors import is_in_the_way
from persistence import Database, cursor
from persistence.cursor import CursorError
from persistence.erasures import Erasures

_TRIES = 5


class MemoryUseCases:
    """The verbs of memories. Without `enabled` nothing new is stored; with `sharing` members read what others share."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        vault: Vault,
        erasures: Erasures,
        *,
        hash_key: bytes,
        short_term: timedelta,
        sharing: bool = False,
        enabled: bool = True,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._vault = vault
        self._erasures = erasures
        self._hash_key = hash_key
        self._short_term = short_term
        self._sharing = sharing
        self._enabled = enabled

    async def create(self, request: CreateMemories, owner: Identity) -> Memories:
        """Store all or none; an id that exists already is answered as it is stored.

        Nothing is stored, and none answered, of a user who was erased since a service decided to store it.
        """
        if not self._enabled:
            raise switched_off()
        now = datetime.now(UTC)
        _refuse_past_expiries(request.memories, now)
        new: dict[UUID, NewMemory] = {}
        for memory in request.memories:
            new.setdefault(memory.memory_id, memory)
        rows = [await self._row(memory, owner, now) for memory in new.values()]
        for tries_left in reversed(range(_TRIES)):
            try:
                return await self._store(request, owner, rows, now)
            except IntegrityError:
                # Of a conversation that is there now, and was not then.
                await self._refuse_unknown_conversations(request, owner)
                if not tries_left:
                    raise
            except DBAPIError as error:
                # Batches that name the same ids in another order wait for each other.
                if not tries_left or not is_in_the_way(error):
                    raise
        raise AssertionError("unreachable")

    async def _store(self, request: CreateMemories, owner: Identity, rows: Sequence[NewRow], now: datetime) -> Memories:
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if request.decided_at is not None and not await self._erasures.hold(transaction, owner, request.decided_at):
                return Memories(memories=())
            added = await memories.add(transaction, owner, rows, now)
            created = [row for row in rows if row.memory_id in added]
            await self._outbox.emit(
                transaction,
                *(
                    MemoryCreated(
                        memory_id=row.memory_id,
                        memory_type=row.memory_type,
                        content_version=1,
                        content_hash=row.content_hash,
                    )
                    for row in created
                ),
                identity=owner,
            )
            sent = {memory.memory_id: memory for memory in reversed(request.memories)}
            stored = {row.memory_id: _as_stored(row, sent[row.memory_id], now) for row in created}
            if len(stored) < len(rows):
                existing = [row.memory_id for row in rows if row.memory_id not in added]
                found = await memories.find(transaction, owner, existing)
                stored |= {memory_id: memory_of(fields, owner, self._vault) for memory_id, fields in found.items()}
            reply = must_fit(Memories(memories=tuple(stored[memory.memory_id] for memory in request.memories)))
        for row in created:
            MEMORIES_STORED.labels(row.memory_type).inc()
        return reply

    async def get(self, request: GetMemory, owner: Identity) -> MemoryDetail:
        """One memory of this user, or one that a member of the tenant shares; with its vector when asked for."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            fields = await memories.get(transaction, owner, request.memory_id, shared=self._sharing)
            if fields is None:
                raise not_found("memory_id", "memory")
            found = await vectors.newest(transaction, owner, fields) if request.include_embedding else None
        memory = memory_of(fields, owner, self._vault)
        if found is None:
            return MemoryDetail(memory=memory)
        model, embedding = found
        return MemoryDetail(memory=memory, embedding=embedding, embedding_model=model)

    async def list(self, request: ListMemories, owner: Identity) -> MemoryPage:
        """A page, the newest first."""
        try:
            before = cursor.decode(request.cursor, datetime, int) if request.cursor is not None else None
        except CursorError as error:
            raise invalid("cursor", str(error)) from error
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await listing.page(
                transaction, owner, request, before=before, limit=request.limit + 1, sharing=self._sharing
            )
        numbers = {fields["memory_id"]: fields["memory_no"] for fields in found}
        page, last = paging.page([memory_of(fields, owner, self._vault) for fields in found], request.limit)
        return MemoryPage(
            memories=page, next_cursor=cursor.encode(last.created_at, numbers[last.memory_id]) if last else None
        )

    async def update(self, request: UpdateMemory, owner: Identity) -> Memory:
        """Change what is given. New content is a new version: found by its words at once, by meaning once embedded."""
        # Analysed before a row is locked.
        terms = await _terms(request.content) if request.content is not None else []
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            stored = await memories.lock(
                transaction, owner, request.memory_id, counters=request.importance_score is not None
            )
            if stored is None:
                raise not_found("memory_id", "memory")
            values = self._changed(request, stored, owner, terms)
            if "content_version" in values and not stored.sensitive:
                await memories.reindex(
                    transaction,
                    owner,
                    stored.memory_no,
                    terms,
                    shared=values.get("visibility", stored.visibility) == "tenant",
                )
            if values:
                key = (owner.tenant_id, owner.user_id, stored.memory_no)
                # Not earlier than the change this one waited for.
                now = datetime.now(UTC)
                (changed,) = await changes.apply(transaction, [key], values, Change("updated", USER), now)
                event = MemoryUpdated(**said_of(changed), content_hash=changed.content_hash)
                await self._outbox.emit(transaction, event, identity=owner)
            fields = await memories.get(transaction, owner, request.memory_id)
            if fields is None:
                raise not_found("memory_id", "memory")
            return must_fit(memory_of(fields, owner, self._vault))

    async def annotate(self, request: AnnotateMemory, owner: Identity) -> Empty:
        """Change which entities a memory names; nothing of one that is gone, or sensitive: its entities are sealed.

        No version and no event: what the memory says is as it was, and nobody has to read or embed it again.
        """
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            stored = await memories.lock(transaction, owner, request.memory_id)
            if stored is not None and not stored.sensitive:
                kept = [name for name in stored.related_entities if name not in request.remove]
                related = list(dict.fromkeys((*kept, *request.add)))[:MAX_RELATED]
                if related != stored.related_entities:
                    await memories.set_related(transaction, owner, request.memory_id, related)
        return Empty()

    async def delete(self, request: MemoryRef, owner: Identity) -> Empty:
        """Delete a memory with its vectors, terms and counters; of its history stays that there was one."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            chosen = memories_table.c.memory_id == request.memory_id
            numbers = await memories.lock_to_remove(transaction, owner, chosen)
            if not numbers:
                raise not_found("memory_id", "memory")
            await changes.bury(transaction, owner, numbers, Change("deleted", USER), datetime.now(UTC))
            (removed,) = await memories.remove(transaction, owner, numbers)
            await self._outbox.emit(transaction, MemoryDeleted(**said_of(removed)), identity=owner)
        return Empty()

    async def _row(self, new: NewMemory, owner: Identity, now: datetime) -> NewRow:
        occurred_at = new.occurred_at or now
        score = new.importance_score
        if score is None:
            score = initial_importance(
                new.memory_type,
                new.content,
                known_entities=len(new.related_entities),
                occurred_at=occurred_at,
                now=now,
            )
        private = Private(new.content, new.metadata, new.related_entities)
        sealed = self._vault.seal(owner, new.memory_id, private) if new.sensitive else None
        return NewRow(
            memory_id=new.memory_id,
            conversation_id=new.conversation_id,
            content=None if new.sensitive else new.content,
            content_hash=None if new.sensitive else content_hash(self._hash_key, new.content),
            sealed=sealed,
            terms=() if new.sensitive else await _terms(new.content),
            memory_type=new.memory_type,
            importance_score=score,
            context_tags=new.context_tags,
            related_entities=() if new.sensitive else new.related_entities,
            metadata={} if new.sensitive else new.metadata,
            expires_at=expiry(new.memory_type, new.expires_at, now=now, short_term=self._short_term),
            occurred_at=occurred_at,
            process_id=new.process_id,
            session_id=new.session_id,
            visibility=new.visibility,
        )

    def _changed(
        self, request: UpdateMemory, stored: Row[Any], owner: Identity, terms: Sequence[str]
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if request.importance_score is not None:
            values["importance_score"] = request.importance_score
        if request.context_tags is not None and list(request.context_tags) != stored.context_tags:
            values["context_tags"] = list(request.context_tags)
        if request.visibility is not None and request.visibility != stored.visibility:
            if stored.sensitive:
                raise invalid("visibility", "a sensitive memory must be private")
            values["visibility"] = request.visibility
        if stored.sensitive:
            return values | self._resealed(request, stored, owner)
        if request.metadata is not None and (merged := stored.metadata | request.metadata) != stored.metadata:
            values["metadata"] = merged
        if request.content is not None and request.content != stored.content:
            values |= {
                "content": request.content,
                "content_hash": content_hash(self._hash_key, request.content),
                "content_version": stored.content_version + 1,
                "analyzer_version": analyzer.VERSION,
                "length": len(terms),
            }
        return values

    def _resealed(self, request: UpdateMemory, stored: Row[Any], owner: Identity) -> dict[str, Any]:
        old = self._vault.open(owner, stored.memory_id, stored.sealed)
        new = Private(
            old.content if request.content is None else request.content,
            {**old.metadata, **(request.metadata or {})},
            old.related_entities,
        )
        if new == old:
            return {}
        return {
            "sealed": self._vault.seal(owner, stored.memory_id, new),
            "content_version": stored.content_version + (new.content != old.content),
        }

    async def _refuse_unknown_conversations(self, request: CreateMemories, owner: Identity) -> None:
        named = {memory.conversation_id for memory in request.memories if memory.conversation_id is not None}
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            unknown = await conversations.unknown(transaction, owner, named)
        errors = tuple(
            FieldError(field=f"memories.{index}.conversation_id", message="not found")
            for index, memory in enumerate(request.memories)
            if memory.conversation_id in unknown
        )
        if errors:
            raise ProblemError(problem("not-found", "no such conversation", errors=errors))


async def _terms(content: str) -> list[str]:
    # A full batch takes a tenth of a second: searches get their turn in between.
    await asyncio.sleep(0)
    return analyzer.terms(content)


def _refuse_past_expiries(new: Sequence[NewMemory], now: datetime) -> None:
    errors = tuple(
        FieldError(field=f"memories.{index}.expires_at", message="must be in the future")
        for index, memory in enumerate(new)
        if memory.expires_at is not None and memory.expires_at <= now
    )
    if errors:
        raise ProblemError(problem("invalid", errors=errors))


def _as_stored(row: NewRow, sent: NewMemory, now: datetime) -> Memory:
    return Memory(
        memory_id=row.memory_id,
        content=sent.content,
        memory_type=row.memory_type,
        conversation_id=row.conversation_id,
        importance_score=row.importance_score,
        access_count=0,
        last_accessed_at=None,
        context_tags=tuple(row.context_tags),
        related_entities=sent.related_entities,
        metadata=sent.metadata,
        expires_at=row.expires_at,
        occurred_at=row.occurred_at,
        process_id=row.process_id,
        session_id=row.session_id,
        visibility=row.visibility,
        mine=True,
        sensitive=sent.sensitive,
        is_archived=False,
        archived_reason=None,
        superseded_by=None,
        content_version=1,
        revision=1,
        embedded=False,
        created_at=now,
        updated_at=now,
    )
