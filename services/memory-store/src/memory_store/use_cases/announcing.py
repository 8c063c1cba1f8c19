"""What is said of memories that changed."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from contracts.events import EventData, MemoryEventData
from contracts.identity import Identity
from messaging import Outbox
from persistence import Transaction


def said_of(changed: Any) -> dict[str, Any]:
    """What every event about a memory says of a row that changed; see MemoryEventData."""
    return {name: getattr(changed, name) for name in MemoryEventData.model_fields}


async def announce(
    transaction: Transaction, outbox: Outbox, changed: Sequence[Any], event_of: Callable[[Any], EventData]
) -> None:
    """Say of each changed memory, whosever it is, what `event_of` makes of its row."""
    events: dict[Identity, list[EventData]] = defaultdict(list)
    for row in changed:
        events[Identity(row.tenant_id, row.user_id)].append(event_of(row))
    for owner, data in events.items():
        await outbox.emit(transaction, *data, identity=owner)
