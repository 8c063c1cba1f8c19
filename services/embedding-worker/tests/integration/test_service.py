"""The worker on real Postgres and NATS; memory-store is stood in for by a responder of its contract."""

import asyncio
from contextlib import asynccontextmanager
from uuid import uuid4

import nats
import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from contracts.embedding_worker import EMBED, Embed
from contracts.events import MemoryCreated, event
from contracts.identity import Identity
from contracts.memory_store import FETCH_CONTENTS, STORE_VECTORS, Contents, MemoryContent, Stored
from contracts.topology import EMBED_MEMORIES
from embedding_worker.main import running
from embedding_worker.settings import EmbeddingWorkerSettings
from memori_testing.model_server import ModelServer, Status
from messaging import RpcClient, create_broker, serve

ADA = Identity("acme", "ada")


class Memories:
    """What the stand-in for memory-store holds, and the vectors it was given."""

    def __init__(self):
        self.contents = {}
        self.stored = []
        self.batches = []

    def add(self, content, user="ada"):
        memory_id = uuid4()
        self.contents[memory_id] = (user, content)
        return memory_id

    async def fetch(self, request, _identity):
        self.batches.append(len(request.memories))
        known = [ref for ref in request.memories if ref.memory_id in self.contents]
        return Contents(
            # At most 40 at a time, as when contents are long: the worker has to ask again.
            contents=tuple(
                MemoryContent(
                    **ref.model_dump(),
                    content=self.contents[ref.memory_id][1],
                    content_version=1,
                    memory_type="long_term",
                )
                for ref in known[:40]
            ),
            gone=tuple(ref for ref in request.memories if ref.memory_id not in self.contents),
        )

    async def store(self, request, _identity):
        self.stored += [(v.memory_id, request.model, np.frombuffer(v.embedding, "<f4")) for v in request.vectors]
        return Stored(stored=len(request.vectors))


@pytest.fixture
async def memories(stack):
    made = Memories()
    broker = create_broker(stack.nats_url, service="memory-store")
    serve(broker, FETCH_CONTENTS, made.fetch)
    serve(broker, STORE_VECTORS, made.store)
    await broker.start()
    yield made
    await broker.stop()


def settings(stack, **changes):
    return EmbeddingWorkerSettings(
        database_url=stack.database_url("embedding-worker"),
        database_worker_url=stack.worker_url("embedding-worker"),
        nats_url=stack.nats_url,
        secret_key="s" * 32,
        **changes,
    )


@asynccontextmanager
async def client_of(stack):
    broker = create_broker(stack.nats_url, service="gateway")
    await broker.start()
    try:
        yield RpcClient(broker)
    finally:
        await broker.stop()


async def announce(stack, *memory_ids, user="ada"):
    client = await nats.connect(stack.nats_url)
    for memory_id in memory_ids:
        data = MemoryCreated(memory_id=memory_id, memory_type="long_term", content_version=1, content_hash="h")
        made = event(data, tenant_id="acme", user_id=user)
        await client.jetstream().publish(made.type, made.model_dump_json().encode())
    await client.close()


async def drained(stack):
    client = await nats.connect(stack.nats_url)
    info = await client.jetstream().consumer_info(EMBED_MEMORIES.stream, EMBED_MEMORIES.name)
    await client.close()
    assert (info.num_pending, info.num_ack_pending) == (0, 0)


async def test_new_memories_get_the_vector_of_their_content(stack, memories, eventually):
    ids = [memories.add(f"memory number {n}") for n in range(90)]
    async with running(settings(stack)), client_of(stack) as client:
        await announce(stack, *ids)
        await eventually(lambda: len(memories.stored) == 90, timeout=30)
        asked = await client.call(EMBED, Embed(text="memory number 7"), ADA)
        by_id = {memory_id: vector for memory_id, _, vector in memories.stored}
        assert set(by_id) == set(ids)
        assert asked.dimensions == 384
        assert float(np.frombuffer(asked.embedding, "<f4") @ by_id[ids[7]]) > 0.999
        assert max(memories.batches) > 1


async def test_a_memory_that_is_gone_is_skipped(stack, memories, eventually):
    here = memories.add("still here")
    async with running(settings(stack)):
        await announce(stack, uuid4(), here)
        await eventually(lambda: [memory_id for memory_id, *_ in memories.stored] == [here], timeout=30)
        await eventually(lambda: drained(stack))


async def test_the_queue_waits_while_the_model_is_away(stack, memories, eventually):
    ids = [memories.add(f"fact {n}") for n in range(3)]
    with ModelServer() as provider:
        provider.enqueue(*[Status(503)] * 9)
        openai = settings(
            stack, memori_embedding_provider="openai", openai_base_url=f"{provider.url}/v1", openai_api_key="k"
        )
        async with running(openai):
            await announce(stack, *ids)
            await eventually(lambda: {memory_id for memory_id, *_ in memories.stored} == set(ids), timeout=60)
            assert {model for _, model, _ in memories.stored} == {"text-embedding-ada-002"}
            assert any(request.path == "/v1/embeddings" for request in provider.requests)


async def test_a_text_the_model_refuses_is_a_dead_letter_and_its_batch_is_embedded(stack, memories, eventually):
    good = [memories.add(f"good {n}") for n in range(5)]
    bad = memories.add("poison")

    def refuse_poison(request):
        return Status(400) if "poison" in request.body["input"] else None

    with ModelServer() as provider:
        openai = settings(
            stack, memori_embedding_provider="openai", openai_base_url=f"{provider.url}/v1", openai_api_key="k"
        )
        provider.respond = refuse_poison
        async with running(openai):
            await announce(stack, *good[:2], bad, *good[2:])
            await eventually(lambda: {memory_id for memory_id, *_ in memories.stored} == set(good), timeout=30)

            async def buried():
                client = await nats.connect(stack.nats_url)
                letter = await client.jetstream().get_last_msg("DEAD_LETTERS", f"dead_letter.{EMBED_MEMORIES.name}")
                await client.close()
                assert str(bad) in letter.data.decode()
                await drained(stack)

            await eventually(buried, ignore=(nats.js.errors.NotFoundError,))


async def test_equal_texts_of_one_user_are_embedded_once_and_never_shared_between_users(stack, memories, eventually):
    with ModelServer() as provider:
        openai = settings(
            stack, memori_embedding_provider="openai", openai_base_url=f"{provider.url}/v1", openai_api_key="k"
        )
        async with running(openai):
            await announce(stack, memories.add("same text"))
            await eventually(lambda: len(memories.stored) == 1, timeout=30)
            asked = len(provider.requests)
            await announce(stack, memories.add("same text"))
            await eventually(lambda: len(memories.stored) == 2, timeout=30)
            assert len(provider.requests) == asked
            await announce(stack, memories.add("same text", user="eve"), user="eve")
            await eventually(lambda: len(memories.stored) == 3, timeout=30)
            assert len(provider.requests) == asked + 1
    engine = create_async_engine(stack.database_url("embedding-worker").replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.connect() as connection:
        assert (await connection.execute(text("select count(*) from memori_embeddings"))).scalar_one() == 0
    await engine.dispose()


async def test_a_question_does_not_wait_behind_a_batch(stack, memories, eventually):
    ids = [memories.add(f"a rather long memory about topic {n} " * 20) for n in range(300)]
    async with running(settings(stack)), client_of(stack) as client:
        await client.call(EMBED, Embed(text="warm"), ADA)
        await announce(stack, *ids)
        await eventually(lambda: len(memories.batches) > 0, timeout=30)
        answered_before = []
        for n in range(5):
            await client.call(EMBED, Embed(text=f"question {n}"), ADA)
            answered_before.append(len(memories.stored) < len(ids))
        assert all(answered_before)
        await eventually(lambda: len(memories.stored) == len(ids), timeout=60)


async def test_the_service_stops_while_work_is_waiting_and_loses_none(stack, memories, eventually):
    ids = [memories.add(f"waiting {n}") for n in range(200)]
    await announce(stack, *ids)
    async with running(settings(stack)):
        await eventually(lambda: len(memories.stored) > 0, timeout=30)
    async with running(settings(stack)):
        await eventually(lambda: {memory_id for memory_id, *_ in memories.stored} == set(ids), timeout=90)
    await asyncio.sleep(0)
