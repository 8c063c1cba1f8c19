"""What entity-extractor answers."""

from faststream.nats import NatsBroker

from contracts.entity_extractor import CONTEXT, LIST_ENTITIES, LIST_RELATIONSHIPS, SERVICE
from entity_extractor.use_cases.reading import ReadingUseCases
from messaging import PersonalData, serve


def register(broker: NatsBroker, reading: ReadingUseCases, personal: PersonalData) -> None:
    """Answer this service's methods."""
    serve(broker, LIST_ENTITIES, reading.list_entities)
    serve(broker, LIST_RELATIONSHIPS, reading.list_relationships)
    serve(broker, CONTEXT, reading.context)
    personal.serve(broker, SERVICE)
