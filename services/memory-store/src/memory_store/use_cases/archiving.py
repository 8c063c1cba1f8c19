"""Taking memories out of search, each with its history and its event."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from contracts.events import ArchivedReason, EventData, MemoryArchived
from contracts.identity import Identity
from memory_store.metrics import MEMORIES_ARCHIVED
from memory_store.repository import changes
from memory_store.repository.changes import Change
from memory_store.use_cases.views import said_of
from messaging import Outbox
from persistence import Transaction


async def archive(
    transaction: Transaction, outbox: Outbox, due: Sequence[Row[Any]], reason: ArchivedReason, *, by: str
) -> int:
    """Archive locked memories of any users; returns how many."""
    keys = [(row.tenant_id, row.user_id, row.memory_no) for row in due]
    values = {"is_archived": True, "archived_reason": reason}
    changed = await changes.apply(transaction, keys, values, Change("archived", by, reason), datetime.now(UTC))
    await emit(transaction, outbox, changed, lambda row: MemoryArchived(**said_of(row), reason=reason))
    MEMORIES_ARCHIVED.labels(reason).inc(len(changed))
    return len(changed)


async def emit(transaction: Transaction, outbox: Outbox, changed: Sequence[Any], said: Any) -> None:
    """Say of each changed memory what `said` makes of it, to its own user's stream of events."""
    events: dict[Identity, list[EventData]] = defaultdict(list)
    for row in changed:
        events[Identity(row.tenant_id, row.user_id)].append(said(row))
    for owner, data in events.items():
        await outbox.emit(transaction, *data, identity=owner)
