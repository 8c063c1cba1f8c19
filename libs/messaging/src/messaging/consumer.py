"""Durable consumption: each message of a batch is acknowledged, delivered again later, or kept as a dead letter."""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from contracts.events import Event, parse_event
from contracts.methods import ProblemError
from contracts.topology import Durable
from messaging import dead_letters
from messaging.errors import GiveUp, RetryLater, is_passing, problem_of, reason_of
from messaging.puller import ConsumerMissing, Puller
from observability import logger, span
from observability.metrics import CONSUMER_PENDING, EVENTS_CONSUMED

_log = logger(__name__)

_PAUSE_SECONDS = 1.0
_GRACE_SECONDS = 10.0
_HEARTBEAT = 3
_MAX_DELAY = 300.0


class Delivery:
    """One delivery of one event; settled exactly once."""

    def __init__(self, message: Msg, event: Event[Any], consumer: "Consumer") -> None:
        self.event = event
        self.message = message
        self.settled = False
        self._consumer = consumer

    @property
    def headers(self) -> Mapping[str, str]:
        """The message's headers, with the trace context of what caused it."""
        return self.message.headers or {}

    async def done(self) -> None:
        """The event has had its effect."""
        await self._consumer.acknowledge(self)

    async def failed(self, error: BaseException) -> None:
        """The event has not had its effect: try again later, or keep it as a dead letter when there is no hope."""
        await self._consumer.fail(self, error)


Handler = Callable[[Sequence[Delivery]], Awaitable[None]]


class Consumer:
    """Takes the events of one durable in batches, as long as `run` runs.

    A handler settles each delivery itself; those it leaves are acknowledged when it returns, and fail with its
    exception when it raises. A batch of several that raises is tried again one by one, so that one poison message
    does not hold up the others.
    """

    def __init__(self, broker: NatsBroker, durable: Durable, handler: Handler) -> None:
        self._broker = broker
        self._durable = durable
        self._handler = handler

    async def run(self) -> None:
        """Consume until cancelled. What is being handled then is finished, or given back to the server."""
        while True:
            try:
                async with Puller(self._broker.connection, self._durable) as puller:
                    while True:
                        if batch := await puller.next_batch(self._durable.batch):
                            await self._finish(batch)
                            if len(batch) < self._durable.batch:
                                await asyncio.sleep(self._durable.linger)
            except (ConsumerMissing, NatsError, OSError) as error:
                _log.warning("cannot_consume", consumer=self._durable.name, error=str(error) or type(error).__name__)
            except Exception:  # noqa: BLE001  # logged, and what is not settled is delivered again
                _log.exception("consumer_interrupted", consumer=self._durable.name)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def ping(self) -> None:
        """Raise when the server does not have the durable consumer; how far it is behind goes into the metrics."""
        connection: Client = self._broker.connection
        info = await connection.jetstream(timeout=2).consumer_info(self._durable.stream, self._durable.name)
        behind = (info.num_pending or 0) + (info.num_ack_pending or 0)
        CONSUMER_PENDING.labels(self._durable.name).set(behind)

    async def _finish(self, batch: Sequence[Msg]) -> None:
        deliveries = [delivery for message in batch if (delivery := await self._parse(message))]
        if not deliveries:
            return
        handling = asyncio.create_task(self._handle(deliveries))
        heartbeat = asyncio.create_task(self._heartbeat(deliveries))
        try:
            await asyncio.shield(handling)
        except asyncio.CancelledError:
            await asyncio.wait([handling], timeout=_GRACE_SECONDS)
            handling.cancel()
            for delivery in deliveries:
                if not delivery.settled:
                    await self._settle(delivery.message.nak)
            raise
        finally:
            heartbeat.cancel()

    async def _handle(self, deliveries: Sequence[Delivery]) -> None:
        links = deliveries[0].headers if len(deliveries) == 1 else None
        try:
            with span(f"consume {self._durable.name}", SpanKind.CONSUMER, links):
                await self._handler(deliveries)
        except Exception as error:  # noqa: BLE001  # every failure is settled below, none is dropped
            rest = [delivery for delivery in deliveries if not delivery.settled]
            # A dependency that is away is away for each of them: asking it once more for every one does not help.
            if len(rest) > 1 and not is_passing(error):
                for delivery in rest:
                    await self._handle([delivery])
            else:
                for delivery in rest:
                    await self.fail(delivery, error)
        else:
            for delivery in deliveries:
                if not delivery.settled:
                    await self.acknowledge(delivery)

    async def _parse(self, message: Msg) -> Delivery | None:
        try:
            return Delivery(message, parse_event(message.data), self)
        except (ValidationError, KeyError) as error:
            await self._bury(message, f"not an event: {type(error).__name__}")
            return None

    async def acknowledge(self, delivery: Delivery) -> None:
        """Tell the server that the event is done with."""
        delivery.settled = True
        await self._settle(delivery.message.ack)
        EVENTS_CONSUMED.labels(self._durable.name, "ok").inc()

    async def fail(self, delivery: Delivery, error: BaseException) -> None:
        """Have it delivered again after a growing delay, or keep it as a dead letter."""
        delivery.settled = True
        deliveries = delivery.message.metadata.num_delivered or 1
        if _is_permanent(error) or (not is_passing(error) and deliveries >= self._durable.max_failures):
            await self._bury(delivery.message, reason_of(error))
            return
        delay = backoff(deliveries)
        if isinstance(error, RetryLater) and error.delay is not None and math.isfinite(error.delay):
            delay = min(max(error.delay, 0.0), _MAX_DELAY)
        if not isinstance(error, RetryLater | ProblemError):
            _log.warning("event_failed", consumer=self._durable.name, exc_info=error)
        await self._settle(lambda: delivery.message.nak(delay=delay))
        EVENTS_CONSUMED.labels(self._durable.name, "retried").inc()

    async def _bury(self, message: Msg, reason: str) -> None:
        try:
            await dead_letters.keep(
                self._broker,
                consumer=self._durable.name,
                subject=message.subject,
                body=message.data,
                reason=reason,
                headers=message.headers or {},
            )
        except (NatsError, TimeoutError, OSError) as error:
            # Not settled: the server delivers it again, and it is buried then.
            _log.warning("dead_letter_not_kept", consumer=self._durable.name, error=type(error).__name__)
            return
        await self._settle(message.term)
        EVENTS_CONSUMED.labels(self._durable.name, "dead").inc()

    async def _settle(self, answer: Callable[[], Awaitable[None]]) -> None:
        try:
            await answer()
        except (NatsError, OSError) as error:
            # The server did not hear it and delivers again after ack_wait; handlers are idempotent.
            _log.info("not_settled", consumer=self._durable.name, error=type(error).__name__)

    async def _heartbeat(self, deliveries: Sequence[Delivery]) -> None:
        while True:
            await asyncio.sleep(self._durable.ack_wait / _HEARTBEAT)
            for delivery in deliveries:
                if not delivery.settled:
                    await self._settle(delivery.message.in_progress)


def each(handler: Callable[[Event[Any]], Awaitable[None]]) -> Handler:
    """A handler of batches that handles their events one after the other."""

    async def handle(deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            try:
                with span(f"handle {delivery.event.type}", SpanKind.CONSUMER, delivery.headers):
                    await handler(delivery.event)
            except Exception as error:  # noqa: BLE001  # settled, not dropped
                await delivery.failed(error)
            else:
                await delivery.done()

    return handle


def backoff(deliveries: int) -> float:
    """Seconds until the next delivery: doubling from half a second to five minutes, with jitter."""
    return min(0.5 * 2.0 ** min(deliveries - 1, 12), _MAX_DELAY) * random.uniform(0.8, 1.2)  # noqa: S311  # jitter


def _is_permanent(error: BaseException) -> bool:
    if isinstance(error, GiveUp):
        return True
    if isinstance(error, RetryLater):
        return False
    return isinstance(error, ProblemError) and not problem_of(error).is_transient
