"""What an operator may do with the commands of a service that were refused."""

from faststream.nats import NatsBroker
from sqlalchemy import delete, func, update

from contracts.dead_letters import CommandRef, drop_command_of, retry_command_of
from contracts.identity import Identity
from contracts.methods import Empty, ProblemError
from contracts.problems import problem
from messaging.outbox import Outbox
from messaging.rpc import serve
from persistence import Database


def serve_refused_commands(broker: NatsBroker, service: str, worker: Database, outbox: Outbox) -> None:
    """Answer `retry_command` and `drop_command` for a service's outbox; call it before the broker starts.

    Both answer `not-found` for a command that is not there any more, or was not refused.
    """
    table = outbox.table

    async def retry(request: CommandRef, _: Identity) -> Empty:
        again = update(table).values(refused_at=None, failures=0, attempts=0, not_before=func.now())
        async with worker.worker_transaction() as transaction:
            result = await transaction.execute(
                again.where(table.c.id == request.outbox_id, table.c.refused_at.is_not(None))
            )
            outbox.wake_after(transaction)
        return _done(result.rowcount)

    async def drop(request: CommandRef, _: Identity) -> Empty:
        async with worker.worker_transaction() as transaction:
            result = await transaction.execute(
                delete(table).where(table.c.id == request.outbox_id, table.c.refused_at.is_not(None))
            )
        return _done(result.rowcount)

    serve(broker, retry_command_of(service), retry, concurrency=1)
    serve(broker, drop_command_of(service), drop, concurrency=1)


def _done(rows: int) -> Empty:
    if not rows:
        raise ProblemError(problem("not-found", "no such refused command: it was erased, dropped or asked again"))
    return Empty()
