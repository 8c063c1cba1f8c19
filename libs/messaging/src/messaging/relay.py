"""The relay: takes a service's outbox to NATS. One instance of a service at a time, under an advisory lock."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from opentelemetry.trace import SpanKind
from pydantic import ValidationError
from sqlalchemy import Row, delete, func, select, update

from contracts.dead_letters import RefusedCommand
from contracts.methods import DEADLINE, PROBLEM
from contracts.problems import Problem
from contracts.topology import stream_of
from messaging import dead_letters
from messaging.outbox import Outbox
from observability import logger, span
from observability.metrics import OUTBOX_PENDING, OUTBOX_PUBLISHED, OUTBOX_REFUSED
from persistence import Database
from persistence.leadership import work_while_leading

_log = logger(__name__)

_BATCH = 500
_POLL_SECONDS = 1.0
_COMMAND_TIMEOUT = 10.0
_COMMANDS_AT_ONCE = 8
_MAX_BACKOFF = timedelta(minutes=5)
_MAX_FAILURES = 100


class Relay:
    """Publishes events, and asks commands until they are answered.

    Events go oldest first, but many at once: their order holds only while none of them fails.

    A command that is refused, or that its service fails at a hundred times, stays in the outbox and is not asked again
    by itself: what it asks is personal data, so only its dead letter, which names the row, goes into a stream.
    """

    def __init__(self, service: str, database: Database, broker: NatsBroker, outbox: Outbox) -> None:
        self._service = service
        self._database = database
        self._broker = broker
        self._table = outbox.table
        self._events_added = asyncio.Event()
        self._commands_added = asyncio.Event()
        outbox.on_commit(self._wake)

    async def run(self) -> None:
        """Relay until cancelled; whatever fails is tried again."""
        # Side by side: a service that takes long to answer a command must not hold up events.
        await work_while_leading(
            self._database,
            f"relay:{self._service}",
            partial(self._drain, self._publish_events, _BATCH, self._events_added),
            partial(self._drain, self._ask_commands, _COMMANDS_AT_ONCE, self._commands_added),
            self._watch,
        )

    def _wake(self) -> None:
        self._events_added.set()
        self._commands_added.set()

    async def _drain(self, deliver: Callable[[], Awaitable[int]], most: int, added: asyncio.Event) -> None:
        while True:
            added.clear()
            try:
                delivered = await deliver()
            except NatsError as error:
                # Gives up the lead: another replica may reach NATS.
                raise ConnectionError("NATS is away") from error
            if delivered == most:
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await added.wait()

    async def _watch(self) -> None:
        """Report what waits."""
        refused = func.count(self._table.c.refused_at)
        statement = select((func.count() - refused).label("pending"), refused.label("refused")).select_from(self._table)
        while True:
            async with self._database.worker_transaction() as transaction:
                count = (await transaction.execute(statement)).one()
            OUTBOX_PENDING.set(count.pending)
            OUTBOX_REFUSED.set(count.refused)
            await asyncio.sleep(_POLL_SECONDS)

    async def _publish_events(self) -> int:
        table = self._table
        async with self._database.worker_transaction() as transaction:
            found = await transaction.execute(
                select(table).where(table.c.kind == "event").order_by(table.c.id).limit(_BATCH)
            )
            rows: Sequence[Row[Any]] = found.all()
        if not rows:
            return 0
        stream = stream_of(self._service)
        outcomes = await asyncio.gather(*(self._publish(stream, row) for row in rows), return_exceptions=True)
        acknowledged = [
            row.id for row, outcome in zip(rows, outcomes, strict=True) if not isinstance(outcome, BaseException)
        ]
        if acknowledged:
            async with self._database.worker_transaction() as transaction:
                await transaction.execute(delete(table).where(table.c.id.in_(acknowledged)))
            OUTBOX_PUBLISHED.labels("event").inc(len(acknowledged))
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(rows)

    async def _publish(self, stream: str, row: Row[Any]) -> None:
        connection: Client = self._broker.connection
        with span(f"publish {row.subject}", SpanKind.PRODUCER, row.headers):
            await connection.jetstream(timeout=5).publish(
                row.subject,
                row.body,
                stream=stream,
                headers={
                    **row.headers,
                    "Nats-Msg-Id": str(row.message_id),
                    "Content-Type": "application/cloudevents+json",
                },
            )

    async def _ask_commands(self) -> int:
        table = self._table
        async with self._database.worker_transaction() as transaction:
            found = await transaction.execute(
                select(table)
                .where(table.c.kind == "command", table.c.refused_at.is_(None), table.c.not_before <= func.now())
                .order_by(table.c.not_before, table.c.id)
                .limit(_COMMANDS_AT_ONCE)
            )
            rows: Sequence[Row[Any]] = found.all()
        await asyncio.gather(*(self._ask(row) for row in rows))
        return len(rows)

    async def _ask(self, row: Row[Any]) -> None:
        connection: Client = self._broker.connection
        refused: Problem | None = None
        try:
            with span(row.subject, SpanKind.CLIENT, row.headers):
                deadline = datetime.now(UTC).timestamp() + _COMMAND_TIMEOUT
                reply = await connection.request(
                    row.subject,
                    row.body,
                    timeout=_COMMAND_TIMEOUT,
                    headers={**row.headers, DEADLINE: f"{deadline:.3f}"},
                )
            if reply.headers and PROBLEM in reply.headers:
                refused = Problem.model_validate_json(reply.data)
        except (NatsError, NoRespondersError, TimeoutError, ValidationError) as error:
            await self._postpone(row, type(error).__name__)
            return
        if refused is None:
            async with self._database.worker_transaction() as transaction:
                await transaction.execute(delete(self._table).where(self._table.c.id == row.id))
            OUTBOX_PUBLISHED.labels("command").inc()
            return
        failures = row.failures + (refused.type == "failed")
        if refused.is_transient and failures < _MAX_FAILURES:
            await self._postpone(row, refused.type, failures)
        else:
            await self._put_aside(row, refused)

    async def _postpone(self, row: Row[Any], reason: str, failures: int | None = None) -> None:
        delay = min(timedelta(seconds=0.5) * 2 ** min(row.attempts, 12), _MAX_BACKOFF)
        _log.info("command_postponed", subject=row.subject, attempts=row.attempts + 1, reason=reason)
        async with self._database.worker_transaction() as transaction:
            await transaction.execute(
                update(self._table)
                .where(self._table.c.id == row.id)
                .values(
                    attempts=row.attempts + 1,
                    failures=row.failures if failures is None else failures,
                    not_before=func.now() + delay,
                )
            )

    async def _put_aside(self, row: Row[Any], refused: Problem) -> None:
        # The letter first: a row that no letter names would be found by nobody, and a letter that came twice only says
        # the same again.
        letter = RefusedCommand(service=self._service, outbox_id=row.id, method=row.subject)
        await dead_letters.keep(
            self._broker,
            consumer=f"{self._service}-commands",
            subject=row.subject,
            body=letter.model_dump_json().encode(),
            reason=f"{refused.type}: {refused.detail}" if refused.detail else refused.type,
            headers={},
        )
        async with self._database.worker_transaction() as transaction:
            await transaction.execute(
                update(self._table).where(self._table.c.id == row.id).values(refused_at=func.now())
            )
