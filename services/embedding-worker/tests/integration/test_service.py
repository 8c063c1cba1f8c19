"""Memories that events bring, and questions: the worker on real Postgres and NATS."""

import nats
import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from contracts.identity import Identity
from contracts.memory_store import MAX_CHUNKS
from contracts.topology import EMBED_MEMORIES
from memori_testing.model_server import Status

MINILM = "all-MiniLM-L6-v2"
ADA_002 = "text-embedding-ada-002"


async def test_new_memories_get_the_vector_of_their_content(worker, settings, client, memories, announce, eventually):
    ids = [memories.add(f"memory number {n}") for n in range(90)]
    async with worker(settings()):
        await announce(*ids)
        await eventually(lambda: memories.covered(MINILM) == set(ids), timeout=30)
        asked = await client.embed("memory number 7")
        assert asked.dimensions == 384
        (vector,) = memories.vectors[ids[7], MINILM]
        assert float(np.frombuffer(asked.embedding, "<f4") @ vector) > 0.999
        assert max(memories.batches) > 1


async def test_a_memory_that_is_gone_is_skipped(worker, settings, memories, announce, drained, eventually):
    here, gone = memories.add("still here"), memories.add("gone by now")
    del memories.held[gone]
    async with worker(settings()):
        await announce(gone, here)
        await eventually(drained, timeout=30)
        await eventually(lambda: memories.covered(MINILM) == {here}, timeout=30)


async def test_an_event_about_what_is_embedded_already_costs_nothing(
    worker, remote, provider, memories, announce, drained, eventually
):
    memory_id = memories.add("unchanged")
    async with worker(remote(embedding_cache_ttl=0)):
        await announce(memory_id)
        await eventually(lambda: memories.covered(ADA_002) == {memory_id}, timeout=30)
        asked, stored = len(provider.requests), len(memories.stored)
        await announce(memory_id, memory_id)
        await eventually(drained)
        assert (len(provider.requests), len(memories.stored)) == (asked, stored)


async def test_a_long_memory_has_the_vectors_of_its_pieces_and_the_best_one_speaks_for_it(
    worker, settings, client, memories, announce, eventually
):
    sentences = [f"The report of week {n} lists orders, refunds and the customers who cancelled. " for n in range(60)]
    memory_id = memories.add("".join(sentences) + "Our cat is called Minerva and likes tuna.")
    async with worker(settings()):
        await announce(memory_id)
        await eventually(lambda: memories.covered(MINILM) == {memory_id}, timeout=30)
        asked = np.frombuffer((await client.embed("What is the name of the cat?")).embedding, "<f4")
    similarities = [float(asked @ vector) for vector in memories.vectors[memory_id, MINILM]]
    assert len(similarities) > 2
    assert np.argmax(similarities) == len(similarities) - 1
    assert similarities[-1] > 0.2 > similarities[0]


@pytest.mark.parametrize(("dimensions", "most"), [(256, MAX_CHUNKS), (1536, 62)])
async def test_a_text_of_more_pieces_than_a_memory_may_have_or_a_message_holds_shares_their_vectors(
    worker, remote, memories, announce, eventually, dimensions, most
):
    memory_id = memories.add(" ".join(f"w{n}" for n in range(2000)))
    small = {"memori_embedding_model": "text-embedding-3-small", "memori_embedding_dimensions": dimensions}
    async with worker(remote(**small, memori_embedding_max_tokens=64)):
        await announce(memory_id)
        await eventually(lambda: len(memories.stored) == 1, timeout=30)
    (vectors,) = memories.vectors.values()
    assert len(vectors) == most
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


async def test_vectors_travel_in_as_many_messages_as_they_need(worker, remote, memories, announce, eventually):
    ids = [memories.add(f"topic{n} " * 250) for n in range(40)]
    # 12 KB a vector, about 20 pieces a memory: no message holds them all, and none more than two memories.
    large = remote(memori_embedding_model="text-embedding-3-large", memori_embedding_max_tokens=128)
    async with worker(large):
        await announce(*ids)
        await eventually(lambda: len(memories.covered("text-embedding-3-large")) == len(ids), timeout=60)
    assert all(len(vectors) > 10 for vectors in memories.vectors.values())


async def test_the_queue_waits_while_the_model_is_away(worker, remote, provider, memories, announce, eventually):
    ids = [memories.add(f"fact {n}") for n in range(3)]
    provider.enqueue(*[Status(503)] * 9)
    async with worker(remote()):
        await announce(*ids)
        await eventually(lambda: memories.covered(ADA_002) == set(ids), timeout=60)
        assert any(request.path == "/v1/embeddings" for request in provider.requests)


async def test_a_text_the_model_refuses_is_a_dead_letter_and_its_batch_is_embedded(
    stack, worker, remote, provider, memories, announce, drained, eventually
):
    good = [memories.add(f"good {n}") for n in range(5)]
    bad = memories.add("poison")
    provider.respond = lambda request: Status(400) if "poison" in request.body["input"] else None
    async with worker(remote()):
        await announce(*good[:2], bad, *good[2:])
        await eventually(lambda: memories.covered(ADA_002) == set(good), timeout=30)

        async def buried():
            connection = await nats.connect(stack.nats_url)
            letter = await connection.jetstream().get_last_msg("DEAD_LETTERS", f"dead_letter.{EMBED_MEMORIES.name}")
            await connection.close()
            assert str(bad) in letter.data.decode()
            await drained()

        await eventually(buried, ignore=(nats.js.errors.NotFoundError,))


async def test_equal_texts_of_one_user_are_embedded_once_and_never_shared_between_users(
    stack, worker, remote, provider, memories, announce, eventually
):
    async with worker(remote()):
        await announce(memories.add("same text"))
        await eventually(lambda: len(memories.stored) == 1, timeout=30)
        asked = len(provider.requests)
        await announce(memories.add("same text"))
        await eventually(lambda: len(memories.stored) == 2, timeout=30)
        assert len(provider.requests) == asked
        await announce(memories.add("same text", user="eve"), user="eve")
        await eventually(lambda: len(memories.stored) == 3, timeout=30)
        assert len(provider.requests) == asked + 1
    engine = create_async_engine(stack.database_url("embedding-worker").replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.connect() as connection:
        assert (await connection.execute(text("select count(*) from memori_embeddings"))).scalar_one() == 0
    await engine.dispose()


async def test_a_question_does_not_wait_behind_a_batch(worker, settings, client, memories, announce, eventually):
    ids = [memories.add(f"a rather long memory about topic {n} " * 20) for n in range(300)]
    async with worker(settings()):
        await client.embed("warm")
        await announce(*ids)
        await eventually(lambda: len(memories.batches) > 0, timeout=30)
        answered_before = []
        for n in range(5):
            await client.embed(f"question {n}")
            answered_before.append(len(memories.covered(MINILM)) < len(ids))
        assert all(answered_before)
        await eventually(lambda: len(memories.covered(MINILM)) == len(ids), timeout=90)


async def test_the_same_question_of_the_same_user_is_embedded_once(worker, remote, provider, client, memories):
    async with worker(remote()):
        first = await client.embed("how much?")
        asked = len(provider.requests)
        assert await client.embed("how much?") == first
        assert len(provider.requests) == asked
        assert (await client.embed("how much?", Identity("acme", "eve"))).embedding == first.embedding
        assert len(provider.requests) == asked + 1


async def test_the_service_stops_while_work_is_waiting_and_loses_none(worker, settings, memories, announce, eventually):
    ids = [memories.add(f"waiting {n}") for n in range(200)]
    await announce(*ids)
    async with worker(settings()):
        await eventually(lambda: len(memories.stored) > 0, timeout=30)
    async with worker(settings()):
        await eventually(lambda: memories.covered(MINILM) == set(ids), timeout=90)
