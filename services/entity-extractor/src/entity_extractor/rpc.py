"""What entity-extractor answers."""

from faststream.nats import NatsBroker

from contracts.entity_extractor import CONTEXT, LIST_ENTITIES, LIST_RELATIONSHIPS
from entity_extractor.use_cases.reading import ReadingUseCases
from messaging import serve


def register(broker: NatsBroker, reading: ReadingUseCases) -> None:
    """Answer this service's methods."""
    serve(broker, LIST_ENTITIES, reading.list_entities)
    serve(broker, LIST_RELATIONSHIPS, reading.list_relationships)
    serve(broker, CONTEXT, reading.context)
