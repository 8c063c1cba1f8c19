"""What memory-store consumes: data sources that are gone."""

from faststream.nats import NatsBroker

from contracts.topology import FORGET_SOURCES
from memory_store.use_cases.conversations import ConversationUseCases
from messaging import Consumer, each


def sources(broker: NatsBroker, conversations: ConversationUseCases) -> Consumer:
    """Empties the data source of conversations when it is deleted."""
    return Consumer(broker, FORGET_SOURCES, each(conversations.forget_source))
