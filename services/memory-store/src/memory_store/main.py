"""The composition root of memory-store."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from memory_store import consumers, rpc
from memory_store.accesses import AccessCounter
from memory_store.domain.content import content_key
from memory_store.query_vectors import QueryVectors
from memory_store.repository.candidates import SESSION_SETTINGS
from memory_store.repository.codecs import speak_vectors
from memory_store.repository.vectors import check_pgvector
from memory_store.sealed import PURPOSE, Vault
from memory_store.settings import MemoryStoreSettings
from memory_store.tables import outbox as outbox_table
from memory_store.use_cases.conversations import ConversationUseCases
from memory_store.use_cases.indexing import IndexingUseCases
from memory_store.use_cases.lives import LifeUseCases
from memory_store.use_cases.memories import MemoryUseCases
from memory_store.use_cases.messages import MessageUseCases
from memory_store.use_cases.personal_data import personal_data
from memory_store.use_cases.reviews import Reviews
from memory_store.use_cases.search import SearchUseCases
from memory_store.use_cases.sweeps import Sweeps
from messaging import Outbox, Relay, RpcClient, create_broker, serve_health, serve_refused_commands
from messaging.broker import ping, start, stop
from observability.health import Check
from persistence import Database
from persistence.erasures import Erasures
from persistence.leadership import work_while_leading
from persistence.sealing import SecretBox
from runtime import background, health_app, serve

SERVICE = "memory-store"


@asynccontextmanager
async def running(settings: MemoryStoreSettings) -> AsyncIterator[Mapping[str, Check]]:
    """The service at work; yields its readiness checks."""
    sharing = settings.tenant_isolation_level == "relaxed"
    database = Database(
        settings.database_url.get_secret_value(),
        application=SERVICE,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_max_overflow,
        settings=SESSION_SETTINGS | ({"app.sharing": "on"} if sharing else {}),
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
    vault = Vault(SecretBox.from_secrets(settings.secrets, purpose=PURPOSE))
    erasures = Erasures(settings.secrets, service=SERVICE)
    short_term = timedelta(days=settings.memory_short_term_expiry_days)
    sweeps = Sweeps(worker, outbox, archive_after=timedelta(days=settings.memory_archive_threshold_days))
    accesses = AccessCounter(worker, sweeps.promote_needed)
    conversations = ConversationUseCases(database, outbox)
    rpc.register(
        broker,
        conversations=conversations,
        messages=MessageUseCases(database, outbox, enabled=settings.memori_enabled),
        memories=MemoryUseCases(
            database,
            outbox,
            vault,
            erasures,
            hash_key=content_key(settings.secret_key.get_secret_value()),
            short_term=short_term,
            sharing=sharing,
            enabled=settings.memori_enabled,
        ),
        lives=LifeUseCases(database, outbox, vault, short_term=short_term),
        search=SearchUseCases(
            database, QueryVectors(RpcClient(broker)), accesses, sharing=sharing, enabled=settings.memori_enabled
        ),
        indexing=IndexingUseCases(worker, outbox),
        personal=personal_data(database, outbox, vault, erasures),
    )
    serve_refused_commands(broker, SERVICE, worker, outbox)
    sources = consumers.sources(broker, conversations)
    reviews = consumers.reviews(broker, Reviews(database, outbox))
    checks: dict[str, Check] = {
        "database": database.ping,
        "pgvector": partial(check_pgvector, worker),
        "nats": partial(ping, broker),
        "sources": sources.ping,
        "reviews": reviews.ping,
    }
    serve_health(broker, SERVICE, checks)
    sweep = partial(sweeps.run, settings.memory_sweep_seconds)
    try:
        await start(broker)
        sweeping = work_while_leading(worker, f"sweeps:{SERVICE}", sweep)
        async with background(relay.run(), accesses.run(), sources.run(), reviews.run(), sweeping):
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
