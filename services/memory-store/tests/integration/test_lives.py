"""Memories promoted, archived and restored at their user's word; all of them in numbers."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from contracts.identity import Identity
from contracts.memory_store import (
    ARCHIVE,
    PROMOTE,
    RESTORE,
    STATISTICS,
    ArchiveMemories,
    MemoriesByType,
    MemoryRef,
    Statistics,
)
from contracts.methods import Empty

BOB = Identity("acme", "bob")
WEEK = timedelta(days=7)


async def promote(store, memory):
    return await store.call(PROMOTE, MemoryRef(memory_id=memory.memory_id))


async def restore(store, memory):
    return await store.call(RESTORE, MemoryRef(memory_id=memory.memory_id))


async def archive(store, days=30, identity=None):
    request = ArchiveMemories(days_threshold=days)
    return await store.call(ARCHIVE, request, *([identity] if identity else []))


async def archived(store, *contents, **fields):
    """Memories that the archive rule has taken."""
    fields = {"memory_type": "short_term", "importance_score": 0.1} | fields
    memories = await store.remember(*contents, expires_at=datetime.now(UTC) + timedelta(days=90), **fields)
    await store.age(*memories, days=31)
    assert (await archive(store)).archived_count == len(contents)
    return memories


async def test_a_promoted_memory_stays_and_matters_more(store, observer, eventually):
    (memory,) = await store.remember("net revenue", memory_type="short_term", importance_score=0.5)
    promoted = await promote(store, memory)
    assert (promoted.memory_type, promoted.expires_at, promoted.importance_score) == ("long_term", None, 0.6)
    assert (promoted.revision, promoted.content_version) == (2, 1)
    assert promoted == await store.read(memory)
    await eventually(lambda: [d.memory_id for d in observer.of_type("memory.promoted")] == [memory.memory_id])
    assert observer.of_type("memory.promoted")[0].memory_type == "long_term"


async def test_importance_stops_at_one_when_promoted(store):
    (memory,) = await store.remember("net revenue", memory_type="short_term", importance_score=0.95)
    assert (await promote(store, memory)).importance_score == 1.0


async def test_a_promoted_memory_is_still_found_by_meaning_when_it_would_have_expired(store, embedding):
    (memory,) = await store.remember("net revenue", memory_type="short_term")
    await store.embed(memory, [1.0, 0.0])
    await promote(store, memory)
    assert await store.sql("select live_until = 'infinity' from memori_memory_vectors") == [(True,)]
    (hit,) = await store.found("zzz", embedding=embedding([1.0, 0.0]))
    assert hit.memory_id == memory.memory_id


@pytest.mark.parametrize("memory_type", ["long_term", "rule", "entity", "relationship"])
async def test_only_short_term_memories_are_promoted(store, refused, memory_type):
    (memory,) = await store.remember("net revenue", memory_type=memory_type)
    with refused("conflict") as found:
        await promote(store, memory)
    assert memory_type in found.value.problem.detail
    assert len(await store.versions(memory)) == 1


async def test_what_left_search_is_restored_before_it_is_promoted(store, refused):
    (old,) = await archived(store, "old news")
    (expired,) = await store.remember("expired", memory_type="short_term")
    await store.age(expired, days=8)
    for memory in (old, expired):
        with refused("conflict") as found:
            await promote(store, memory)
        assert "restore" in found.value.problem.detail
    await restore(store, old)
    assert (await promote(store, old)).memory_type == "long_term"


async def test_a_second_promotion_is_a_conflict(store, refused):
    (memory,) = await store.remember("net revenue", memory_type="short_term")
    await promote(store, memory)
    with refused("conflict"):
        await promote(store, memory)


async def test_restoring_undoes_a_promotion(store, observer, eventually):
    (memory,) = await store.remember("net revenue", memory_type="short_term", importance_score=0.95)
    await promote(store, memory)
    restored = await restore(store, memory)
    assert (restored.memory_type, restored.importance_score) == ("short_term", 0.95)
    assert timedelta(0) <= restored.expires_at - restored.updated_at - WEEK < timedelta(seconds=1)
    await eventually(lambda: [d.memory_id for d in observer.of_type("memory.restored")] == [memory.memory_id])


async def test_restoring_undoes_an_archive(store, embedding):
    (memory,) = await archived(store, "old revenue")
    await store.embed(memory, [1.0, 0.0])
    assert await store.found("revenue") == ()
    assert await store.found("zzz", embedding=embedding([1.0, 0.0])) == ()
    before = await store.read(memory)
    assert (before.is_archived, before.archived_reason) == (True, "unimportant")
    restored = await restore(store, memory)
    assert (restored.is_archived, restored.archived_reason) == (False, None)
    assert restored.expires_at == before.expires_at
    assert [hit.memory_id for hit in await store.found("revenue")] == [memory.memory_id]
    (hit,) = await store.found("zzz", embedding=embedding([1.0, 0.0]))
    assert hit.matched_by == ("vector",)
    versions = await store.versions(memory)
    assert [(v.change, v.changed_by, v.reason) for v in versions] == [
        ("restored", "user", "undoes unimportant"),
        ("archived", "user", "unimportant"),
        ("created", "user", None),
    ]


async def test_there_is_nothing_to_restore_twice(store, refused):
    (memory,) = await archived(store, "old revenue")
    await restore(store, memory)
    with refused("conflict"):
        await restore(store, memory)


@pytest.mark.parametrize("memory_type", ["short_term", "long_term", "rule"])
async def test_a_live_memory_that_was_not_promoted_has_nothing_to_restore(store, refused, memory_type):
    (memory,) = await store.remember("net revenue", memory_type=memory_type)
    with refused("conflict"):
        await restore(store, memory)
    await store.update(memory, content="gross revenue")
    with refused("conflict"):
        await restore(store, memory)


async def test_a_change_after_a_promotion_settles_it(store, refused):
    (memory,) = await store.remember("net revenue", memory_type="short_term")
    await promote(store, memory)
    await store.update(memory, content="gross revenue")
    with refused("conflict"):
        await restore(store, memory)


async def test_what_is_unknown_or_somebody_elses_has_no_life_to_change(store, refused):
    (shared,) = await store.remember("hers", memory_type="short_term", visibility="tenant")
    for method in (PROMOTE, RESTORE):
        with refused("not-found", "memory_id"):
            await store.call(method, MemoryRef(memory_id=uuid4()))
        with refused("not-found", "memory_id"):
            await store.call(method, MemoryRef(memory_id=shared.memory_id), BOB)


async def test_old_unimportant_unused_short_term_memories_are_archived(store, observer, eventually):
    later = datetime.now(UTC) + timedelta(days=90)
    fields = {"memory_type": "short_term", "importance_score": 0.1, "expires_at": later}
    first, second, young = await store.remember("one", "two", "three", **fields)
    (important,) = await store.remember("four", **(fields | {"importance_score": 0.3}))
    (lasting,) = await store.remember("five", **(fields | {"memory_type": "long_term"}))
    (bobs,) = await store.remember("six", identity=BOB, **fields)
    await store.age(first, second, important, lasting, bobs, days=31)
    answer = await archive(store)
    assert answer.model_dump() == {"status": "completed", "archived_count": 2, "threshold_days": 30}
    assert (await archive(store)).archived_count == 0
    assert {memory.memory_id for memory in await store.listed()} == {
        memory.memory_id for memory in (young, important, lasting)
    }
    assert (await store.read(bobs, BOB)).is_archived is False

    def announced():
        said = observer.of_type("memory.archived")
        assert {(data.memory_id, data.reason) for data in said} == {
            (first.memory_id, "unimportant"),
            (second.memory_id, "unimportant"),
        }
        assert len(said) == 2

    await eventually(announced)


@pytest.mark.parametrize(("days", "taken"), [(1, 3), (10, 2), (11, 1), (365, 0)])
async def test_the_threshold_says_how_old_is_old(store, days, taken):
    later = datetime.now(UTC) + timedelta(days=400)
    memories = await store.remember(
        "one", "two", "three", memory_type="short_term", importance_score=0.1, expires_at=later
    )
    for memory, age in zip(memories, ({"days": 1, "hours": 1}, {"days": 10, "hours": 1}, {"days": 20}), strict=True):
        await store.age(memory, **age)
    answer = await archive(store, days)
    assert (answer.archived_count, answer.threshold_days) == (taken, days)


async def test_more_than_one_round_of_memories_is_archived_at_once(store):
    contents = [f"fact {number}" for number in range(600)]
    fields = {"memory_type": "short_term", "importance_score": 0.1, "expires_at": datetime.now(UTC) + timedelta(90)}
    memories = await store.remember(*contents, **fields)
    await store.age(*memories, days=31)
    assert (await archive(store)).archived_count == 600
    assert await store.sql("select count(*), count(distinct memory_id) from memori_memory_history") == [(600, 600)]


async def test_memories_are_summed_up(store, eventually):
    assert await store.call(STATISTICS, Empty()) == Statistics(
        total_memories=0, by_type=MemoriesByType(), archived=0, average_importance=0.0
    )
    for memory_type, count in (("long_term", 3), ("rule", 2), ("entity", 1), ("relationship", 1), ("short_term", 2)):
        await store.remember(
            *(f"{memory_type} {number}" for number in range(count)), memory_type=memory_type, importance_score=0.5
        )
    await store.remember("bobs", identity=BOB)
    (expired,) = await store.remember("expired", memory_type="short_term", importance_score=1.0)
    await store.age(expired, days=8)
    await archived(store, "archived")
    await store.found("rule")

    async def counted():
        summary = await store.call(STATISTICS, Empty())
        assert summary.total_memories == 9
        assert summary.by_type == MemoriesByType(short_term=2, long_term=3, rules=2, entities=1, relationships=1)
        assert summary.archived == 2
        # Two of nine were found once.
        assert summary.average_importance == pytest.approx(0.5 + 2 * 0.01 / 9, abs=1e-6)

    await eventually(counted)
