"""What memory-store keeps of a user: what goes out of it, and what is erased."""

from typing import Any
from uuid import uuid4

from contracts.events import UserErased
from contracts.identity import Identity
from memory_store import tables
from memory_store.repository import conversations, memories
from memory_store.sealed import Vault
from memory_store.use_cases.views import opened
from messaging import Outbox, PersonalData
from persistence import Database, Transaction
from persistence.erasures import Erasures
from persistence.personal_data import Export

# Those that refer to others first.
_ERASED = (
    tables.vectors,
    tables.usage,
    tables.terms,
    tables.history,
    tables.memories,
    tables.messages,
    tables.conversations,
    tables.outbox,
)


def personal_data(database: Database, outbox: Outbox, vault: Vault, erasures: Erasures) -> PersonalData:
    """Export and erase of this service. An erasure says so: whoever keeps anything of the user erases it too."""

    def reveal(owner: Identity, row: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in opened(row, owner, vault).items() if name != "sealed"}

    async def lock(transaction: Transaction, owner: Identity) -> None:
        await conversations.lock_all(transaction, owner)
        await memories.lock_all(transaction, owner)

    async def announce(transaction: Transaction, owner: Identity) -> None:
        await outbox.emit(transaction, UserErased(erasure_id=uuid4()), identity=owner)

    # Vectors and postings say nothing that the contents do not.
    exported = (
        Export("conversations", tables.conversations),
        Export("messages", tables.messages, leave_out=("message_no",)),
        Export("memories", tables.memories, leave_out=("content_hash", "analyzer_version", "length"), reveal=reveal),
        Export("memory_history", tables.history, reveal=reveal),
        Export("memory_usage", tables.usage),
    )
    return PersonalData(database, erasures, exported=exported, erased=_ERASED, lock=lock, announce=announce)
