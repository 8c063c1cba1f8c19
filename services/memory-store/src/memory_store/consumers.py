"""What memory-store consumes: data sources that are gone, and its own memories once they can be compared."""

from faststream.nats import NatsBroker

from contracts.topology import FORGET_SOURCES, REVIEW_MEMORIES
from memory_store.use_cases.conversations import ConversationUseCases
from memory_store.use_cases.reviews import Reviews
from messaging import Consumer, each


def sources(broker: NatsBroker, conversations: ConversationUseCases) -> Consumer:
    """Empties the data source of conversations when it is deleted."""
    return Consumer(broker, FORGET_SOURCES, each(conversations.forget_source))


def reviews(broker: NatsBroker, use_cases: Reviews) -> Consumer:
    """Holds each embedded memory against those it resembles."""
    return Consumer(broker, REVIEW_MEMORIES, each(use_cases.review))
