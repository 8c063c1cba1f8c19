"""What embedding-worker consumes: memories that are new or changed, users that were erased."""

from collections.abc import Sequence
from dataclasses import replace

from faststream.nats import NatsBroker

from contracts.embedding_worker import SERVICE
from contracts.topology import EMBED_MEMORIES, ERASURES
from embedding_worker.use_cases import Embeddings
from messaging import Consumer, Delivery, Guard, PersonalData, each


def memories(broker: NatsBroker, embeddings: Embeddings, guard: Guard, *, batch: int) -> Consumer:
    """Embeds memories in batches of up to `batch`."""

    async def embed(deliveries: Sequence[Delivery]) -> None:
        await embeddings.embed_memories([delivery.event for delivery in deliveries])

    return Consumer(broker, replace(EMBED_MEMORIES, batch=batch), guard(embed))


def erasures(broker: NatsBroker, personal: PersonalData) -> Consumer:
    """Erases users whom the gateway could not have erased here."""
    return Consumer(broker, ERASURES[SERVICE], each(personal.erased))
