"""What entity-extractor consumes: schemas that were read, sources that are gone, queries that ran, what users say,
users erased.
"""

from collections.abc import Sequence
from typing import Any

from faststream.nats import NatsBroker

from contracts.entity_extractor import SERVICE
from contracts.events import DataSourceDeleted, Event, QueryRated
from contracts.topology import ERASURES, EXTRACT_SCHEMAS, LEARN_QUERIES, READ_TURNS
from entity_extractor.use_cases.learning import LearningUseCases
from entity_extractor.use_cases.schemas import SchemaUseCases
from entity_extractor.use_cases.turns import TurnUseCases
from messaging import Consumer, Guard, PersonalData, each
from messaging.consumer import Delivery


def schemas(broker: NatsBroker, use_cases: SchemaUseCases, guard: Guard) -> Consumer:
    """Keeps what schemas declare."""

    async def handle(event: Event[Any]) -> None:
        if isinstance(event.data, DataSourceDeleted):
            await use_cases.deleted(event)
        else:
            await use_cases.synced(event)

    return Consumer(broker, EXTRACT_SCHEMAS, guard(each(handle)))


def queries(broker: NatsBroker, use_cases: LearningUseCases, guard: Guard) -> Consumer:
    """Learns from queries that ran, and from what people say of them."""

    async def handle(event: Event[Any]) -> None:
        if isinstance(event.data, QueryRated):
            await use_cases.rated(event)
        else:
            await use_cases.executed(event)

    return Consumer(broker, LEARN_QUERIES, guard(each(handle)))


def turns(broker: NatsBroker, use_cases: TurnUseCases, guard: Guard) -> Consumer:
    """Reads what users say."""

    async def handle(deliveries: Sequence[Delivery]) -> None:
        await use_cases.happened([delivery.event for delivery in deliveries])

    return Consumer(broker, READ_TURNS, guard(handle))


def erasures(broker: NatsBroker, personal: PersonalData) -> Consumer:
    """Erases users whom the gateway could not have erased here."""
    return Consumer(broker, ERASURES[SERVICE], each(personal.erased))
