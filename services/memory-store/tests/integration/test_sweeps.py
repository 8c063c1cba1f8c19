"""What time does to memories: they expire, and what is old and hardly needed is archived."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from contracts.identity import Identity
from contracts.memory_store import RESTORE, MemoryRef
from memory_store.main import running
from memory_store.tables import outbox
from memory_store.use_cases.sweeps import Sweeps
from messaging import Outbox
from persistence import Database

BOB = Identity("acme", "bob")
FAR = timedelta(days=90)


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"memory_sweep_seconds": 0.05, "memory_archive_threshold_days": 30})


@pytest.fixture
def archived(store, eventually):
    """A function to await: until a memory is archived."""

    async def wait(memory, identity=None):
        async def check():
            found = await store.read(memory, *([identity] if identity else []))
            assert found.is_archived
            return found

        return await eventually(check)

    return wait


async def restore(store, memory):
    return await store.call(RESTORE, MemoryRef(memory_id=memory.memory_id))


async def used(store, memory, accesses, gain):
    await store.sql(
        "insert into memori_memory_usage (tenant_id, user_id, memory_no, access_count, importance_gain)"
        " values ('acme', 'ada', :no, :accesses, :gain)",
        no=await store.number_of(memory),
        accesses=accesses,
        gain=gain,
    )


async def test_an_expired_memory_is_archived_and_says_why(store, archived, observer, eventually):
    (memory,) = await store.remember("asked for revenue", memory_type="short_term")
    await store.embed(memory, [1.0, 0.0])
    (bobs,) = await store.remember("asked for costs", memory_type="short_term", identity=BOB)
    await store.age(memory, bobs, days=7, seconds=1)
    found = await archived(memory)
    assert (found.archived_reason, found.memory_type) == ("expired", "short_term")
    assert found.expires_at < datetime.now(UTC)
    assert await store.sql("select live_until = '-infinity' from memori_memory_vectors") == [(True,)]
    await archived(bobs, BOB)
    newest, oldest = await store.versions(memory)
    assert (newest.change, newest.changed_by, newest.reason) == ("archived", "lifecycle", "expired")
    assert (newest.is_archived, newest.archived_reason) == (True, "expired")
    assert (oldest.is_archived, oldest.archived_reason) == (False, None)

    def announced():
        said = [event for event in observer.events if event.type == "memory.archived"]
        assert {(event.userid, event.data.memory_id, event.data.reason) for event in said} == {
            ("ada", memory.memory_id, "expired"),
            ("bob", bobs.memory_id, "expired"),
        }

    await eventually(announced)


@pytest.mark.parametrize("memory_type", ["long_term", "rule", "entity", "relationship"])
async def test_a_stated_expiry_holds_for_every_type(store, archived, memory_type):
    soon = datetime.now(UTC) + timedelta(milliseconds=300)
    (memory,) = await store.remember("for now", memory_type=memory_type, expires_at=soon)
    assert (await archived(memory)).archived_reason == "expired"


async def test_what_has_no_time_stays(store, archived):
    kept = [(await store.remember(name, memory_type=name, importance_score=0.0))[0] for name in ("long_term", "rule")]
    await store.age(*kept, days=4_000)
    (expiring,) = await store.remember("short", memory_type="short_term")
    await store.age(expiring, days=8)
    await archived(expiring)
    assert {memory.memory_id for memory in await store.listed()} == {memory.memory_id for memory in kept}


# Type, age, importance, accesses and what they gained; whether it is archived.
BOUNDARIES = {
    "older than the threshold": ("short_term", timedelta(days=30, minutes=1), 0.1, None, True),
    "not quite that old": ("short_term", timedelta(days=30, minutes=-5), 0.1, None, False),
    "hardly unimportant": ("short_term", timedelta(days=31), 0.299999, None, True),
    "just important": ("short_term", timedelta(days=31), 0.3, None, False),
    "of no importance": ("short_term", timedelta(days=400), 0.0, None, True),
    "found once": ("short_term", timedelta(days=31), 0.1, (1, 0.01), True),
    "found twice": ("short_term", timedelta(days=31), 0.1, (2, 0.02), False),
    "important for having been found": ("short_term", timedelta(days=31), 0.295, (1, 0.01), False),
    "long-term": ("long_term", timedelta(days=31), 0.1, None, False),
    "a rule": ("rule", timedelta(days=31), 0.1, None, False),
    "an entity": ("entity", timedelta(days=31), 0.1, None, False),
    "a relationship": ("relationship", timedelta(days=31), 0.1, None, False),
}


async def test_only_what_is_old_unimportant_and_hardly_used_is_archived(store, archived):
    stored = {}
    for name, (memory_type, age, importance, usage, _) in BOUNDARIES.items():
        (memory,) = await store.remember(
            name, memory_type=memory_type, importance_score=importance, expires_at=datetime.now(UTC) + FAR * 10
        )
        if usage is not None:
            await used(store, memory, *usage)
        stored[name] = (memory, age)
    for memory, age in stored.values():
        await store.age(memory, seconds=age.total_seconds())
    (last,) = await store.remember(
        "last", memory_type="short_term", importance_score=0.1, expires_at=datetime.now(UTC) + FAR
    )
    await store.age(last, days=31)
    # Whatever was due before it has been taken with it, or before.
    await archived(last)
    found = {name: (await store.read(memory)).archived_reason for name, (memory, _) in stored.items()}
    assert found == {name: "unimportant" if case[-1] else None for name, case in BOUNDARIES.items()}


async def test_what_was_restored_is_not_taken_again(store, archived):
    later = datetime.now(UTC) + FAR
    (unimportant,) = await store.remember("old news", memory_type="short_term", importance_score=0.1, expires_at=later)
    (expired,) = await store.remember("stale news", memory_type="short_term", importance_score=0.1)
    await store.age(unimportant, expired, days=31)
    assert (await archived(unimportant)).archived_reason == "unimportant"
    assert (await archived(expired)).archived_reason == "expired"
    for memory in (unimportant, expired):
        restored = await restore(store, memory)
        assert (restored.is_archived, restored.archived_reason) == (False, None)
        assert restored.expires_at > datetime.now(UTC) + timedelta(days=6)
        # A small change makes it no older.
        await store.update(memory, context_tags=("kept",))
    (last,) = await store.remember("last", memory_type="short_term", importance_score=0.1, expires_at=later)
    await store.age(last, days=31)
    await archived(last)
    for memory in (unimportant, expired):
        assert not (await store.read(memory)).is_archived
    # As old again as that, it goes.
    await store.age(unimportant, days=31)
    assert (await archived(unimportant)).archived_reason == "unimportant"


async def test_replicas_that_sweep_at_once_archive_each_memory_once(store, settings, observer, eventually):
    # More than one round of each kind, of two users; the leader at work beside those two.
    due = []
    for identity in (None, BOB):
        whose = {"identity": identity} if identity else {}
        due += await store.remember(*(f"stale {n}" for n in range(330)), memory_type="short_term", **whose)
        due += await store.remember(
            *(f"old {n}" for n in range(330)),
            memory_type="short_term",
            importance_score=0.1,
            expires_at=datetime.now(UTC) + FAR,
            **whose,
        )
    workers = [
        Database(settings.database_worker_url.get_secret_value(), application="test", pool_size=2) for _ in range(2)
    ]
    replicas = [Sweeps(worker, Outbox(outbox), archive_after=timedelta(days=30)) for worker in workers]
    async with AsyncExitStack() as exits:
        await exits.enter_async_context(running(settings))
        await store.age(*due, days=31)
        await asyncio.gather(*(replica.run_once() for replica in replicas))

        async def all_archived():
            assert await store.sql("select count(*) from memori_memories where not is_archived") == [(0,)]

        await eventually(all_archived)
    for worker in workers:
        await worker.close()
    assert await store.sql(
        "select count(*), count(distinct (user_id, memory_id)), max(revision) from memori_memory_history"
    ) == [(1_320, 1_320, 1)]
    assert await store.sql("select distinct revision, change, changed_by from memori_memories") == [
        (2, "archived", "lifecycle")
    ]

    def announced_once():
        said = [event for event in observer.events if event.type == "memory.archived"]
        assert len({(event.userid, event.data.memory_id) for event in said}) == 1_320
        assert len(said) == 1_320

    await eventually(announced_once, timeout=20)


async def test_a_row_somebody_holds_is_left_for_the_next_round(store, settings, archived):
    (held, free) = await store.remember("held", "free", memory_type="short_term")
    database = Database(settings.database_url.get_secret_value(), application="test")
    from memory_store.repository import memories

    async with database.transaction(tenant_id="acme", user_id="ada") as transaction:
        await memories.lock(transaction, Identity("acme", "ada"), held.memory_id)
        await store.sql(
            "update memori_memories set expires_at = now() - interval '1 s' where memory_id = :id", id=free.memory_id
        )
        await archived(free)
    await store.age(held, days=8)
    await archived(held)
    await database.close()
