"""Counts which memories are found, off the request path."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from contracts.identity import Identity
from memory_store.repository import usage
from memory_store.repository.changes import Key
from memory_store.repository.usage import Accesses
from observability import logger
from persistence import Database

_log = logger(__name__)

_FLUSH_SECONDS = 1.0
_ROWS = 5_000
_MAX_WAITING = 100_000


class AccessCounter:
    """Gathers accesses and writes them each second; a crash loses the last second of counts, never a memory.

    `counted` is awaited with the memories whose counts have grown: some of them may have become needed enough to stay.
    """

    def __init__(self, worker: Database, counted: Callable[[Sequence[Key]], Awaitable[object]]) -> None:
        self._worker = worker
        self._counted = counted
        self._waiting: dict[Key, Accesses] = {}

    def count(self, owner: Identity, memory_no: int, conversation_id: UUID | None = None) -> None:
        """A memory was found once, now, by a question of a conversation if any."""
        asked_in = frozenset((conversation_id,)) if conversation_id is not None else frozenset[UUID]()
        self._add(Accesses(owner.tenant_id, owner.user_id, memory_no, 1, datetime.now(UTC), asked_in))

    async def run(self) -> None:
        """Flush each second until cancelled."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what has been counted; what cannot be written now is kept for the next time."""
        while self._waiting:
            keys = list(self._waiting)[:_ROWS]
            batch = [self._waiting.pop(key) for key in keys]
            try:
                async with self._worker.worker_transaction() as transaction:
                    await usage.add(transaction, batch)
            except IntegrityError:
                # A memory was deleted between the join and the foreign key's check; the next flush skips it.
                self._keep(batch)
                return
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                _log.warning("accesses_not_counted", waiting=len(batch), error=type(error).__name__)
                self._keep(batch)
                return
            try:
                await self._counted(keys)
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                # They are looked at again when they are found again.
                _log.warning("promotions_put_off", memories=len(keys), error=type(error).__name__)

    def _keep(self, batch: list[Accesses]) -> None:
        for accesses in batch:
            if len(self._waiting) < _MAX_WAITING:
                self._add(accesses)

    def _add(self, new: Accesses) -> None:
        key = (new.tenant_id, new.user_id, new.memory_no)
        old = self._waiting.get(key)
        if old is not None:
            new = replace(
                old,
                count=old.count + new.count,
                last_at=max(old.last_at, new.last_at),
                conversations=old.conversations | new.conversations,
            )
        self._waiting[key] = new
