"""The connection to NATS: never gives up, and knows when it is gone."""

import asyncio

from faststream.nats import NatsBroker
from faststream.security import SASLPlaintext
from nats.aio.client import Client
from nats.errors import Error as NatsError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random_exponential

from observability import logger

_log = logger(__name__)

_START_SECONDS = 60.0
_LAST_TRY_SECONDS = 10.0


def create_broker(url: str, *, service: str, password: str | None = None, graceful_timeout: float = 20.0) -> NatsBroker:
    """A broker for one service; connect it with `start`.

    With a password it logs in as the service's own NATS user, whose permissions are those of `contracts.topology`.
    Stopping it waits up to `graceful_timeout` seconds for handlers that are running.
    """
    return NatsBroker(
        url,
        name=service,
        security=SASLPlaintext(username=service, password=password) if password else None,
        # Without this, FastStream's pull loop spins once nats-py has used up its 60 attempts.
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        connect_timeout=5,
        ping_interval=10,
        max_outstanding_pings=2,
        graceful_timeout=graceful_timeout,
        inbox_prefix=inbox_prefix(service),
        apply_types=False,
        logger=None,
    )


def inbox_prefix(service: str) -> str:
    """Where a service receives replies: a prefix of its own, so that no other service may listen there."""
    return f"_INBOX.{service}"


async def ping(broker: NatsBroker) -> None:
    """Raise when the server does not answer."""
    connection: Client = broker.connection
    if not connection.is_connected:
        raise ConnectionError("not connected to NATS")
    await connection.flush(timeout=1)


async def start(broker: NatsBroker) -> None:
    """Connect and start consuming; NATS, or the consumers that `memori migrate` makes, may be a minute late.

    Raises:
        TimeoutError: NATS did not answer for a minute. (nats-py itself would try for ever, as it does later.)
        nats.errors.Error: it answers, but what the service needs is not there.
    """
    async with asyncio.timeout(_START_SECONDS + _LAST_TRY_SECONDS):
        await _start(broker)


@retry(
    retry=retry_if_exception_type((NatsError, OSError, TimeoutError)),
    wait=wait_random_exponential(multiplier=0.2, max=5),
    stop=stop_after_delay(_START_SECONDS),
    reraise=True,
)
async def _start(broker: NatsBroker) -> None:
    await broker.start()


async def stop(broker: NatsBroker) -> None:
    """Finish what is running and disconnect; a server that went first must not keep the rest from being closed."""
    try:
        await broker.stop()
    except (NatsError, OSError, TimeoutError) as error:
        _log.warning("not_disconnected_in_order", error=type(error).__name__)
