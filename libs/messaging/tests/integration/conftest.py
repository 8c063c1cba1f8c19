"""A service of three lines on real Postgres and NATS, with an outbox of its own."""

import asyncio

import nats
import pytest
from sqlalchemy import MetaData, text

from messaging import Outbox, Relay, create_broker, outbox_table
from messaging.provisioning import provision
from persistence import Database


@pytest.fixture
async def broker(nats_server):
    made = create_broker(nats_server.url, service="memory-store")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def streams(nats_server):
    client = await nats.connect(nats_server.url)
    jetstream = client.jetstream()
    for info in await jetstream.streams_info():
        await jetstream.delete_stream(info.config.name)
    await provision(jetstream)
    yield jetstream
    await client.close()


@pytest.fixture
async def database(postgres_database):
    made = Database(postgres_database, application="test")
    async with made.worker_transaction() as transaction:
        await transaction.execute(
            text("""create table memori_outbox (
                id bigint generated always as identity primary key, kind text not null, subject text not null,
                message_id uuid not null, headers jsonb not null, body bytea not null,
                attempts integer not null default 0, not_before timestamptz not null default now(),
                created_at timestamptz not null default now(), tenant_id text not null, user_id text not null,
                failures integer not null default 0, refused_at timestamptz)""")
        )
    yield made
    await made.close()


@pytest.fixture
def outbox():
    return Outbox(outbox_table(MetaData()))


@pytest.fixture
async def relay(database, broker, outbox, streams):
    made = Relay("memory-store", database, broker, outbox)
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def pending(database):
    """A function to await: how many rows are in the outbox."""

    async def count():
        async with database.worker_transaction() as transaction:
            return (await transaction.execute(text("select count(*) from memori_outbox"))).scalar_one()

    return count
