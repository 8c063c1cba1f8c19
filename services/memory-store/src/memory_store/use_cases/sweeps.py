"""What time does to memories: they expire, are archived when nobody needs them, and stay when many do."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from contracts.events import MemoryPromoted
from memory_store.domain.lifecycle import LIFECYCLE, promotion
from memory_store.metrics import MEMORIES_PROMOTED
from memory_store.repository import changes, sweeps
from memory_store.repository.changes import Change, Key
from memory_store.use_cases.announcing import announce, said_of
from memory_store.use_cases.archiving import archive
from messaging import Outbox
from persistence import Database

_AT_ONCE = 500


class Sweeps:
    """Goes over the memories of all users. Rows that somebody else holds are left for the next round."""

    def __init__(self, worker: Database, outbox: Outbox, *, archive_after: timedelta) -> None:
        self._worker = worker
        self._outbox = outbox
        self._archive_after = archive_after

    async def run(self, pause_seconds: float) -> None:
        """Sweep again and again, until cancelled."""
        while True:
            await self.run_once()
            await asyncio.sleep(pause_seconds)

    async def run_once(self) -> None:
        """Archive what has expired, and what is old and hardly needed."""
        while await self._expire() == _AT_ONCE:
            pass
        while await self._archive_unimportant() == _AT_ONCE:
            pass

    async def promote_needed(self, counted: Sequence[Key]) -> int:
        """Promote those of the memories found just now that are needed often enough; returns how many."""
        async with self._worker.worker_transaction() as transaction:
            due = await sweeps.needed(transaction, counted)
            changed = []
            now = datetime.now(UTC)
            for row in due:
                # Each by itself: what it mattered before differs.
                values = promotion(row.importance_score)
                change = Change("promoted", LIFECYCLE, "it is found often")
                key = (row.tenant_id, row.user_id, row.memory_no)
                changed += await changes.apply(transaction, [key], values, change, now)
            await announce(transaction, self._outbox, changed, lambda row: MemoryPromoted(**said_of(row)))
        MEMORIES_PROMOTED.inc(len(changed))
        return len(changed)

    async def _expire(self) -> int:
        async with self._worker.worker_transaction() as transaction:
            due = await sweeps.expired(transaction, limit=_AT_ONCE)
            return await archive(transaction, self._outbox, due, "expired", by=LIFECYCLE)

    async def _archive_unimportant(self) -> int:
        async with self._worker.worker_transaction() as transaction:
            due = await sweeps.unimportant(transaction, older_than=self._archive_after, limit=_AT_ONCE)
            return await archive(transaction, self._outbox, due, "unimportant", by=LIFECYCLE)
