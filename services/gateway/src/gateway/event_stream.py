"""A question's progress and answer as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from itertools import count
from typing import Any, Final
from uuid import UUID

import anyio
from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from prometheus_client import Gauge
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from contracts.methods import ProblemError
from contracts.problems import problem
from contracts.progress import subject_of
from gateway.problems import problem_response
from messaging.errors import problem_of
from observability import logger

_log = logger(__name__)

MEDIA_TYPE: Final = "text/event-stream"
OPEN_STREAMS = Gauge("memori_http_event_streams", "Answers that are being streamed")

# A question has a dozen stages at most: whoever reads so slowly that more wait misses some, and the answer never.
_MAX_WAITING = 32
_WAITING = b": waiting\n\n"


class ProgressFeed:
    """Listens to the progress of requests of this process."""

    def __init__(self, broker: NatsBroker) -> None:
        self._broker = broker

    async def follow(self, progress_id: UUID, stages: "asyncio.Queue[bytes]") -> Subscription:
        """Have the stages of a request put into a queue, until the subscription ends; none while NATS is away."""
        connection: Client = self._broker.connection
        if not connection.is_connected:
            raise ProblemError(problem("unavailable", "messaging is away", retry_after=2))

        async def put(message: Msg) -> None:
            if not stages.full():
                stages.put_nowait(message.data)

        return await connection.subscribe(subject_of(progress_id), cb=put, pending_msgs_limit=_MAX_WAITING)


def wants_events(accept: str) -> bool:
    """Whether an Accept header names server-sent events."""
    for part in accept.split(","):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if media_type == MEDIA_TYPE:
            return not any(parameter.replace(" ", "") in {"q=0", "q=0.0"} for parameter in parameters)
    return False


class EventStream(StreamingResponse):
    """The stages as `stage` events, and as the last event either `answer` or `problem`.

    Made by `open_stream`. When the client leaves, it stops waiting for the answer; the work for it goes on.
    """

    def __init__(
        self,
        request: Request,
        answer: "asyncio.Task[bytes]",
        feed: Subscription,
        first: bytes | None,
        stages: "asyncio.Queue[bytes]",
        heartbeat: float,
    ) -> None:
        self._request = request
        self._answer = answer
        self._feed = feed
        self._stages = stages
        self._heartbeat = heartbeat
        super().__init__(
            self._events(first),
            # Proxies (nginx, and those that compress) would hold events back until there are enough of them.
            headers={"X-Accel-Buffering": "no", "Cache-Control": "no-transform"},
            media_type=MEDIA_TYPE,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until the last one, or until the client has left."""
        try:
            with OPEN_STREAMS.track_inprogress():
                await super().__call__(scope, receive, send)
        finally:
            await _close(self._answer, self._feed)

    async def _events(self, first: bytes | None) -> AsyncIterator[bytes]:
        ids = count(1)
        if first is not None:
            yield _event(next(ids), "stage", first)
        while True:
            stage = await _next(self._stages, self._answer, self._heartbeat)
            if stage is not None:
                yield _event(next(ids), "stage", stage)
            elif self._answer.done():
                break
            else:
                yield _WAITING
        kind, data = self._outcome()
        yield _event(next(ids), kind, data)

    def _outcome(self) -> tuple[str, bytes]:
        try:
            return "answer", self._answer.result()
        except Exception as error:  # noqa: BLE001  # whoever asked gets a problem, whatever happened
            found = problem_of(error)
            if found.type == "failed":
                _log.exception("request_failed")
            return "problem", bytes(problem_response(self._request, found).body)


async def open_stream(
    request: Request, reply: Coroutine[Any, Any, bytes], feed: ProgressFeed, progress_id: UUID, heartbeat: float
) -> EventStream:
    """The stream of a reply that is asked for now; `heartbeat` seconds of silence end with a comment.

    Raises:
        ProblemError: the answer was a problem before there was any progress: it is a response of its own.
    """
    stages: asyncio.Queue[bytes] = asyncio.Queue(_MAX_WAITING)
    try:
        subscription = await feed.follow(progress_id, stages)
    except BaseException:
        reply.close()
        raise
    answer = asyncio.create_task(reply)
    try:
        first = await _next(stages, answer, heartbeat)
        if first is None and answer.done():
            answer.result()
    except BaseException:
        await _close(answer, subscription)
        raise
    return EventStream(request, answer, subscription, first, stages, heartbeat)


async def _next(stages: "asyncio.Queue[bytes]", answer: "asyncio.Task[bytes]", seconds: float) -> bytes | None:
    """The next stage; None when the answer is there and no stage is left, or when nothing came for so long."""
    if not stages.empty():
        return stages.get_nowait()
    stage = asyncio.create_task(stages.get())
    try:
        await asyncio.wait({stage, answer}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return stage.result() if stage.done() else None
    finally:
        stage.cancel()


async def _close(answer: "asyncio.Task[bytes]", subscription: Subscription) -> None:
    answer.cancel()
    with anyio.CancelScope(shield=True):
        await subscription.unsubscribe()


def _event(number: int, kind: str, data: bytes) -> bytes:
    # JSON as it is written here has no line breaks, which would end the data.
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, kind.encode(), data)
