import asyncio
from uuid import uuid4

import numpy as np
import pytest

from contracts.identity import Identity, service_identity
from contracts.memory_store import (
    DELETE,
    FETCH_CONTENTS,
    STORE_VECTORS,
    UPDATE,
    FetchContents,
    MemoryRef,
    MemoryVector,
    OwnedMemory,
    StoreVectors,
    UpdateMemory,
)
from contracts.methods import MAX_MESSAGE_BYTES, ProblemError

ADA = Identity("acme", "ada")
BOB = Identity("acme", "bob")
WORKER = service_identity("embedding-worker")


def ref(memory, identity=ADA):
    return OwnedMemory(tenant_id=identity.tenant_id, user_id=identity.user_id, memory_id=memory.memory_id)


async def fetch(store, *refs):
    return await store.call(FETCH_CONTENTS, FetchContents(memories=refs), WORKER)


async def test_contents_of_many_users_are_fetched_at_once(store):
    (hers,) = await store.remember("of Ada", memory_type="rule")
    (his,) = await store.remember("of Bob", identity=BOB)
    await store.call(UPDATE, UpdateMemory(memory_id=hers.memory_id, content="of Ada, changed"))
    unknown = OwnedMemory(tenant_id="acme", user_id="ada", memory_id=uuid4())
    reply = await fetch(store, ref(hers), unknown, ref(his, BOB), ref(his, ADA), ref(hers))
    assert [(found.user_id, found.content, found.content_version, found.memory_type) for found in reply.contents] == [
        ("ada", "of Ada, changed", 2, "rule"),
        ("bob", "of Bob", 1, "long_term"),
    ]
    assert [memory.memory_id for memory in reply.gone] == [unknown.memory_id, his.memory_id]


@pytest.mark.parametrize("character", ["x", "😀", "\x01"], ids=["plain", "four bytes", "escaped"])
async def test_contents_are_paged_by_bytes(store, character):
    stored = []
    for _ in range(8):
        stored += await store.remember(*(character * 10_000 for _ in range(8 if character == "x" else 4)))
    wanted = {memory.memory_id for memory in stored}
    pages = 0
    while wanted:
        reply = await fetch(store, *(ref(memory) for memory in stored if memory.memory_id in wanted))
        assert reply.contents
        assert not reply.gone
        assert len(reply.model_dump_json().encode()) <= MAX_MESSAGE_BYTES
        wanted -= {found.memory_id for found in reply.contents}
        pages += 1
    assert pages > 1


async def test_a_vector_is_stored_once(store, observer, eventually):
    (memory,) = await store.remember("turnover")
    answers = await asyncio.gather(*(store.embed(memory, [1.0, 0.0]) for _ in range(10)))
    assert sum(answers) == 1
    assert await store.embed(memory, [0.0, 1.0]) == 0
    assert await store.embed(memory, [1.0, 0.0, 0.0], model="another") == 1
    rows = await store.sql("select model, content_version, embedding::text from memori_memory_vectors order by model")
    assert rows == [("another", 1, "[1,0,0]"), ("test-model", 1, "[1,0]")]

    def announced():
        assert [data.model for data in observer.of_type("memory.embedded")] == ["test-model", "another"]

    await eventually(announced)


async def test_outdated_and_orphaned_vectors_are_ignored(store):
    changed, gone = await store.remember("turnover", "to be deleted")
    await store.call(UPDATE, UpdateMemory(memory_id=changed.memory_id, content="net turnover"))
    await store.call(DELETE, MemoryRef(memory_id=gone.memory_id))
    assert await store.embed(changed, [1.0, 0.0], version=1) == 0
    assert await store.embed(changed, [1.0, 0.0], version=3) == 0
    assert await store.embed(gone, [1.0, 0.0]) == 0
    assert await store.embed(changed, [1.0, 0.0], identity=BOB, version=2) == 0
    assert await store.sql("select count(*) from memori_memory_vectors") == [(0,)]
    assert await store.embed(changed, [1.0, 0.0], version=2) == 1


async def test_a_newer_version_replaces_the_vector(store):
    (memory,) = await store.remember("turnover")
    await store.embed(memory, [1.0, 0.0])
    await store.call(UPDATE, UpdateMemory(memory_id=memory.memory_id, content="net turnover"))
    assert await store.embed(memory, [0.0, 1.0], version=2) == 1
    assert await store.sql("select content_version, embedding::text from memori_memory_vectors") == [(2, "[0,1]")]


async def test_vectors_of_many_users_come_in_one_batch(store, packed):
    new = [(await store.remember(f"of {name}", identity=Identity("acme", name)))[0] for name in ("ada", "bob", "cy")]
    items = tuple(
        MemoryVector(
            tenant_id="acme",
            user_id=name,
            memory_id=memory.memory_id,
            content_version=1,
            embeddings=(packed([0.6, 0.8]),),
        )
        for name, memory in zip(("ada", "bob", "cy"), new, strict=True)
    )
    request = StoreVectors(model="test-model", dimensions=2, vectors=(*items, items[0]))
    assert (await store.call(STORE_VECTORS, request, WORKER)).stored == 3


@pytest.mark.parametrize(
    ("vector", "dimensions"),
    [([1.0, 0.0, 0.0], 2), ([np.nan, 0.0], 2), ([np.inf, 0.0], 2), ([0.0, 0.0], 2)],
    ids=["length", "nan", "infinite", "zeros"],
)
async def test_a_bad_vector_is_refused_by_name_with_the_whole_batch(store, packed, vector, dimensions):
    good, bad = await store.remember("good", "bad")
    items = tuple(
        MemoryVector(
            tenant_id="acme",
            user_id="ada",
            memory_id=memory.memory_id,
            content_version=1,
            embeddings=(packed([1.0, 0.0]), packed(numbers)),
        )
        for memory, numbers in ((good, [1.0, 0.0]), (bad, vector))
    )
    with pytest.raises(ProblemError) as refused:
        await store.call(STORE_VECTORS, StoreVectors(model="test-model", dimensions=dimensions, vectors=items), WORKER)
    assert refused.value.problem.type == "invalid"
    assert [error.field for error in refused.value.problem.errors] == ["vectors.1.embeddings.1"]
    assert await store.sql("select count(*) from memori_memory_vectors") == [(0,)]


async def test_large_vectors_are_kept_inline(store):
    (memory,) = await store.remember("turnover")
    vector = np.random.default_rng(1).normal(size=1_536).tolist()
    assert await store.embed(memory, vector) == 1
    assert await store.sql(
        "select count(*), sum(pg_relation_size(reltoastrelid)) from pg_inherits join pg_class on oid = inhrelid"
        " where inhparent = 'memori_memory_vectors'::regclass"
    ) == [(16, 0)]


async def test_storing_and_deleting_at_once_leaves_no_orphan(store):
    memories = await store.remember(*(f"fact {i}" for i in range(20)))
    await asyncio.gather(
        *(store.embed(memory, [1.0, 0.0]) for memory in memories),
        *(store.call(DELETE, MemoryRef(memory_id=memory.memory_id)) for memory in memories),
    )
    for table in ("memories", "memory_vectors", "memory_terms"):
        assert await store.sql(f"select count(*) from memori_{table}") == [(0,)], table
