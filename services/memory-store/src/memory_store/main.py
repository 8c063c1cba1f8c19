"""The composition root of memory-store."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from memory_store import consumers, rpc
from memory_store.accesses import AccessCounter
from memory_store.domain.content import content_key
from memory_store.query_vectors import QueryVectors
from memory_store.repository.codecs import speak_vectors
from memory_store.repository.vectors import check_pgvector
from memory_store.settings import MemoryStoreSettings
from memory_store.tables import outbox as outbox_table
from memory_store.use_cases.conversations import ConversationUseCases
from memory_store.use_cases.indexing import IndexingUseCases
from memory_store.use_cases.memories import MemoryUseCases
from memory_store.use_cases.search import SearchUseCases
from messaging import Outbox, Relay, RpcClient, create_broker, serve_health
from messaging.broker import ping, start, stop
from observability.health import Check
from persistence import Database
from runtime import background, health_app, serve

SERVICE = "memory-store"


@asynccontextmanager
async def running(settings: MemoryStoreSettings) -> AsyncIterator[Mapping[str, Check]]:
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
    for pool in (database, worker):
        speak_vectors(pool)
    password = settings.nats_password.get_secret_value() if settings.nats_password else None
    broker = create_broker(settings.nats_url, service=SERVICE, password=password)
    outbox = Outbox(outbox_table)
    relay = Relay(SERVICE, worker, broker, outbox)
    accesses = AccessCounter(worker)
    conversations = ConversationUseCases(database, outbox)
    memories = MemoryUseCases(
        database,
        outbox,
        hash_key=content_key(settings.secret_key.get_secret_value()),
        short_term=timedelta(days=settings.memory_short_term_expiry_days),
    )
    rpc.register(
        broker,
        conversations=conversations,
        memories=memories,
        search=SearchUseCases(database, QueryVectors(RpcClient(broker)), accesses),
        indexing=IndexingUseCases(worker, outbox),
    )
    sources = consumers.sources(broker, conversations)
    checks: dict[str, Check] = {
        "database": database.ping,
        "pgvector": partial(check_pgvector, worker),
        "nats": partial(ping, broker),
        "sources": sources.ping,
    }
    serve_health(broker, SERVICE, checks)
    try:
        await start(broker)
        async with background(relay.run(), accesses.run(), sources.run()):
            yield checks
    finally:
        await stop(broker)
        await accesses.flush()
        await database.close()
        await worker.close()


def main() -> None:
    """Run the service until it is told to stop."""
    settings = MemoryStoreSettings()
    serve(SERVICE, settings, health_app(partial(running, settings)))
