"""What embedding-worker consumes: memories that are new or changed."""

from collections.abc import Sequence
from dataclasses import replace

from faststream.nats import NatsBroker

from contracts.topology import EMBED_MEMORIES
from embedding_worker.use_cases import Embeddings
from messaging import Consumer, Delivery


def memories(broker: NatsBroker, embeddings: Embeddings, *, batch: int) -> Consumer:
    """Embeds memories in batches of up to `batch`."""

    async def embed(deliveries: Sequence[Delivery]) -> None:
        await embeddings.embed_memories([delivery.event for delivery in deliveries])

    return Consumer(broker, replace(EMBED_MEMORIES, batch=batch), embed)
