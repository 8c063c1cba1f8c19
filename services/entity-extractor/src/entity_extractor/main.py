"""The composition root of entity-extractor."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from contracts.entity_extractor import SERVICE
from entity_extractor import consumers, rpc
from entity_extractor.settings import EntityExtractorSettings
from entity_extractor.tables import outbox as outbox_table
from entity_extractor.use_cases.context import ContextUseCases
from entity_extractor.use_cases.editing import EditingUseCases
from entity_extractor.use_cases.facts import FactUseCases
from entity_extractor.use_cases.learning import LearningUseCases
from entity_extractor.use_cases.mentions import MentionUseCases
from entity_extractor.use_cases.personal_data import personal_data
from entity_extractor.use_cases.reading import ReadingUseCases
from entity_extractor.use_cases.rebuilding import RebuildUseCases
from entity_extractor.use_cases.schemas import SchemaUseCases
from entity_extractor.use_cases.turns import TurnUseCases
from messaging import (
    Outbox,
    Relay,
    RpcClient,
    create_broker,
    serve_health,
    serve_refused_commands,
    unless_erased,
)
from messaging.broker import ping, start, stop
from observability.health import Check
from persistence import Database
from persistence.erasures import Erasures
from runtime import background, health_app, serve


@asynccontextmanager
async def running(settings: EntityExtractorSettings) -> AsyncIterator[Mapping[str, Check]]:
    """The service at work; yields its readiness checks."""
    database = Database(
        settings.database_url.get_secret_value(),
        application=SERVICE,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_max_overflow,
    )
    worker = Database(
        settings.database_worker_url.get_secret_value(),
        application=f"{SERVICE}-worker",
        pool_size=settings.database_worker_pool_size,
    )
    password = settings.nats_password.get_secret_value() if settings.nats_password else None
    broker = create_broker(settings.nats_url, service=SERVICE, password=password)
    outbox = Outbox(outbox_table)
    relay = Relay(SERVICE, worker, broker, outbox)
    client = RpcClient(broker)
    erasures = Erasures(settings.secrets, service=SERVICE)
    personal = personal_data(database, erasures)
    mentions = MentionUseCases(outbox)
    schemas = SchemaUseCases(database, outbox, client, mentions, erasures)
    learning = LearningUseCases(database, outbox, client, schemas, erasures)
    facts = FactUseCases(database, outbox)
    reading = TurnUseCases(database, client, settings.fact_reader(), facts, mentions, erasures)
    half_life = timedelta(days=settings.memori_relation_half_life_days)
    rpc.register(
        broker,
        ReadingUseCases(database, half_life=half_life),
        ContextUseCases(database, half_life=half_life),
        EditingUseCases(database, outbox),
        facts,
        RebuildUseCases(database, schemas, learning, reading),
        personal,
    )
    serve_refused_commands(broker, SERVICE, worker, outbox)
    guard = partial(unless_erased, erasures=erasures, database=database)
    synced = consumers.schemas(broker, schemas, guard)
    executed = consumers.queries(broker, learning, guard)
    turns = consumers.turns(broker, reading, guard)
    erased = consumers.erasures(broker, personal)
    checks: dict[str, Check] = {
        "database": database.ping,
        "nats": partial(ping, broker),
        "schemas": synced.ping,
        "queries": executed.ping,
        "turns": turns.ping,
        "erasures": erased.ping,
    }
    serve_health(broker, SERVICE, checks)
    try:
        await start(broker)
        async with background(relay.run(), synced.run(), executed.run(), turns.run(), erased.run()):
            yield checks
    finally:
        await stop(broker)
        await database.close()
        await worker.close()


def main() -> None:
    """Run the service until it is told to stop."""
    settings = EntityExtractorSettings()
    serve(SERVICE, settings, health_app(partial(running, settings)))
