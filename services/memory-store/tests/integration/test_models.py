"""Vectors of several models side by side, of long contents in pieces; and how far each model has come."""

import asyncio
from uuid import uuid4

import numpy as np
import pytest

from contracts.identity import Identity, service_identity
from contracts.memory_store import (
    COVERAGE,
    DELETE,
    FETCH_CONTENTS,
    FIND_UNEMBEDDED,
    GET,
    PRUNE_VECTORS,
    STORE_VECTORS,
    Coverage,
    FetchContents,
    FindUnembedded,
    GetMemory,
    MemoryRef,
    MemoryVector,
    ModelCoverage,
    OwnedMemory,
    PruneVectors,
    StoreVectors,
)
from contracts.methods import Empty

BOB = Identity("acme", "bob")
WORKER = service_identity("embedding-worker")


async def unembedded(store, model, **fields):
    found, after = [], 0
    while after is not None:
        page = await store.call(FIND_UNEMBEDDED, FindUnembedded(model=model, after=after, **fields), WORKER)
        found += page.memories
        after = page.next
    return {(memory.user_id, memory.memory_id) for memory in found}


async def coverage(store):
    return await store.call(COVERAGE, Empty(), WORKER)


async def test_while_models_change_whatever_has_a_vector_of_either_is_found(store, embedding):
    new, old, both, none = await store.remember("a b", "c d", "e f", "g h")
    await store.embed(new, [1.0, 0.0, 0.0], model="new")
    await store.embed(old, [0.8, 0.6], model="old")
    await store.embed(both, [0.9, 0.1, 0.0], model="new")
    await store.embed(both, [0.0, 1.0], model="old")
    query = embedding(
        [1.0, 0.0, 0.0],
        model="new",
        min_similarity=0.5,
        others=(embedding([1.0, 0.0], model="old", min_similarity=0.7),),
    )
    hits = {hit.memory_id: hit for hit in await store.found("zzz", embedding=query)}
    assert set(hits) == {new.memory_id, old.memory_id, both.memory_id}
    # The configured model's word counts where it has one.
    assert hits[both.memory_id].similarity_score == pytest.approx(0.9939, abs=1e-3)
    assert hits[old.memory_id].similarity_score == pytest.approx(0.8, abs=1e-3)
    assert all(hit.matched_by == ("vector",) for hit in hits.values())
    alone = embedding([1.0, 0.0, 0.0], model="new", min_similarity=0.5)
    assert {hit.memory_id for hit in await store.found("zzz", embedding=alone)} == {new.memory_id, both.memory_id}
    assert (await store.found("g", embedding=query))[0].memory_id == none.memory_id


async def test_each_model_has_its_own_threshold_unless_one_is_stated(store, embedding):
    new, old = await store.remember("a b", "c d")
    await store.embed(new, [0.6, 0.8], model="new")
    await store.embed(old, [0.6, 0.8], model="old")

    def query(first, second):
        other = embedding([1.0, 0.0], model="old", min_similarity=second)
        return embedding([1.0, 0.0], model="new", min_similarity=first, others=(other,))

    for first, second, expected in ((0.5, 0.7, [new]), (0.7, 0.5, [old]), (0.5, 0.5, [new, old]), (0.7, 0.7, [])):
        found = {hit.memory_id for hit in await store.found("zzz", embedding=query(first, second))}
        assert found == {memory.memory_id for memory in expected}
    assert len(await store.found("zzz", embedding=query(0.7, 0.7), min_similarity=0.5)) == 2


async def test_the_best_piece_speaks_for_a_long_memory(store, embedding):
    long, short = await store.remember("a b " * 500, "c d")
    assert await store.embed(long, [0.0, 1.0, 0.0], [0.6, 0.8, 0.0], [0.9, 0.1, 0.0]) == 1
    await store.embed(short, [0.8, 0.6, 0.0])
    first, second = await store.found("zzz", embedding=embedding([1.0, 0.0, 0.0], min_similarity=0.5))
    assert (first.memory_id, second.memory_id) == (long.memory_id, short.memory_id)
    assert first.similarity_score == pytest.approx(0.9939, abs=1e-3)
    assert first.embedded
    # Another piece of it answers another question.
    (hit,) = await store.found("zzz", embedding=embedding([0.0, 1.0, 0.0], min_similarity=0.95))
    assert hit.memory_id == long.memory_id
    detail = await store.call(GET, GetMemory(memory_id=long.memory_id, include_embedding=True))
    assert np.frombuffer(detail.embedding, "<f4") == pytest.approx([0.0, 1.0, 0.0], abs=1e-3)


async def test_a_model_that_makes_other_vectors_under_its_old_name_starts_afresh(store, embedding):
    (memory,) = await store.remember("a b")
    assert await store.embed(memory, [1.0, 0.0], [0.0, 1.0]) == 1
    await store.embed(memory, [1.0, 0.0], model="another")
    assert await store.embed(memory, [0.0, 0.0, 1.0]) == 1
    rows = await store.sql("select model, chunk, dimensions from memori_memory_vectors order by model")
    assert rows == [("another", 0, 2), ("test-model", 0, 3)]
    assert await store.found("zzz", embedding=embedding([1.0, 0.0])) == ()
    assert len(await store.found("zzz", embedding=embedding([0.0, 0.0, 1.0]))) == 1


async def test_new_content_has_no_vector_of_any_model_until_it_is_embedded(store, embedding):
    (memory,) = await store.remember("a b")
    for model in ("new", "old"):
        await store.embed(memory, [1.0, 0.0], [0.0, 1.0], model=model)
    changed = await store.update(memory, content="c d")
    assert not changed.embedded
    assert await store.sql("select count(*) from memori_memory_vectors") == [(0,)]
    await store.embed(changed, [1.0, 0.0], model="old")
    assert (await store.read(memory)).embedded
    assert await unembedded(store, "old") == set()
    assert await unembedded(store, "new") == {("ada", memory.memory_id)}


async def test_what_a_model_has_not_embedded_is_found_over_all_users(store):
    hers, gone, late = await store.remember("of Ada", "to be deleted", "of Ada, embedded by the other")
    (his,) = await store.remember("of Bob", identity=BOB)
    await store.remember("sealed", sensitive=True)
    await store.call(DELETE, MemoryRef(memory_id=gone.memory_id))
    await store.embed(late, [1.0, 0.0], model="old")
    await store.embed(his, [1.0, 0.0], model="new", identity=BOB)
    assert await unembedded(store, "new") == {("ada", hers.memory_id), ("ada", late.memory_id)}
    assert await unembedded(store, "old") == {("ada", hers.memory_id), ("bob", his.memory_id)}
    assert await unembedded(store, "unheard of") == {
        ("ada", hers.memory_id),
        ("ada", late.memory_id),
        ("bob", his.memory_id),
    }


async def test_what_changed_only_now_is_left_to_its_event(store):
    old, new = await store.remember("old", "new")
    await store.age(old, hours=1)
    assert await unembedded(store, "m", older_than_seconds=60) == {("ada", old.memory_id)}
    await store.update(old, content="changed")
    assert await unembedded(store, "m", older_than_seconds=60) == set()
    assert len(await unembedded(store, "m")) == 2
    await store.age(new, hours=1)
    assert await unembedded(store, "m", older_than_seconds=60) == {("ada", new.memory_id)}


async def test_a_large_store_is_gone_over_in_stretches(store):
    stored = []
    for number in range(4):
        stored += await store.remember(*(f"fact {number} {place}" for place in range(600)))
    embedded = stored[100::3]
    await embed_all(store, embedded)
    expected = {("ada", memory.memory_id) for memory in stored} - {("ada", memory.memory_id) for memory in embedded}
    assert await unembedded(store, "test-model") == expected
    await embed_all(store, [memory for memory in stored if ("ada", memory.memory_id) in expected])
    # A stretch without any is no end.
    assert await unembedded(store, "test-model") == set()
    (last,) = await store.remember("the last")
    assert await unembedded(store, "test-model") == {("ada", last.memory_id)}


async def embed_all(store, memories, model="test-model", pieces=1):
    vectors = tuple(np.asarray([1.0, number], "<f4").tobytes() for number in range(pieces))
    for start in range(0, len(memories), 500):
        items = tuple(
            MemoryVector(
                tenant_id="acme",
                user_id="ada",
                memory_id=memory.memory_id,
                content_version=memory.content_version,
                embeddings=vectors,
            )
            for memory in memories[start : start + 500]
        )
        await store.call(STORE_VECTORS, StoreVectors(model=model, dimensions=2, vectors=items), WORKER)


async def test_coverage_says_how_far_each_model_has_come(store):
    assert await coverage(store) == Coverage(memories=0, models=())
    one, two, three = await store.remember("one", "two", "three")
    (his,) = await store.remember("his", identity=BOB)
    await store.remember("sealed", sensitive=True)
    await store.embed(one, [1.0, 0.0], [0.0, 1.0], model="old")
    await store.embed(two, [1.0, 0.0], model="old")
    await store.embed(his, [1.0, 0.0, 0.0], model="new", identity=BOB)
    assert await coverage(store) == Coverage(
        memories=4,
        models=(
            ModelCoverage(model="new", dimensions=3, memories=1),
            ModelCoverage(model="old", dimensions=2, memories=2),
        ),
    )
    await store.update(one, content="changed")
    await store.call(DELETE, MemoryRef(memory_id=three.memory_id))
    found = await coverage(store)
    assert (found.memories, {model.model: model.memories for model in found.models}) == (3, {"new": 1, "old": 1})


async def test_vectors_nobody_needs_are_pruned_some_at_a_time(store, embedding):
    stored = []
    for number in range(3):
        stored += await store.remember(*(f"fact {number} {place}" for place in range(400)))
    await embed_all(store, stored, model="old", pieces=2)
    await embed_all(store, stored[:5], model="new")
    deleted = []
    while not deleted or deleted[-1]:
        deleted.append((await store.call(PRUNE_VECTORS, PruneVectors(model="old"), WORKER)).deleted)
    assert sum(deleted) == 2_400
    assert len(deleted) > 2
    assert await store.sql("select model, count(*) from memori_memory_vectors group by model") == [("new", 5)]
    assert len(await store.found("zzz", embedding=embedding([1.0, 0.0], model="new"))) == 5
    assert [model.model for model in (await coverage(store)).models] == ["new"]


async def test_contents_that_a_model_has_embedded_are_not_sent_again(store):
    done, todo, archived = await store.remember("done", "to do", "archived", memory_type="short_term")
    await store.embed(done, [1.0, 0.0])
    await store.age(archived, days=8)
    refs = tuple(OwnedMemory(tenant_id="acme", user_id="ada", memory_id=m.memory_id) for m in (done, todo, archived))
    unknown = OwnedMemory(tenant_id="acme", user_id="ada", memory_id=uuid4())
    reply = await store.call(
        FETCH_CONTENTS, FetchContents(memories=(*refs, unknown), without_vector_of="test-model"), WORKER
    )
    assert [(found.content, found.is_archived) for found in reply.contents] == [("to do", False), ("archived", True)]
    assert (reply.embedded, reply.gone) == ((refs[0],), (unknown,))
    reply = await store.call(FETCH_CONTENTS, FetchContents(memories=refs, without_vector_of="another"), WORKER)
    assert len(reply.contents) == 3


async def test_there_is_one_set_of_vectors_whoever_stores_what_at_once(store, observer, eventually):
    """Each store sends another number of pieces, all of them alike: a mixture would show."""
    (memory,) = await store.remember("version 1")
    for round_ in range(8):
        version = (await store.read(memory)).content_version
        await asyncio.gather(
            *(
                store.embed(memory, *([[1.0, float(pieces)]] * pieces), version=version + ahead)
                for pieces in (1, 2, 3, 4)
                for ahead in (0, 1)
            ),
            *(store.update(memory, content=f"round {round_}") for _ in range(2)),
        )
        current = (await store.read(memory)).content_version
        assert current == version + 1
        await store.embed(memory, [1.0, 9.0], version=current)
        rows = await store.sql(
            "select content_version, chunk, embedding::text from memori_memory_vectors order by chunk"
        )
        assert {version for version, _, _ in rows} == {current}
        assert [chunk for _, chunk, _ in rows] == list(range(len(rows)))
        assert len({vector for _, _, vector in rows}) == 1

    def announced_once():
        versions = [data.content_version for data in observer.of_type("memory.embedded")]
        assert len(versions) == len(set(versions))
        assert 9 in versions

    await eventually(announced_once)


async def test_every_live_version_ends_with_one_set_of_vectors(store):
    memories = await store.remember(*(f"fact {number}" for number in range(15)))

    async def change(memory):
        for number in range(4):
            changed = await store.update(memory, content=f"{memory.content}, changed {number}")
            await store.embed(changed, [1.0, float(number)], [0.5, float(number)])

    async def embed_whatever_is_current(memory):
        for _ in range(6):
            await store.embed(await store.read(memory), [0.0, 1.0])

    await asyncio.gather(*(work(memory) for memory in memories for work in (change, embed_whatever_is_current)))
    rows = await store.sql(
        "select memory_id, count(*) filter (where chunk = 0), count(*), count(distinct vectors.content_version)"
        " from memori_memories memories join memori_memory_vectors vectors using (tenant_id, user_id, memory_no)"
        " where vectors.content_version = memories.content_version group by memory_id"
    )
    assert {memory_id for memory_id, *_ in rows} == {memory.memory_id for memory in memories}
    assert {(firsts, versions) for _, firsts, _, versions in rows} == {(1, 1)}
    assert {count for _, _, count, _ in rows} <= {1, 2}
    assert await store.sql(
        "select count(*) from memori_memory_vectors join memori_memories memories"
        " using (tenant_id, user_id, memory_no, content_version)"
    ) == await store.sql("select count(*) from memori_memory_vectors")
