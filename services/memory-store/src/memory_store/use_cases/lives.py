"""The lives of memories at their user's word: promoted, archived, restored; their history; all of them in numbers."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row

from contracts.events import MemoryPromoted, MemoryRestored, MemoryType
from contracts.identity import Identity
from contracts.memory_store import (
    Archived,
    ArchiveMemories,
    ListHistory,
    MemoriesByType,
    Memory,
    MemoryHistory,
    MemoryRef,
    MemoryVersion,
    Statistics,
)
from contracts.methods import Empty
from memory_store.domain.lifecycle import UNDOES, USER, promotion, undo
from memory_store.errors import conflict, invalid, not_found
from memory_store.repository import changes, listing, memories, sweeps
from memory_store.repository.changes import Change
from memory_store.sealed import Vault
from memory_store.use_cases.announcing import said_of
from memory_store.use_cases.archiving import archive
from memory_store.use_cases.replies import must_fit
from memory_store.use_cases.views import memory_of, opened
from messaging import Outbox, paging
from persistence import Database, Transaction, cursor
from persistence.cursor import CursorError

_AT_ONCE = 500
_BY_TYPE: dict[MemoryType, str] = {
    "short_term": "short_term",
    "long_term": "long_term",
    "rule": "rules",
    "entity": "entities",
    "relationship": "relationships",
}


class LifeUseCases:
    """What a user may do to memories beyond changing what they say."""

    def __init__(self, database: Database, outbox: Outbox, vault: Vault, *, short_term: timedelta) -> None:
        self._database = database
        self._outbox = outbox
        self._vault = vault
        self._short_term = short_term

    async def promote(self, request: MemoryRef, owner: Identity) -> Memory:
        """Make a short-term memory long-term: it no longer expires, and matters a little more."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            stored = await self._lock(transaction, owner, request)
            now = datetime.now(UTC)
            if stored.memory_type != "short_term":
                raise conflict(f"it is {stored.memory_type}, and only short_term memories can be promoted")
            if stored.is_archived or (stored.expires_at is not None and stored.expires_at <= now):
                raise conflict("it is archived: restore it first")
            values = promotion(stored.importance_score)
            return await self._change(transaction, owner, stored, values, Change("promoted", USER), now)

    async def restore(self, request: MemoryRef, owner: Identity) -> Memory:
        """Undo the archive, the supersession or the promotion of a memory."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            stored = await self._lock(transaction, owner, request)
            now = datetime.now(UTC)
            undone = undo(
                is_archived=stored.is_archived,
                change=stored.change,
                memory_type=stored.memory_type,
                expires_at=stored.expires_at,
                now=now,
                short_term=self._short_term,
            )
            if undone is None:
                raise conflict("there is no archive, supersession or promotion to undo")
            values = dict(undone.values)
            if undone.importance_from_history:
                values["importance_score"] = await changes.importance_before(
                    transaction, owner, stored, stored.revision - 1
                )
            reason = UNDOES.format(stored.archived_reason or stored.change)
            return await self._change(transaction, owner, stored, values, Change("restored", USER, reason), now)

    async def history(self, request: ListHistory, owner: Identity) -> MemoryHistory:
        """The versions of a memory, the newest first; of a deleted one what is left."""
        try:
            before = cursor.decode(request.cursor, int, int) if request.cursor is not None else None
        except CursorError as error:
            raise invalid("cursor", str(error)) from error
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            rows = await changes.versions(transaction, owner, request.memory_id, before=before, limit=request.limit + 1)
        if not rows and before is None:
            raise not_found("memory_id", "memory")
        versions = [
            MemoryVersion.model_validate(opened(_named(row), owner, self._vault) | {"reason": row.change_reason})
            for row in rows
        ]
        page, last = paging.page(versions, request.limit)
        following = rows[len(page) - 1] if last else None
        return MemoryHistory(
            memory_id=request.memory_id,
            versions=page,
            next_cursor=cursor.encode(following.memory_no, following.revision) if following else None,
        )

    async def statistics(self, _: Empty, owner: Identity) -> Statistics:
        """The user's memories in numbers."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            rows = await listing.statistics(transaction, owner)
        live = [row for row in rows if row.live]
        count = sum(row.memories for row in live)
        return Statistics(
            total_memories=count,
            by_type=MemoriesByType(**{_BY_TYPE[row.memory_type]: row.memories for row in live}),
            archived=sum(row.memories for row in rows if not row.live),
            average_importance=round(sum(row.total for row in live) / count, 6) if count else 0.0,
        )

    async def archive(self, request: ArchiveMemories, owner: Identity) -> Archived:
        """Archive this user's short-term memories that are older than the threshold, matter little and were hardly
        found.
        """
        archived = 0
        while True:
            async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
                due = await sweeps.unimportant(
                    transaction,
                    older_than=timedelta(days=request.days_threshold),
                    limit=_AT_ONCE,
                    owner=owner,
                )
                archived += await archive(transaction, self._outbox, due, "unimportant", by=USER)
            if len(due) < _AT_ONCE:
                return Archived(archived_count=archived, threshold_days=request.days_threshold)

    async def _lock(self, transaction: Transaction, owner: Identity, request: MemoryRef) -> Row[Any]:
        stored = await memories.lock(transaction, owner, request.memory_id)
        if stored is None:
            raise not_found("memory_id", "memory")
        return stored

    async def _change(
        self,
        transaction: Transaction,
        owner: Identity,
        stored: Row[Any],
        values: dict[str, Any],
        change: Change,
        now: datetime,
    ) -> Memory:
        key = (owner.tenant_id, owner.user_id, stored.memory_no)
        (changed,) = await changes.apply(transaction, [key], values, change, now)
        event = MemoryPromoted if change.kind == "promoted" else MemoryRestored
        await self._outbox.emit(transaction, event(**said_of(changed)), identity=owner)
        fields = await memories.get(transaction, owner, stored.memory_id)
        if fields is None:
            raise not_found("memory_id", "memory")
        return must_fit(memory_of(fields, owner, self._vault))


def _named(row: Row[Any]) -> dict[str, Any]:
    return dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name for it
