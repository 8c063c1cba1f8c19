"""Taking memories out of search, each with its history and its event."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from contracts.events import ArchivedReason, MemoryArchived
from memory_store.metrics import MEMORIES_ARCHIVED
from memory_store.repository import changes
from memory_store.repository.changes import Change
from memory_store.use_cases.announcing import announce, said_of
from messaging import Outbox
from persistence import Transaction


async def archive(
    transaction: Transaction, outbox: Outbox, due: Sequence[Row[Any]], reason: ArchivedReason, *, by: str
) -> int:
    """Archive locked memories of any users; returns how many."""
    keys = [(row.tenant_id, row.user_id, row.memory_no) for row in due]
    values = {"is_archived": True, "archived_reason": reason}
    changed = await changes.apply(transaction, keys, values, Change("archived", by, reason), datetime.now(UTC))
    await announce(transaction, outbox, changed, lambda row: MemoryArchived(**said_of(row), reason=reason))
    MEMORIES_ARCHIVED.labels(reason).inc(len(changed))
    return len(changed)
