"""The process as a whole: readiness, and a relay that outlives a crash."""

from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import uuid4

from contracts.identity import Identity
from contracts.memory_store import CreateMemories, NewMemory
from memory_store.domain.content import content_key
from memory_store.main import running
from memory_store.sealed import PURPOSE, Vault
from memory_store.tables import outbox
from memory_store.use_cases.memories import MemoryUseCases
from messaging import Outbox
from observability.health import check_all
from persistence import Database
from persistence.erasures import Erasures
from persistence.sealing import SecretBox

ADA = Identity("acme", "ada")


async def test_it_is_ready_while_its_dependencies_answer(settings):
    async with running(settings) as checks:
        health = await check_all(checks)
    assert health.status == "healthy"
    assert set(health.checks) == {"database", "pgvector", "nats", "sources", "reviews"}


async def test_events_of_a_crashed_process_are_published_by_the_next(stack, settings, observer, eventually):
    # A process that commits and dies before its relay gets to work.
    database = Database(settings.database_url.get_secret_value(), application="test")
    memories = MemoryUseCases(
        database,
        Outbox(outbox),
        Vault(SecretBox.from_secrets(["s" * 32], purpose=PURPOSE)),
        Erasures(["s" * 32], service="memory-store"),
        hash_key=content_key("s" * 32),
        short_term=timedelta(days=7),
    )
    memory_id = uuid4()
    await memories.create(CreateMemories(memories=(NewMemory(memory_id=memory_id, content="kept"),)), ADA)
    await database.close()
    assert observer.of_type("memory.created") == []
    async with running(settings):
        await eventually(lambda: [data.memory_id for data in observer.of_type("memory.created")] == [memory_id])


async def test_two_replicas_publish_each_event_once(stack, settings, store, observer, eventually):
    async with AsyncExitStack() as exits:
        await exits.enter_async_context(running(settings))
        stored = await store.remember(*(f"fact {i}" for i in range(50)))
        await eventually(lambda: len(observer.of_type("memory.created")) >= 50)
    assert [data.memory_id for data in observer.of_type("memory.created")] == [memory.memory_id for memory in stored]
