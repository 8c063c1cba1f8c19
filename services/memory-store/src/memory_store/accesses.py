"""Counts which memories are found, off the request path."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from contracts.identity import Identity
from memory_store.repository import usage
from memory_store.repository.usage import Accesses
from observability import logger
from persistence import Database

_log = logger(__name__)

_FLUSH_SECONDS = 1.0
_ROWS = 5_000
_MAX_WAITING = 100_000
_Key = tuple[str, str, UUID]


class AccessCounter:
    """Gathers accesses and writes them each second; a crash loses the last second of counts, never a memory."""

    def __init__(self, worker: Database) -> None:
        self._worker = worker
        self._waiting: dict[_Key, Accesses] = {}

    def count(self, owner: Identity, memory_ids: Iterable[UUID]) -> None:
        """Each of these memories was found once, now."""
        now = datetime.now(UTC)
        for memory_id in memory_ids:
            self._add(Accesses(owner.tenant_id, owner.user_id, memory_id, 1, now))

    async def run(self) -> None:
        """Flush each second until cancelled."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what has been counted; what cannot be written now is kept for the next time."""
        while self._waiting:
            batch = [self._waiting.pop(key) for key in list(self._waiting)[:_ROWS]]
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

    def _keep(self, batch: list[Accesses]) -> None:
        for accesses in batch:
            if len(self._waiting) < _MAX_WAITING:
                self._add(accesses)

    def _add(self, new: Accesses) -> None:
        key = (new.tenant_id, new.user_id, new.memory_id)
        old = self._waiting.get(key)
        if old is not None:
            new = replace(old, count=old.count + new.count, last_at=max(old.last_at, new.last_at))
        self._waiting[key] = new
