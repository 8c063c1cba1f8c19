"""What is cached of a user goes when they are erased, and does not come back."""

import asyncio
from uuid import uuid4

import nats
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from contracts.events import MemoryCreated, UserErased, event
from contracts.identity import Identity
from contracts.methods import Empty
from contracts.personal_data import ExportData, erase_of, export_of
from contracts.topology import ERASURES
from messaging import RpcClient, create_broker

ADA = Identity("acme", "ada")
EVE = Identity("acme", "eve")
SERVICE = "embedding-worker"


@pytest.fixture
def cached(stack):
    """A function to await: how many vectors are cached of a user."""

    async def count(user="ada"):
        engine = create_async_engine(stack.admin_url.replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.connect() as connection:
            sql = text("select count(*) from embedding_worker.memori_embeddings where user_id = :user")
            found = (await connection.execute(sql, {"user": user})).scalar_one()
        await engine.dispose()
        return found

    return count


@pytest.fixture
async def gateway(stack):
    broker = create_broker(stack.nats_url, service="gateway")
    await broker.start()
    yield RpcClient(broker)
    await broker.stop()


@pytest.fixture
def publish(stack):
    """A function to await: an event goes out as memory-store would have published it."""

    async def send(said):
        connection = await nats.connect(stack.nats_url)
        await connection.jetstream().publish(said.type, said.model_dump_json().encode())
        await connection.close()

    return send


@pytest.fixture
def heard(stack, eventually):
    """Waits until every erasure is settled."""

    async def wait():
        connection = await nats.connect(stack.nats_url)
        durable = ERASURES[SERVICE]

        async def settled():
            info = await connection.jetstream().consumer_info(durable.stream, durable.name)
            assert (info.num_pending, info.num_ack_pending) == (0, 0)

        await eventually(settled)
        await connection.close()

    return wait


async def test_that_there_are_vectors_goes_out_and_they_do_not(
    worker, remote, memories, announce, drained, gateway, eventually
):
    ids = [memories.add(f"text number {n}") for n in range(3)]
    async with worker(remote()):
        await announce(*ids)
        await announce(memories.add("hers", user="eve"), user="eve")
        await eventually(lambda: len({memory_id for memory_id, _ in memories.stored}) == 4, timeout=30)
        page = await gateway.call(export_of(SERVICE), ExportData(), ADA)
    assert page.kind == "cached_vectors"
    assert [set(row) for row in page.rows] == [{"model", "expires_at"}] * 3
    assert page.next_cursor is None


async def test_a_users_vectors_are_erased_and_asked_of_the_model_again(
    worker, remote, provider, memories, announce, client, gateway, cached, eventually
):
    mine, hers = memories.add("a text"), memories.add("another text", user="eve")
    async with worker(remote()):
        await announce(mine)
        await announce(hers, user="eve")

        async def both():
            assert (await cached(), await cached("eve")) == (1, 1)

        await eventually(both, timeout=30)
        for identity in (ADA, EVE, ADA, EVE):
            await client.embed("a question", identity)
        asked = len(provider.requests)
        reply = await gateway.call(erase_of(SERVICE), Empty(), ADA)
        assert reply.rows == {"memori_embeddings": 1}
        assert (await cached(), await cached("eve")) == (0, 1)
        await client.embed("a question", EVE)
        assert len(provider.requests) == asked
        await client.embed("a question", ADA)
        assert len(provider.requests) == asked + 1
        assert (await gateway.call(erase_of(SERVICE), Empty(), ADA)).rows == {"memori_embeddings": 0}


async def test_events_from_before_an_erasure_are_not_embedded_and_later_ones_are(
    worker, remote, memories, announce, publish, drained, gateway, cached, eventually
):
    memories.may_be_found.clear()
    old, new = memories.add("before"), memories.add("after")
    data = MemoryCreated(memory_id=old, memory_type="long_term", content_version=1, content_hash="h")
    late = event(data, tenant_id="acme", user_id="ada")
    async with worker(remote()):
        await gateway.call(erase_of(SERVICE), Empty(), ADA)
        await publish(late)
        await eventually(drained, timeout=30)
        assert (memories.stored, await cached()) == ([], 0)
        await announce(new)
        await eventually(lambda: [memory_id for memory_id, _ in memories.stored] == [new], timeout=30)
        assert await cached() == 1
        memories.may_be_found.set()


async def test_an_erasure_while_the_model_is_at_work_leaves_nothing_in_the_cache(
    worker, remote, provider, memories, announce, gateway, cached, eventually
):
    asked, may_answer = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slowly(_request):
        loop.call_soon_threadsafe(asked.set)
        asyncio.run_coroutine_threadsafe(may_answer.wait(), loop).result(30)

    provider.respond = slowly
    # No event needs the reconciler, which would rightly embed what memory-store has not erased.
    memories.may_be_found.clear()
    async with worker(remote()):
        await announce(memories.add("under way"))
        await asked.wait()
        await gateway.call(erase_of(SERVICE), Empty(), ADA)
        may_answer.set()
        await eventually(lambda: len(memories.stored) == 1, timeout=30)
        assert await cached() == 0
        memories.may_be_found.set()


async def test_the_event_erases_and_its_redelivery_changes_nothing(
    worker, remote, memories, announce, publish, heard, cached, eventually
):
    async with worker(remote()):
        await announce(memories.add("old"))

        async def one():
            assert await cached() == 1

        await eventually(one, timeout=30)
        said = event(UserErased(erasure_id=uuid4()), tenant_id="acme", user_id="ada")
        await publish(said)
        await heard()
        assert await cached() == 0
        # The event was made before: what is cached since is of a user who came back.
        await announce(memories.add("new"))
        await eventually(one, timeout=30)
        await publish(said)
        await heard()
        assert await cached() == 1
