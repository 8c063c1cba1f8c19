"""How a service answers for what it keeps of a user: it hands everything out, and erases everything."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from faststream.nats import NatsBroker
from sqlalchemy import Table

from contracts.events import Event, UserErased
from contracts.identity import Identity
from contracts.methods import Empty, ProblemError
from contracts.personal_data import ErasedRows, ExportData, ExportedRows, erase_of, export_of
from contracts.problems import FieldError, problem
from messaging.rpc import serve
from persistence import Database, Transaction
from persistence.cursor import CursorError
from persistence.erasures import Erasures
from persistence.personal_data import Export, erase_rows, export_page

Step: TypeAlias = Callable[[Transaction, Identity], Awaitable[None]]
"""What a service adds to an erasure, in its transaction."""


async def _nothing(_transaction: Transaction, _owner: Identity) -> None:
    pass


class PersonalData:
    """Export and erase of one service.

    `exported` says what goes out and `erased` which tables are emptied of a user, those that refer to others first;
    both run as the role that sees one user's rows only. `lock` takes what the service's other work locks, in its order;
    `announce` says so in the same transaction, where others have to hear of it; `forget` drops what this process holds
    of the user in memory.
    """

    def __init__(
        self,
        database: Database,
        erasures: Erasures,
        *,
        exported: Sequence[Export],
        erased: Sequence[Table],
        lock: Step = _nothing,
        announce: Step = _nothing,
        forget: Callable[[Identity], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._erasures = erasures
        self._exported = exported
        self._erased = erased
        self._lock = lock
        self._announce = announce
        self._forget = forget

    def serve(self, broker: NatsBroker, service: str) -> None:
        """Answer both methods of a service; call it before the broker starts."""
        serve(broker, export_of(service), self.export, concurrency=4)
        serve(broker, erase_of(service), self.erase, concurrency=4)

    async def export(self, request: ExportData, owner: Identity) -> ExportedRows:
        """The next page of the user's rows.

        Raises:
            ProblemError: `invalid`, the cursor is not ours; `unavailable`, a row changed while it went out in pieces.
        """
        try:
            async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
                return await export_page(transaction, owner, self._exported, request.cursor)
        except CursorError as error:
            wrong = FieldError(field="cursor", message=str(error))
            raise ProblemError(problem("invalid", errors=(wrong,))) from error

    async def erase(self, _: Empty, owner: Identity) -> ErasedRows:
        """Erase the user: their rows go, and nothing that began before brings them back."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            erased_at = await self._erasures.record(transaction, owner)
            await self._lock(transaction, owner)
            rows = await erase_rows(transaction, owner, self._erased)
            await self._announce(transaction, owner)
        self._forget(owner)
        return ErasedRows(erased_at=erased_at, rows=rows)

    async def erased(self, event: Event[UserErased]) -> None:
        """Erase what there was of the user at the time of the event, unless that is done; a user may have come back."""
        owner = Identity(event.tenantid, event.userid)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if not await self._erasures.record_past(transaction, owner, event.time):
                return
            await erase_rows(transaction, owner, self._erased, before=event.time)
        self._forget(owner)
