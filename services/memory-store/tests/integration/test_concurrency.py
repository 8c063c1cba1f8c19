"""Many at once on the same memories: nothing is lost, nobody waits for ever, and every history is complete."""

import asyncio
import random
from datetime import timedelta
from functools import partial
from itertools import pairwise
from uuid import uuid4

from contracts.identity import Identity
from contracts.memory_store import (
    CREATE,
    CREATE_CONVERSATION,
    DELETE,
    DELETE_CONVERSATION,
    PROMOTE,
    RESTORE,
    SEARCH,
    ConversationRef,
    CreateConversation,
    CreateMemories,
    MemoryRef,
    NewMemory,
    Search,
)
from contracts.methods import ProblemError
from memory_store.tables import outbox
from memory_store.use_cases.sweeps import Sweeps
from messaging import Outbox
from persistence import Database

ADA = Identity("acme", "ada")
WRITERS = 10
EXPECTED = {"conflict", "not-found"}
"""What a state that changed meanwhile may be refused with; anything else is a failure."""


async def attempt(call, *arguments, **fields):
    """What a call answers, or None when the state does not allow it any more."""
    try:
        return await call(*arguments, **fields)
    except ProblemError as error:
        if error.problem.type not in EXPECTED:
            raise
        return None


async def check_histories(store, memories):
    """Each live memory has every revision up to its own, each deleted one up to its deletion, none twice."""
    for memory in memories:
        versions = await store.versions(memory)
        revisions = [version.revision for version in versions]
        # Under one id there may have been several memories, one after the other; each begins with 1.
        lives = []
        for revision in revisions:
            if not lives or revision >= lives[-1][-1]:
                lives.append([])
            lives[-1].append(revision)
        for life in lives:
            assert life == list(range(life[0], 0, -1)), revisions
    orphans = await store.sql(
        "select count(*) from memori_memory_terms where memory_no not in (select memory_no from memori_memories)"
    )
    assert orphans == [(0,)]


async def check_vectors(store):
    """One set of vectors a memory, of its current content, findable exactly while the memory is."""
    rows = await store.sql(
        "select vectors.content_version = memories.content_version, model, chunk,"
        " live_until = case when is_archived then '-infinity' else coalesce(expires_at, 'infinity') end,"
        " shared = (visibility = 'tenant')"
        " from memori_memory_vectors vectors join memori_memories memories using (tenant_id, user_id, memory_no)"
    )
    assert set(rows) <= {(True, "test-model", 0, True, True)}
    assert await store.sql("select count(*), count(distinct memory_no) from memori_memory_vectors") == [
        (len(rows), len(rows))
    ]


async def test_ten_writers_lose_nothing(store):
    memories = await store.remember("first", "second", "third", memory_type="short_term", importance_score=0.5)

    async def write(number):
        for step, memory in enumerate(memories):
            await store.update(memory, metadata={f"{number}": step}, content=f"content of {number}")
            await attempt(store.call, PROMOTE, MemoryRef(memory_id=memory.memory_id))
            await store.embed(await store.read(memory), [1.0, float(number)])
            await attempt(store.call, RESTORE, MemoryRef(memory_id=memory.memory_id))
            await store.update(memory, metadata={f"{number} again": step}, visibility=("private", "tenant")[number % 2])
            await store.call(SEARCH, Search(query="content"))

    await asyncio.gather(*(write(number) for number in range(WRITERS)))
    for step, memory in enumerate(memories):
        read = await store.read(memory)
        assert read.metadata == {key: step for number in range(WRITERS) for key in (f"{number}", f"{number} again")}
        versions = await store.versions(memory)
        assert [version.revision for version in versions] == list(range(read.revision, 0, -1))
        # Each version differs from the one before by what it says it is.
        changes = [version.change for version in versions]
        assert changes.count("updated") >= WRITERS
        assert abs(changes.count("promoted") - changes.count("restored")) <= 1
        for newer, older in pairwise(versions):
            assert newer.changed_at >= older.changed_at
            assert newer.content_version - older.content_version in {0, 1}
            assert set(older.metadata) <= set(newer.metadata)
    await check_histories(store, memories)
    await check_vectors(store)


async def test_writers_who_delete_and_create_again_leave_nothing_half_done(store, settings):
    ids = [uuid4() for _ in range(4)]
    conversation_id = uuid4()
    worker = Database(settings.database_worker_url.get_secret_value(), application="test", pool_size=2)
    sweeps = Sweeps(worker, Outbox(outbox), archive_after=timedelta(days=30))

    async def create(memory_id):
        await store.call(CREATE_CONVERSATION, CreateConversation(conversation_id=conversation_id))
        new = NewMemory(
            memory_id=memory_id, content="net revenue", memory_type="short_term", conversation_id=conversation_id
        )
        await attempt(store.call, CREATE, CreateMemories(memories=(new,)))

    async def embed(memory_id):
        reference = MemoryRef(memory_id=memory_id)
        if (memory := await attempt(store.read, reference)) is not None:
            await store.embed(memory, [1.0, 0.0])

    async def expire(memory_id):
        await store.sql(
            "update memori_memories set expires_at = now() where memory_id = :id and not is_archived", id=memory_id
        )
        await sweeps.run_once()

    def ways(memory_id, number, chance):
        reference = MemoryRef(memory_id=memory_id)
        return (
            partial(create, memory_id),
            partial(embed, memory_id),
            partial(expire, memory_id),
            partial(attempt, store.update, reference, content=f"revenue {chance.random()}", importance_score=0.5),
            partial(attempt, store.update, reference, metadata={f"{number}": 1}, visibility="tenant"),
            partial(attempt, store.call, PROMOTE, reference),
            partial(attempt, store.call, RESTORE, reference),
            partial(attempt, store.call, DELETE, reference),
            partial(attempt, store.call, DELETE_CONVERSATION, ConversationRef(conversation_id=conversation_id)),
            partial(store.call, SEARCH, Search(query="revenue", asked_in=conversation_id)),
        )

    async def write(number):
        chance = random.Random(number)
        for _ in range(12):
            await chance.choice(ways(chance.choice(ids), number, chance))()

    for memory_id in ids:
        await create(memory_id)
    await asyncio.gather(*(write(number) for number in range(WRITERS)))
    await worker.close()
    await check_histories(store, [MemoryRef(memory_id=memory_id) for memory_id in ids])
    # Rows whose expiry the test itself moved are followed by their vectors at the next change only.
    assert await store.sql(
        "select count(*) from memori_memory_vectors vectors join memori_memories memories"
        " using (tenant_id, user_id, memory_no) where vectors.content_version <> memories.content_version"
    ) == [(0,)]
    assert await store.sql(
        "select count(*) from memori_memory_history where change = 'deleted' and content is not null"
    ) == [(0,)]


async def test_no_deadlock_surfaces_between_those_who_take_many(store):
    """Batches in opposite orders, conversations that are deleted with what is counted and embedded in them."""
    for _ in range(4):
        conversation_id = uuid4()
        await store.call(CREATE_CONVERSATION, CreateConversation(conversation_id=conversation_id))
        memories = await store.remember(
            *(f"revenue {number}" for number in range(30)), conversation_id=conversation_id, memory_type="short_term"
        )
        again = tuple(
            NewMemory(memory_id=memory.memory_id, content="again", conversation_id=conversation_id)
            for memory in memories
        )
        await asyncio.gather(
            *(store.call(SEARCH, Search(query="revenue", limit=100)) for _ in range(3)),
            *(store.embed(memory, [1.0, 0.0]) for memory in memories[::2]),
            *(attempt(store.update, memory, content="revenue, changed") for memory in memories[::3]),
            *(attempt(store.update, memory, importance_score=0.9) for memory in memories[::4]),
            *(attempt(store.call, DELETE, MemoryRef(memory_id=memory.memory_id)) for memory in memories[::5]),
            attempt(store.call, CREATE, CreateMemories(memories=again)),
            attempt(store.call, CREATE, CreateMemories(memories=again[::-1])),
            attempt(store.call, DELETE_CONVERSATION, ConversationRef(conversation_id=conversation_id)),
        )
        await attempt(store.call, DELETE_CONVERSATION, ConversationRef(conversation_id=conversation_id))
    for table in ("memories", "memory_vectors", "memory_terms", "memory_usage"):
        assert await store.sql(f"select count(*) from memori_{table}") == [(0,)], table


async def test_one_of_many_promotions_and_one_of_many_restorations_is_made(store):
    (memory,) = await store.remember("net revenue", memory_type="short_term", importance_score=0.5)
    reference = MemoryRef(memory_id=memory.memory_id)
    for method, made in ((PROMOTE, "promoted"), (RESTORE, "restored")):
        answers = await asyncio.gather(*(attempt(store.call, method, reference) for _ in range(WRITERS)))
        assert len([answer for answer in answers if answer is not None]) == 1
        assert [version.change for version in await store.versions(memory)].count(made) == 1
