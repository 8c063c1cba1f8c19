"""The process as a whole: readiness, migrations, and a relay that outlives a crash."""

from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import memory_store
from contracts.identity import Identity
from contracts.memory_store import CreateMemories, NewMemory
from memory_store.domain.content import content_key
from memory_store.main import running
from memory_store.tables import metadata, outbox
from memory_store.use_cases.memories import MemoryUseCases
from messaging import Outbox
from observability.health import check_all
from persistence import Database
from persistence.migrations import migrate, migrator
from persistence.roles import bootstrap

ADA = Identity("acme", "ada")
MIGRATIONS = Path(memory_store.__file__).parent / "migrations"


async def test_it_is_ready_while_its_dependencies_answer(settings):
    async with running(settings) as checks:
        health = await check_all(checks)
    assert health.status == "healthy"
    assert set(health.checks) == {"database", "pgvector", "nats", "sources"}


async def test_events_of_a_crashed_process_are_published_by_the_next(stack, settings, observer, eventually):
    from datetime import timedelta

    # A process that commits and dies before its relay gets to work.
    database = Database(settings.database_url.get_secret_value(), application="test")
    memories = MemoryUseCases(database, Outbox(outbox), hash_key=content_key("s" * 32), short_term=timedelta(days=7))
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


async def test_migrations_go_up_down_and_up_again(postgres_database):
    url = make_url(postgres_database).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, poolclass=NullPool)

    async def tables():
        async with engine.connect() as connection:
            found = await connection.execute(
                text("select table_name from information_schema.tables where table_schema = 'memory_store'")
            )
            return {name for (name,) in found} - {"memori_schema_version"}

    async with migrator(postgres_database) as connection:
        async with connection.begin():
            await connection.execute(text("create extension vector schema public"))
            await connection.run_sync(bootstrap, "memory-store", {})
        assert await connection.run_sync(migrate, "memory-store", MIGRATIONS) == ["0001"]
        first = await columns(engine)
        assert await tables() == set(metadata.tables)
        assert await connection.run_sync(lambda c: migrate(c, "memory-store", MIGRATIONS, direction="downgrade"))
        assert await tables() == set()
        assert await connection.run_sync(migrate, "memory-store", MIGRATIONS) == ["0001"]
        assert await connection.run_sync(migrate, "memory-store", MIGRATIONS) == []
    assert await columns(engine) == first
    for table in metadata.tables.values():
        assert {(table.name, column.name) for column in table.columns} <= first
    await engine.dispose()


async def columns(engine):
    async with engine.connect() as connection:
        found = await connection.execute(
            text("select table_name, column_name from information_schema.columns where table_schema = 'memory_store'")
        )
        return {tuple(row) for row in found}
