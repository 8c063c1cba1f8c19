"""Takes messages of a durable consumer, as many as there are, as soon as there is one.

nats-py's `fetch` is not used: it waits for a batch to fill, and with the short time-outs that avoid the wait it lost
deliveries under load until their ack_wait had passed. Here every request ends with a status of the server, and a
message that comes late is in the queue for the next batch.
"""

import asyncio
import itertools
import json
from contextlib import suppress
from types import TracebackType
from typing import Self

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from contracts.topology import Durable
from messaging.broker import inbox_prefix

_LINGER_SECONDS = 5.0
_ANSWER_SECONDS = 2.0
_HEARTBEAT = "100"


class ConsumerMissing(Exception):  # noqa: N818  # reads as what it says
    """The server does not know the durable consumer, or does not answer for it."""


class Puller:
    """Pulls for one durable; use as a context manager."""

    def __init__(self, connection: Client, durable: Durable) -> None:
        self._connection = connection
        self._durable = durable
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{durable.stream}.{durable.name}"
        self._inbox = f"{inbox_prefix(durable.service)}.{connection.new_inbox().rsplit('.', 1)[-1]}"
        self._queue: asyncio.Queue[Msg] = asyncio.Queue()
        self._numbers = itertools.count(1)
        self._taken: list[Msg] = []
        self._subscription: Subscription | None = None

    async def __aenter__(self) -> Self:
        self._subscription = await self._connection.subscribe(f"{self._inbox}.*", cb=self._received)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._subscription is None or self._connection.is_closed:
            return
        # What was delivered but not handed out goes back at once instead of after its ack_wait.
        with suppress(NatsError, TimeoutError, OSError):
            await self._subscription.drain()  # type: ignore[no-untyped-call]  # nats-py leaves it untyped
            while not self._queue.empty():
                self._taken.append(self._queue.get_nowait())
            for message in self._taken:
                if not _status(message):
                    await message.nak()

    async def next_batch(self, size: int) -> list[Msg]:
        """The messages that are there, up to `size`; when there are none, the next one, or none after a few seconds.

        Raises:
            ConsumerMissing: the server has no such consumer, or no answer came.
        """
        ready = await self._request(size, linger=0)
        return ready or await self._request(1, linger=_LINGER_SECONDS)

    async def _received(self, message: Msg) -> None:
        self._queue.put_nowait(message)

    async def _request(self, size: int, *, linger: float) -> list[Msg]:
        reply = f"{self._inbox}.{next(self._numbers)}"
        body = {"batch": size} | ({"expires": int(linger * 1e9)} if linger else {"no_wait": True})
        await self._connection.publish(self._subject, json.dumps(body).encode(), reply)
        messages = self._taken = list[Msg]()
        deadline = asyncio.get_running_loop().time() + linger + _ANSWER_SECONDS
        while len(messages) < size:
            try:
                # Queue.get gives up its place without taking a message when the time is up.
                async with asyncio.timeout_at(deadline):
                    message = await self._queue.get()
            except TimeoutError:
                if messages:
                    break
                raise ConsumerMissing(f"no answer for {self._durable.name}") from None
            status = _status(message)
            if status is None:
                messages.append(message)
            elif message.subject == reply and status != _HEARTBEAT:
                if status not in {"404", "408"}:
                    raise ConsumerMissing(f"{status} for {self._durable.name}")
                break
        self._taken = []
        return messages


def _status(message: Msg) -> str | None:
    """The status of a message with which the server ends a request; None for a message of the stream."""
    return message.headers.get("Status") if message.headers and not message.data else None
