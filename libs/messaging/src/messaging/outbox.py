"""The outbox: what happened, and what must still be done, commits together with the change itself."""

from typing import Any
from uuid import uuid4

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, MetaData, Table, Text, Uuid, insert
from sqlalchemy.dialects.postgresql import JSONB

from contracts.events import EventData, event
from contracts.identity import Identity
from contracts.methods import Method
from observability import tracing
from persistence import Transaction


def outbox_table(metadata: MetaData) -> Table:
    """The outbox of a service, as `create_outbox` and `own_outbox` of `persistence.policies` make it."""
    return Table(
        "memori_outbox",
        metadata,
        Column("id", BigInteger, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("message_id", Uuid, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("not_before", DateTime(timezone=True), nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("tenant_id", Text, nullable=False),
        Column("user_id", Text, nullable=False),
        Column("failures", Integer, nullable=False),
        Column("refused_at", DateTime(timezone=True)),
    )


class Outbox:
    """Adds to a service's outbox. `wake` of its relay is called after each commit."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._wake: Any = lambda: None

    def on_commit(self, wake: Any) -> None:
        """Have the relay woken after a commit, so that events do not wait for its next poll."""
        self._wake = wake

    def wake_after(self, transaction: Transaction) -> None:
        """Have the relay look at the outbox once the transaction has committed."""
        transaction.after_commit(self._wake)

    async def emit(self, transaction: Transaction, *data: EventData, identity: Identity) -> None:
        """Say that something happened to this user's rows; published once the transaction has committed."""
        events = [event(item, tenant_id=identity.tenant_id, user_id=identity.user_id) for item in data]
        await self._add(
            transaction,
            identity,
            [
                {
                    "kind": "event",
                    "subject": item.type,
                    "message_id": item.id,
                    "headers": _headers(),
                    "body": item.model_dump_json().encode(),
                }
                for item in events
            ],
        )

    async def command(
        self, transaction: Transaction, method: Method[Any, Any], request: Any, identity: Identity
    ) -> None:
        """Have another service do something: asked after the commit, again and again until it answers."""
        await self._add(
            transaction,
            identity,
            [
                {
                    "kind": "command",
                    "subject": method.subject,
                    "message_id": uuid4(),
                    "headers": _headers() | identity.headers(),
                    "body": request.model_dump_json().encode(),
                }
            ],
        )

    async def _add(self, transaction: Transaction, identity: Identity, rows: list[dict[str, Any]]) -> None:
        if rows:
            owner = {"tenant_id": identity.tenant_id, "user_id": identity.user_id}
            # Inline: nothing is returned, since the app role may not read the outbox.
            await transaction.execute(insert(self.table).inline(), [row | owner for row in rows])
            self.wake_after(transaction)


def _headers() -> dict[str, str]:
    headers: dict[str, str] = {}
    tracing.carry(headers)
    return headers
