"""What entity-extractor answers."""

from faststream.nats import NatsBroker

from contracts.entity_extractor import (
    CONTEXT,
    DELETE_ENTITY,
    GET_ENTITY,
    GRAPH,
    LIST_ENTITIES,
    LIST_FACTS,
    LIST_RELATIONSHIPS,
    MERGE_ENTITIES,
    RELEARN,
    RESET,
    SERVICE,
)
from entity_extractor.use_cases.context import ContextUseCases
from entity_extractor.use_cases.editing import EditingUseCases
from entity_extractor.use_cases.facts import FactUseCases
from entity_extractor.use_cases.reading import ReadingUseCases
from entity_extractor.use_cases.rebuilding import RebuildUseCases
from messaging import PersonalData, serve


def register(
    broker: NatsBroker,
    reading: ReadingUseCases,
    context: ContextUseCases,
    editing: EditingUseCases,
    facts: FactUseCases,
    rebuilding: RebuildUseCases,
    personal: PersonalData,
) -> None:
    """Answer this service's methods."""
    serve(broker, LIST_ENTITIES, reading.list_entities)
    serve(broker, LIST_RELATIONSHIPS, reading.list_relationships)
    serve(broker, GET_ENTITY, reading.get_entity)
    serve(broker, GRAPH, reading.graph)
    serve(broker, MERGE_ENTITIES, editing.merge)
    serve(broker, DELETE_ENTITY, editing.delete)
    serve(broker, LIST_FACTS, facts.list_facts)
    serve(broker, CONTEXT, context.context)
    serve(broker, RESET, rebuilding.reset, concurrency=1)
    serve(broker, RELEARN, rebuilding.relearn, concurrency=4)
    personal.serve(broker, SERVICE)
