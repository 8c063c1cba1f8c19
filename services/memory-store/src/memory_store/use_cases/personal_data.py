"""Everything of one user out, and everything of one user gone."""

from typing import Any
from uuid import uuid4

from contracts.events import UserErased
from contracts.identity import Identity
from contracts.methods import Empty
from contracts.personal_data import ErasedRows, ExportData, ExportedRows
from memory_store import tables
from memory_store.errors import invalid
from memory_store.repository import conversations, memories
from memory_store.sealed import Vault
from memory_store.use_cases.views import opened
from messaging import Outbox
from persistence import Database
from persistence.cursor import CursorError
from persistence.erasures import Erasures
from persistence.personal_data import Export, erase_rows, export_page

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


class PersonalData:
    """Hands out what is kept of a user, and erases it."""

    def __init__(self, database: Database, outbox: Outbox, vault: Vault, erasures: Erasures) -> None:
        self._database = database
        self._outbox = outbox
        self._erasures = erasures

        def reveal(owner: Identity, row: dict[str, Any]) -> dict[str, Any]:
            return {name: value for name, value in opened(row, owner, vault).items() if name != "sealed"}

        # Vectors and postings say nothing that the contents do not.
        self._exports = (
            Export("conversations", tables.conversations),
            Export("messages", tables.messages, leave_out=("message_no",)),
            Export(
                "memories", tables.memories, leave_out=("content_hash", "analyzer_version", "length"), reveal=reveal
            ),
            Export("memory_history", tables.history, reveal=reveal),
            Export("memory_usage", tables.usage),
        )

    async def export(self, request: ExportData, owner: Identity) -> ExportedRows:
        """The next page of everything kept of this user, sensitive memories in plain text."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            try:
                return await export_page(transaction, owner, self._exports, request.cursor)
            except CursorError as error:
                raise invalid("cursor", str(error)) from error

    async def erase(self, _: Empty, owner: Identity) -> ErasedRows:
        """Delete every row of this user, and say so: whoever keeps anything of them erases it too."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            erased_at = await self._erasures.record(transaction, owner)
            # In the order in which everybody locks them, so that nobody waits for another in a circle.
            await conversations.lock_all(transaction, owner)
            await memories.lock_all(transaction, owner)
            rows = await erase_rows(transaction, owner, _ERASED)
            await self._outbox.emit(transaction, UserErased(erasure_id=uuid4()), identity=owner)
        return ErasedRows(erased_at=erased_at, rows=rows)
