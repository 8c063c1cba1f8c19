"""Memories that no event brought: a broker that lost its disk, another model, a text that is refused."""

import asyncio
from contextlib import AsyncExitStack

from prometheus_client import REGISTRY
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from memori_testing.model_server import Status

MINILM = "all-MiniLM-L6-v2"
ADA_002 = "text-embedding-ada-002"


async def test_memories_whose_events_were_lost_are_embedded(worker, settings, memories, eventually):
    ids = {memories.add_lost(f"memory {n}") for n in range(2 * memories.STRETCH + 3)}
    async with worker(settings(embedding_batch_size=10)):
        await eventually(lambda: memories.covered(MINILM) == ids, timeout=30)
    assert max(memories.batches) == 10


async def test_a_memory_whose_event_is_on_its_way_is_left_to_it(worker, settings, memories, eventually):
    memories.add("said just now")
    lost = memories.add_lost("said long ago")
    async with worker(settings(embedding_reconcile_seconds=0.05)):
        await eventually(lambda: memories.covered(MINILM) == {lost}, timeout=30)
        rounds = memories.rounds
        await eventually(lambda: memories.rounds > rounds + 2)
    assert memories.covered(MINILM) == {lost}


async def test_a_memory_that_is_lost_later_is_found_at_the_next_round(worker, settings, memories, eventually):
    async with worker(settings(embedding_reconcile_seconds=0.1)):
        await eventually(lambda: memories.rounds > 0, timeout=30)
        late = memories.add_lost("said later")
        await eventually(lambda: memories.covered(MINILM) == {late}, timeout=30)


async def test_a_round_that_finds_something_is_followed_by_another_at_once(worker, settings, memories, eventually):
    first, second = memories.add_lost("first"), []
    memories.on_store = lambda: second or second.append(memories.add_lost("second"))
    async with worker(settings()):
        await eventually(lambda: memories.covered(MINILM) == {first, *second}, timeout=30)
        await eventually(lambda: memories.rounds == 3)


async def test_reembedding_begins_when_it_is_asked_for(worker, settings, client, memories, eventually):
    async with worker(settings()):
        await eventually(lambda: memories.rounds == 1, timeout=30)
        late = memories.add_lost("said later")
        assert (await client.reembed()).model == MINILM
        await eventually(lambda: memories.covered(MINILM) == {late}, timeout=30)


async def test_memory_store_may_be_away_for_a_while(worker, settings, memories, eventually):
    memories.away = True
    memory_id = memories.add_lost("waiting")
    async with worker(settings(embedding_reconcile_seconds=0.1)):
        memories.away = False
        await eventually(lambda: memories.covered(MINILM) == {memory_id}, timeout=30)


async def test_a_model_that_is_away_is_waited_for(worker, remote, provider, memories, eventually):
    ids = {memories.add_lost(f"memory {n}") for n in range(3)}
    provider.enqueue(*[Status(503)] * 4)
    async with worker(remote(embedding_reconcile_seconds=0.1)):
        await eventually(lambda: memories.covered(ADA_002) == ids, timeout=30)


async def test_a_refused_text_holds_up_no_other_and_is_not_tried_each_round(
    worker, remote, provider, memories, eventually
):
    good = {memories.add_lost(f"good {n}") for n in range(40)}
    memories.add_lost("poison")
    good |= {memories.add_lost(f"better {n}") for n in range(40)}
    provider.respond = lambda request: Status(400) if "poison" in request.body["input"] else None
    async with worker(remote(embedding_reconcile_seconds=0.05)):
        await eventually(lambda: memories.covered(ADA_002) == good, timeout=60)
        asked, rounds = len(provider.requests), memories.rounds
        await eventually(lambda: memories.rounds > rounds + 3)
        assert len(provider.requests) == asked
        assert REGISTRY.get_sample_value("memori_refused_memories") == 1


async def test_a_refused_memory_that_is_gone_is_forgotten(worker, remote, provider, memories, eventually):
    bad = memories.add_lost("poison")
    provider.respond = lambda request: Status(400) if "poison" in request.body["input"] else None
    async with worker(remote(embedding_reconcile_seconds=0.05)):
        await eventually(lambda: any("poison" in request.body["input"] for request in provider.requests), timeout=30)
        await eventually(lambda: REGISTRY.get_sample_value("memori_refused_memories") == 1)
        del memories.held[bad]
        await eventually(lambda: REGISTRY.get_sample_value("memori_refused_memories") == 0)


async def test_one_of_two_workers_reconciles_until_it_stops(stack, worker, settings, memories, eventually):
    memories.may_be_found.clear()
    engine = create_async_engine(make_url(stack.admin_url).set(drivername="postgresql+asyncpg"))

    async def the_other_was_refused():
        async with engine.connect() as connection:
            found = await connection.execute(
                text(
                    "select 1 from pg_stat_activity where datname = current_database() and state = 'idle'"
                    " and query like 'select pg_try_advisory_lock%'"
                )
            )
            assert found.first()

    async with AsyncExitStack() as first, worker(settings(embedding_reconcile_seconds=0.05)):
        await first.enter_async_context(worker(settings(embedding_reconcile_seconds=0.05)))
        await eventually(the_other_was_refused, timeout=30)
        await eventually(lambda: memories.looking == 1)
        ids = {memories.add_lost(f"memory {n}") for n in range(3)}
        await first.aclose()
        memories.may_be_found.set()
        await eventually(lambda: memories.covered(MINILM) == ids, timeout=30)
    await engine.dispose()
    assert sorted(memory_id for memory_id, _ in memories.stored) == sorted(ids)


async def test_events_and_questions_go_on_while_it_works(worker, settings, client, memories, announce, eventually):
    ids = {memories.add_lost(f"a rather long memory about topic {n} " * 20) for n in range(300)}
    async with worker(settings()):
        await eventually(lambda: len(memories.stored) > 0, timeout=30)
        new = memories.add("just said")
        await announce(new)
        await eventually(lambda: new in memories.covered(MINILM), timeout=30)
        await asyncio.wait_for(client.embed("what was just said?"), 1)
        assert len(memories.covered(MINILM)) < len(ids)
