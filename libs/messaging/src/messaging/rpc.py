"""Request–reply on core NATS: typed both ways, with a deadline, and errors that travel as problems."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from faststream.nats import NatsBroker, NatsMessage, NatsResponse
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from contracts.base import Message
from contracts.identity import Identity
from contracts.methods import DEADLINE, MAX_MESSAGE_BYTES, PROBLEM, Method, ProblemError
from contracts.problems import Problem, problem
from messaging.errors import problem_of
from observability import logger, span, tracing
from observability.metrics import RPC_SECONDS

RequestT = TypeVar("RequestT", bound=Message)
ReplyT = TypeVar("ReplyT", bound=Message)

_log = logger(__name__)
_TRIES = 4


class RpcClient:
    """Calls other services' methods."""

    def __init__(self, broker: NatsBroker) -> None:
        self._broker = broker

    async def call(
        self,
        method: Method[RequestT, ReplyT],
        request: RequestT,
        identity: Identity,
        *,
        timeout_seconds: float = 5.0,
    ) -> ReplyT:
        """The reply of whichever instance of the service answers.

        While NATS is away or nobody listens it tries a few times within half a second: nothing was delivered, so
        this is safe for every method.

        Raises:
            ProblemError: the service answered with a problem, nobody could be asked (`unavailable`), or nobody answered
                before the time was up (`timeout`).
        """
        body = await self.forward(method, request, identity, timeout_seconds=timeout_seconds)
        with _understood(method.service):
            return method.reply.model_validate_json(body)

    async def forward(
        self,
        method: Method[RequestT, ReplyT],
        request: RequestT,
        identity: Identity,
        *,
        timeout_seconds: float = 5.0,
    ) -> bytes:
        """The reply as JSON, as its owner wrote it, for a caller that hands it on unread; raises what `call` does."""
        body = request.model_dump_json().encode()
        if len(body) > MAX_MESSAGE_BYTES:
            raise ProblemError(problem("too-large", f"the request is over {MAX_MESSAGE_BYTES} bytes"))
        with span(method.subject, SpanKind.CLIENT):
            headers = identity.headers() | {DEADLINE: f"{time.time() + timeout_seconds:.3f}"}
            tracing.carry(headers)
            message = await self._request(method.subject, body, headers, timeout_seconds)
            if message.headers and PROBLEM in message.headers:
                with _understood(method.service):
                    raise ProblemError(Problem.model_validate_json(message.data))
            reply: bytes = message.data
            return reply

    async def _request(self, subject: str, body: bytes, headers: dict[str, str], timeout_seconds: float) -> Any:
        connection: Client = self._broker.connection
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(0.05 * 2**attempt * random.uniform(0.25, 0.75))  # noqa: S311  # jitter, not a secret
            if not connection.is_connected:
                # nats-py would keep the request until it is back, long after the deadline.
                reason = "messaging is away"
                continue
            try:
                reply = await connection.request(subject, body, timeout=timeout_seconds, headers=headers)
            except NoRespondersError:
                reason = f"{_service(subject)} is not running"
            except NatsTimeoutError as error:
                raise ProblemError(problem("timeout", f"{_service(subject)} did not answer in time")) from error
            except (NatsError, OSError) as error:
                raise ProblemError(problem("unavailable", "messaging is away", retry_after=2)) from error
            else:
                _heed_cancellation()
                return reply
        raise ProblemError(problem("unavailable", reason, retry_after=2))


def _heed_cancellation() -> None:
    """Raise CancelledError when this task was cancelled just as the reply came.

    In Python 3.11 `asyncio.wait_for`, with which nats-py waits, then returns the reply and the cancellation is lost:
    endless work would go on for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


@contextmanager
def _understood(service: str) -> Iterator[None]:
    """What another service got wrong must not look like the caller's mistake."""
    try:
        yield
    except ValidationError as error:
        raise ProblemError(problem("failed", f"{service} answered nonsense")) from error


def _service(subject: str) -> str:
    return subject.split(".")[1]


def serve(
    broker: NatsBroker,
    method: Method[RequestT, ReplyT],
    handler: Callable[[RequestT, Identity], Awaitable[ReplyT]],
    *,
    concurrency: int = 32,
) -> None:
    """Answer a method with a handler, as one of the service's queue group, `concurrency` requests at a time.

    A request whose deadline has passed is not handled; one that is being handled when it passes is cancelled.
    """

    async def answer(message: NatsMessage) -> NatsResponse:
        started = time.perf_counter()
        outcome = "ok"
        with span(method.subject, SpanKind.SERVER, message.headers):
            try:
                reply = await _handle(method, handler, message)
            except Exception as error:  # noqa: BLE001  # whoever asked gets a problem, whatever happened
                found = problem_of(error)
                outcome = found.type
                if found.type == "failed":
                    _log.exception("request_failed", method=method.subject)
                return NatsResponse(found.model_dump_json().encode(), headers={PROBLEM: found.type})
            else:
                return NatsResponse(reply)
            finally:
                RPC_SECONDS.labels(method.subject, outcome).observe(time.perf_counter() - started)

    broker.subscriber(
        method.subject,
        queue=method.service,
        max_workers=concurrency,
        decoder=_undecoded,
    )(answer)


async def _handle(
    method: Method[RequestT, ReplyT], handler: Callable[[RequestT, Identity], Awaitable[ReplyT]], message: NatsMessage
) -> bytes:
    deadline = message.headers.get(DEADLINE)
    remaining = float(deadline) - time.time() if deadline else None
    if remaining is not None and remaining <= 0:
        raise ProblemError(problem("timeout", "the request arrived after its deadline"))
    request = method.request.model_validate_json(message.body)
    identity = Identity.from_headers(message.headers)
    async with asyncio.timeout(remaining):
        reply = await handler(request, identity)
    body = reply.model_dump_json().encode()
    if len(body) > MAX_MESSAGE_BYTES:
        raise ProblemError(problem("too-large", "the answer does not fit one message"))
    return body


async def _undecoded(message: Any) -> Any:
    return message
