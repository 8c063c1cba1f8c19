"""Events of users who were erased since: seen before they are handled, so that nothing of them is done again."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from contracts.identity import Identity
from messaging.consumer import Delivery, Handler
from persistence import Database
from persistence.erasures import Erasures

Guard: TypeAlias = Callable[[Handler], Handler]
"""What a composition root makes of `unless_erased` for the handlers of its consumers."""


def unless_erased(handler: Handler, erasures: Erasures, database: Database) -> Handler:
    """A handler that acknowledges events whose user was erased at their time or later, and hands on the others.

    It looks once a batch. An erasure may come right after: who writes calls `Erasures.hold` as well.
    """

    async def handle(deliveries: Sequence[Delivery]) -> None:
        owners = {Identity(delivery.event.tenantid, delivery.event.userid) for delivery in deliveries}
        async with database.worker_transaction() as transaction:
            erased = await erasures.latest(transaction, owners)
        rest: list[Delivery] = []
        for delivery in deliveries:
            at = erased.get((delivery.event.tenantid, delivery.event.userid))
            if at is not None and at >= delivery.event.time:
                await delivery.done()
            else:
                rest.append(delivery)
        if rest:
            await handler(rest)

    return handle
