"""Storing, reading, changing and deleting memories."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError

from contracts.events import MemoryCreated, MemoryDeleted, MemoryUpdated
from contracts.identity import Identity
from contracts.memory_store import (
    CreateMemories,
    GetMemory,
    Memories,
    Memory,
    MemoryDetail,
    MemoryRef,
    NewMemory,
    UpdateMemory,
)
from contracts.methods import Empty, ProblemError
from contracts.problems import FieldError, problem
from memory_store.domain import analyzer
from memory_store.domain.content import content_hash, expiry
from memory_store.domain.importance import initial_importance
from memory_store.errors import not_found
from memory_store.metrics import MEMORIES_STORED
from memory_store.repository import conversations, memories, vectors
from memory_store.repository.memories import Analyzed, NewRow
from memory_store.use_cases.replies import must_fit
from messaging import Outbox
from persistence import Database, Transaction


class MemoryUseCases:
    """The verbs of memories."""

    def __init__(self, database: Database, outbox: Outbox, *, hash_key: bytes, short_term: timedelta) -> None:
        self._database = database
        self._outbox = outbox
        self._hash_key = hash_key
        self._short_term = short_term

    async def create(self, request: CreateMemories, owner: Identity) -> Memories:
        """Store all or none; an id that exists already is answered as it is stored."""
        now = datetime.now(UTC)
        _refuse_past_expiries(request.memories, now)
        new: dict[UUID, NewMemory] = {}
        for memory in request.memories:
            new.setdefault(memory.memory_id, memory)
        rows = [await self._row(memory, now) for memory in new.values()]
        try:
            return await self._store(request, owner, rows, now)
        except IntegrityError:
            await self._refuse_unknown_conversations(request, owner)
            raise

    async def _store(self, request: CreateMemories, owner: Identity, rows: Sequence[NewRow], now: datetime) -> Memories:
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            added = await memories.add(transaction, owner, rows, now)
            created = [row for row in rows if row.memory_id in added]
            await self._outbox.emit(
                transaction,
                *(
                    MemoryCreated(
                        memory_id=row.memory_id,
                        memory_type=row.memory_type,
                        content_version=1,
                        content_hash=row.analyzed.content_hash,
                    )
                    for row in created
                ),
                identity=owner,
            )
            stored = {row.memory_id: _as_stored(row, now) for row in created}
            if len(stored) < len(rows):
                existing = [row.memory_id for row in rows if row.memory_id not in added]
                found = await memories.find(transaction, owner, existing)
                stored |= {memory_id: Memory.model_validate(fields) for memory_id, fields in found.items()}
            reply = must_fit(Memories(memories=tuple(stored[memory.memory_id] for memory in request.memories)))
        for row in created:
            MEMORIES_STORED.labels(row.memory_type).inc()
        return reply

    async def get(self, request: GetMemory, owner: Identity) -> MemoryDetail:
        """One memory of this user, with its vector when asked for."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            memory = await memories.get(transaction, owner, request.memory_id)
            if memory is None:
                raise not_found("memory_id", "memory")
            found = await vectors.newest(transaction, owner, request.memory_id) if request.include_embedding else None
        if found is None:
            return MemoryDetail(memory=memory)
        model, embedding = found
        return MemoryDetail(memory=memory, embedding=embedding, embedding_model=model)

    async def update(self, request: UpdateMemory, owner: Identity) -> Memory:
        """Change what is given. New content is a new version: found by its words at once, by meaning once embedded."""
        analyzed = await self._analyzed(request.content) if request.content is not None else None
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            stored = await memories.lock(transaction, owner, request.memory_id)
            if stored is None:
                raise not_found("memory_id", "memory")
            values = _changes(request, stored)
            if analyzed is not None and analyzed.content != stored.content:
                await memories.reindex(transaction, owner, request.memory_id, analyzed.terms)
                values |= {
                    "content": analyzed.content,
                    "content_hash": analyzed.content_hash,
                    "content_version": stored.content_version + 1,
                    "analyzer_version": analyzer.VERSION,
                    "length": len(analyzed.terms),
                }
            if values:
                await self._change(transaction, owner, stored, values)
            memory = await memories.get(transaction, owner, request.memory_id)
            if memory is None:
                raise not_found("memory_id", "memory")
            return must_fit(memory)

    async def _change(
        self, transaction: Transaction, owner: Identity, stored: Row[Any], values: dict[str, Any]
    ) -> None:
        await memories.change(transaction, owner, stored.memory_id, values, datetime.now(UTC))
        event = MemoryUpdated(
            memory_id=stored.memory_id,
            memory_type=stored.memory_type,
            content_version=values.get("content_version", stored.content_version),
            content_hash=values.get("content_hash", stored.content_hash),
        )
        await self._outbox.emit(transaction, event, identity=owner)

    async def delete(self, request: MemoryRef, owner: Identity) -> Empty:
        """Delete a memory with its vectors, terms and counters."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            removed = await memories.remove(transaction, owner, request.memory_id)
            if removed is None:
                raise not_found("memory_id", "memory")
            event = MemoryDeleted(
                memory_id=removed.memory_id,
                memory_type=removed.memory_type,
                content_version=removed.content_version,
            )
            await self._outbox.emit(transaction, event, identity=owner)
        return Empty()

    async def _row(self, new: NewMemory, now: datetime) -> NewRow:
        stated = new.importance_score
        return NewRow(
            memory_id=new.memory_id,
            conversation_id=new.conversation_id,
            analyzed=await self._analyzed(new.content),
            memory_type=new.memory_type,
            importance_score=initial_importance(new.memory_type) if stated is None else stated,
            context_tags=new.context_tags,
            related_entities=new.related_entities,
            metadata=new.metadata,
            expires_at=expiry(new.memory_type, new.expires_at, now=now, short_term=self._short_term),
        )

    async def _analyzed(self, content: str) -> Analyzed:
        # A full batch takes a tenth of a second: searches get their turn in between.
        await asyncio.sleep(0)
        return Analyzed(content, content_hash(self._hash_key, content), analyzer.terms(content))

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


def _refuse_past_expiries(new: Sequence[NewMemory], now: datetime) -> None:
    errors = tuple(
        FieldError(field=f"memories.{index}.expires_at", message="must be in the future")
        for index, memory in enumerate(new)
        if memory.expires_at is not None and memory.expires_at <= now
    )
    if errors:
        raise ProblemError(problem("invalid", errors=errors))


def _changes(request: UpdateMemory, stored: Row[Any]) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if request.importance_score is not None:
        wanted["importance_score"] = request.importance_score
    if request.context_tags is not None and list(request.context_tags) != stored.context_tags:
        wanted["context_tags"] = list(request.context_tags)
    if request.metadata is not None and (merged := stored.metadata | request.metadata) != stored.metadata:
        wanted["metadata"] = merged
    return wanted


def _as_stored(row: NewRow, now: datetime) -> Memory:
    return Memory(
        memory_id=row.memory_id,
        content=row.analyzed.content,
        memory_type=row.memory_type,
        conversation_id=row.conversation_id,
        importance_score=row.importance_score,
        access_count=0,
        last_accessed_at=None,
        context_tags=tuple(row.context_tags),
        related_entities=tuple(row.related_entities),
        metadata=dict(row.metadata),
        expires_at=row.expires_at,
        is_archived=False,
        content_version=1,
        embedded=False,
        created_at=now,
        updated_at=now,
    )
