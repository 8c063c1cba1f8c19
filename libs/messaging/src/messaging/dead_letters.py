"""Dead letters: messages that can never be handled, kept whole with the reason, to be read and replayed."""

from collections.abc import Mapping

from faststream.nats import NatsBroker
from nats.aio.client import Client

from observability import logger
from observability.metrics import DEAD_LETTERS

_log = logger(__name__)

STREAM = "DEAD_LETTERS"
REASON = "Memori-Reason"
ORIGIN = "Memori-Subject"
_MAX_REASON = 1_000


async def keep(
    broker: NatsBroker, *, consumer: str, subject: str, body: bytes, reason: str, headers: Mapping[str, str]
) -> None:
    """Keep a message as a dead letter on `dead_letter.<consumer>`; raises while it cannot be kept."""
    connection: Client = broker.connection
    carried = {name: value for name, value in headers.items() if not name.startswith("Nats-")}
    printable = "".join(c if c.isprintable() else " " for c in reason)[:_MAX_REASON]
    await connection.jetstream(timeout=5).publish(
        f"dead_letter.{consumer}",
        body,
        stream=STREAM,
        headers={**carried, REASON: printable, ORIGIN: subject},
    )
    DEAD_LETTERS.labels(consumer).inc()
    _log.error("dead_letter", consumer=consumer, subject=subject, reason=printable)
