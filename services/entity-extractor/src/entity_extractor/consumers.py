"""What entity-extractor consumes: schemas that were read, sources that are gone, queries that ran."""

from typing import Any

from faststream.nats import NatsBroker

from contracts.events import DataSourceDeleted, Event
from contracts.topology import EXTRACT_SCHEMAS, LEARN_QUERIES
from entity_extractor.use_cases.learning import LearningUseCases
from entity_extractor.use_cases.schemas import SchemaUseCases
from messaging import Consumer, each


def schemas(broker: NatsBroker, use_cases: SchemaUseCases) -> Consumer:
    """Keeps what schemas declare."""

    async def handle(event: Event[Any]) -> None:
        if isinstance(event.data, DataSourceDeleted):
            await use_cases.deleted(event)
        else:
            await use_cases.synced(event)

    return Consumer(broker, EXTRACT_SCHEMAS, each(handle))


def queries(broker: NatsBroker, use_cases: LearningUseCases) -> Consumer:
    """Learns from queries that ran."""
    return Consumer(broker, LEARN_QUERIES, each(use_cases.executed))
