"""Short-term memories that are needed stay: found often and important, or of use in three conversations."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from contracts.identity import Identity
from contracts.memory_store import (
    CREATE_CONVERSATION,
    PROMOTE,
    RECALL,
    RESTORE,
    CreateConversation,
    MemoryRef,
    Recall,
)
from memory_store.accesses import AccessCounter
from memory_store.tables import outbox
from memory_store.use_cases.sweeps import Sweeps
from messaging import Outbox
from persistence import Database

ADA = Identity("acme", "ada")
BOB = Identity("acme", "bob")


@pytest.fixture
async def counters(store, settings):
    """Two replicas' counters of accesses, which flush when they are told."""
    workers = [
        Database(settings.database_worker_url.get_secret_value(), application="test", pool_size=2) for _ in range(2)
    ]
    yield [
        AccessCounter(worker, Sweeps(worker, Outbox(outbox), archive_after=timedelta(days=30)).promote_needed)
        for worker in workers
    ]
    for worker in workers:
        await worker.close()


@pytest.fixture
def found(store, counters):
    """A function to await: a memory was found so often, one flush after the other, in conversations if any."""

    async def count(memory, times=1, *, asked_in=(None,), identity=ADA):
        number = await store.number_of(memory, identity)
        for conversation in asked_in:
            for _ in range(times):
                counters[0].count(identity, number, conversation)
                await counters[0].flush()
        return await store.read(memory, identity)

    return count


async def test_what_is_found_often_and_matters_is_promoted(store, observer, eventually):
    (memory,) = await store.remember("net revenue", memory_type="short_term", importance_score=0.66)
    await store.embed(memory, [1.0, 0.0])
    for _ in range(5):
        await store.found("revenue")

    async def promoted():
        assert (await store.read(memory)).memory_type == "long_term"

    await eventually(promoted)
    read = await store.read(memory)
    assert (read.access_count, read.expires_at, read.is_archived) == (5, None, False)
    # What was stated and the tenth for the promotion, and what five accesses added.
    assert read.importance_score == pytest.approx(0.66 + 0.1 + 0.05)
    version = (await store.versions(memory))[0]
    assert (version.change, version.changed_by, version.reason) == ("promoted", "lifecycle", "it is found often")
    assert await store.sql("select live_until = 'infinity' from memori_memory_vectors") == [(True,)]
    await eventually(lambda: [d.memory_id for d in observer.of_type("memory.promoted")] == [memory.memory_id])


async def test_what_three_conversations_needed_is_promoted(store, eventually):
    (memory,) = await store.remember("net revenue", memory_type="short_term", importance_score=0.1)
    talks = [uuid4() for _ in range(3)]
    for conversation_id in talks:
        await store.call(CREATE_CONVERSATION, CreateConversation(conversation_id=conversation_id))
    await store.found("revenue", asked_in=talks[0])
    await store.found("revenue", asked_in=talks[0])
    await store.call(RECALL, Recall(question="revenue", asked_in=talks[1]))

    async def counted():
        rows = await store.sql("select access_count, conversations from memori_memory_usage")
        assert [(accesses, set(asked)) for accesses, asked in rows] == [(3, set(talks[:2]))]

    await eventually(counted)
    assert (await store.read(memory)).memory_type == "short_term"
    await store.call(RECALL, Recall(question="revenue", asked_in=talks[2]))

    async def promoted():
        assert (await store.read(memory)).memory_type == "long_term"

    await eventually(promoted)


@pytest.mark.parametrize(
    ("importance", "accesses", "promoted"),
    [
        (0.66, 4, False),
        (0.95, 4, False),
        (0.64, 5, False),
        (0.65, 5, True),
        (0.7, 5, True),
        (0.6, 10, True),
        (0.1, 60, True),
    ],
)
async def test_both_must_hold_how_often_and_how_much_it_matters(store, found, importance, accesses, promoted):
    (memory,) = await store.remember("net revenue", memory_type="short_term", importance_score=importance)
    before = await found(memory, accesses - 1)
    assert before.memory_type == "short_term"
    after = await found(memory)
    assert after.access_count == accesses
    assert (after.memory_type == "long_term") is promoted
    assert after.importance_score <= 1


async def test_two_conversations_and_questions_outside_any_are_not_enough(store, found):
    (memory,) = await store.remember("net revenue", memory_type="short_term", importance_score=0.1)
    first, second, third = uuid4(), uuid4(), uuid4()
    assert (await found(memory, 3, asked_in=(first, second, None, first))).memory_type == "short_term"
    assert (await found(memory, asked_in=(third,))).memory_type == "long_term"


async def test_no_more_conversations_are_kept_than_it_takes(store, counters):
    (memory,) = await store.remember("net revenue", memory_type="long_term")
    number = await store.number_of(memory)
    for _ in range(3):
        for _ in range(5):
            counters[0].count(ADA, number, uuid4())
        await counters[0].flush()
    assert await store.sql("select access_count, cardinality(conversations) from memori_memory_usage") == [(15, 3)]


async def test_only_live_short_term_memories_are_promoted(store, found):
    talks = [uuid4() for _ in range(3)]
    for memory_type in ("long_term", "rule", "entity", "relationship"):
        (memory,) = await store.remember("net revenue", memory_type=memory_type, importance_score=0.9)
        assert (await found(memory, 5, asked_in=talks)).memory_type == memory_type
        assert len(await store.versions(memory)) == 1
    archived, expired = await store.remember("one", "two", memory_type="short_term", importance_score=0.9)
    await store.age(expired, days=8)
    await store.sql(
        "update memori_memories set is_archived = true, archived_reason = 'unimportant' where memory_id = :id",
        id=archived.memory_id,
    )
    for memory in (archived, expired):
        assert (await found(memory, 5, asked_in=talks)).memory_type == "short_term"


async def test_a_promotion_that_was_undone_is_not_made_again(store, found):
    (memory,) = await store.remember("net revenue", memory_type="short_term", importance_score=0.66)
    assert (await found(memory, 5)).memory_type == "long_term"
    reference = MemoryRef(memory_id=memory.memory_id)
    restored = await store.call(RESTORE, reference)
    assert (restored.memory_type, restored.importance_score) == ("short_term", pytest.approx(0.71))
    assert (await found(memory, 5, asked_in=(uuid4(), uuid4(), uuid4()))).memory_type == "short_term"
    # Its user may still change their mind.
    assert (await store.call(PROMOTE, reference)).memory_type == "long_term"


async def test_what_came_back_from_the_archive_is_promoted_once_it_is_needed(store, found):
    (memory,) = await store.remember("net revenue", memory_type="short_term", importance_score=0.66)
    await store.sql("update memori_memories set is_archived = true, archived_reason = 'expired'")
    await store.call(RESTORE, MemoryRef(memory_id=memory.memory_id))
    assert (await found(memory, 5)).memory_type == "long_term"


async def test_replicas_that_count_at_once_promote_each_memory_once(store, counters, observer, eventually):
    memories = await store.remember(
        *(f"revenue {number}" for number in range(100)), memory_type="short_term", importance_score=0.9
    )
    for memory in memories:
        number = await store.number_of(memory)
        for counter in counters:
            for _ in range(5):
                counter.count(ADA, number)
    await asyncio.gather(*(counter.flush() for counter in counters))
    for counter in counters:
        # What one of them held was left by the other, and is looked at when it is found again.
        for memory in memories:
            counter.count(ADA, await store.number_of(memory))
    await asyncio.gather(*(counter.flush() for counter in counters))
    assert await store.sql("select memory_type, revision, count(*) from memori_memories group by 1, 2") == [
        ("long_term", 2, 100)
    ]
    assert await store.sql("select distinct access_count from memori_memory_usage") == [(12,)]
    await eventually(lambda: len(observer.of_type("memory.promoted")) == 100)
