"""Makes JetStream as the topology says: creates what is missing, updates what differs."""

import asyncio
from collections.abc import Sequence

from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BadRequestError, NotFoundError, ServerError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from contracts.topology import DURABLES, STREAMS, Durable, Stream


async def provision(
    jetstream: JetStreamContext,
    *,
    replicas: int = 1,
    streams: Sequence[Stream] = STREAMS,
    durables: Sequence[Durable] = DURABLES,
) -> list[str]:
    """Create or update streams and durable consumers; safe to run again and concurrently. Returns what it did."""
    done = [await _stream(jetstream, stream, replicas) for stream in streams]
    done += [await _durable(jetstream, durable) for durable in durables]
    return done


# A stream that was deleted a moment ago may still be on its way out of the file store.
@retry(retry=retry_if_exception_type(ServerError), wait=wait_fixed(0.2), stop=stop_after_attempt(10), reraise=True)
async def _stream(jetstream: JetStreamContext, stream: Stream, replicas: int) -> str:
    config = StreamConfig(
        name=stream.name,
        subjects=list(stream.subjects),
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        # A full stream that refuses new messages would stop every outbox; lag is alerted on instead.
        discard=DiscardPolicy.OLD,
        max_age=stream.max_age,
        max_bytes=stream.max_bytes,
        max_msg_size=stream.max_msg_size,
        duplicate_window=stream.duplicate_window,
        num_replicas=replicas,
        allow_direct=True,
    )
    try:
        await jetstream.stream_info(stream.name)
    except NotFoundError:
        try:
            await jetstream.add_stream(config)
        except BadRequestError:
            # Another migrator was faster; align with what it made.
            await asyncio.sleep(0)
        else:
            return f"stream {stream.name} created"
    await jetstream.update_stream(config)
    return f"stream {stream.name} up to date"


async def _durable(jetstream: JetStreamContext, durable: Durable) -> str:
    # Clients never touch an existing consumer; adding one with the same name updates it on the server.
    await jetstream.add_consumer(
        durable.stream,
        ConsumerConfig(
            durable_name=durable.name,
            filter_subjects=list(durable.subjects),
            ack_policy=AckPolicy.EXPLICIT,
            deliver_policy=DeliverPolicy.ALL,
            ack_wait=durable.ack_wait,
            max_deliver=durable.max_deliver,
            max_ack_pending=durable.max_ack_pending,
        ),
    )
    return f"durable {durable.name} up to date"
