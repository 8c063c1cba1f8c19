"""However many memories a user has, and whichever way they are looked through, the answers are alike."""

from uuid import uuid4

import numpy as np
import pytest

from contracts.identity import Identity, service_identity
from contracts.memory_store import (
    CREATE_CONVERSATION,
    STORE_VECTORS,
    CreateConversation,
    MemoryVector,
    StoreVectors,
)
from memory_store.use_cases import search

BOB = Identity("acme", "bob")
MODEL, DIMENSIONS = "all-MiniLM-L6-v2", 384
WORDS = ["order", "revenue", "customer", "region", "discount", "invoice", "margin", "refund", "quarter", "budget"]
LIMITS = {"looked at all": (10**9, 10**9), "candidates": (0, 10**9), "candidates by index": (0, 0)}
"""Memories up to which all are looked at, and up to which every vector is compared."""


@pytest.fixture(params=LIMITS)
def way(request, monkeypatch):
    """The way of searching, as if the user had very many memories or few."""
    return take(request.param, monkeypatch)


def take(name, monkeypatch):
    for constant, value in zip(("SCAN_UP_TO", "EXACT_UP_TO"), LIMITS[name], strict=True):
        monkeypatch.setattr(search, constant, value)
    return name


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"tenant_isolation_level": "relaxed"})


def directions(generator, count):
    vectors = generator.normal(size=(count, DIMENSIONS))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


async def embed_all(store, memories, vectors, identity=None):
    owner = identity or Identity("acme", "ada")
    for start in range(0, len(memories), 200):
        items = tuple(
            MemoryVector(
                tenant_id=owner.tenant_id,
                user_id=owner.user_id,
                memory_id=memory.memory_id,
                content_version=1,
                embeddings=(np.asarray(vector, "<f4").tobytes(),),
            )
            for memory, vector in zip(memories[start : start + 200], vectors[start:], strict=False)
        )
        request = StoreVectors(model=MODEL, dimensions=DIMENSIONS, vectors=items)
        await store.call(STORE_VECTORS, request, service_identity("embedding-worker"))


@pytest.mark.parametrize(
    ("question", "talks", "least"),
    # With every word common, and turns that lift the turns around them, many memories are about as good as the best.
    [("zzz", 0, 0.99), (None, 0, 0.9), (None, 8, 0.9)],
    ids=["by meaning", "by words that are common", "in long conversations"],
)
async def test_the_ways_of_searching_answer_alike(store, embedding, monkeypatch, question, talks, least):
    generator = np.random.default_rng(5)
    ids = [uuid4() for _ in range(talks)]
    for conversation_id in ids:
        await store.call(CREATE_CONVERSATION, CreateConversation(conversation_id=conversation_id))
    memories = []
    for conversation_id in [*ids, *[None] * (9 - talks)]:
        contents = [" ".join(generator.choice(WORDS, size=generator.integers(3, 12))) for _ in range(100)]
        memories += await store.remember(*contents, conversation_id=conversation_id)
    vectors = directions(generator, len(memories))
    await embed_all(store, memories, vectors)
    agreed = compared = 0
    for number in range(25):
        near = vectors[number * 7] + 0.3 * directions(generator, 1)[0]
        given = embedding(near / np.linalg.norm(near), model=MODEL, min_similarity=-1)
        query = question or " ".join(generator.choice(WORDS, size=3))
        answers = {}
        for name in LIMITS:
            take(name, monkeypatch)
            answers[name] = [hit.memory_id for hit in await store.found(query, embedding=given)]
            assert len(answers[name]) == 10
            assert memories[number * 7].memory_id in answers[name]
        everything = set(answers.pop("looked at all"))
        agreed += sum(len(everything & set(found)) for found in answers.values())
        compared += sum(len(everything) for _ in answers)
    assert agreed / compared >= least, (agreed, compared)


@pytest.mark.usefixtures("way")
async def test_the_one_that_is_wanted_is_found_among_many(store, embedding):
    generator = np.random.default_rng(6)
    many = await store.remember(*(f"revenue of region {number}" for number in range(300)))
    vectors = directions(generator, 302)
    await embed_all(store, many, vectors)
    (words, meaning) = await store.remember("zebrafish in the pond", "something else", context_tags=("rare",))
    await embed_all(store, [words, meaning], vectors[300:])
    assert [hit.memory_id for hit in await store.found("zebrafish")] == [words.memory_id]
    near = embedding(vectors[301], model=MODEL, min_similarity=0.5)
    (hit,) = await store.found("zzz", embedding=near)
    assert (hit.memory_id, hit.similarity_score) == (meaning.memory_id, pytest.approx(1, abs=1e-3))
    far = embedding(vectors[0], model=MODEL, min_similarity=-1)
    found = await store.found("revenue", embedding=far, tags=("rare",), limit=100)
    assert {hit.memory_id for hit in found} == {words.memory_id, meaning.memory_id}


@pytest.mark.usefixtures("way")
async def test_what_left_search_keeps_nothing_else_out(store, embedding):
    """Most of what a user ever said has expired: it must not crowd out what has not."""
    generator = np.random.default_rng(7)
    gone = await store.remember(*("revenue revenue" for _ in range(300)), memory_type="short_term")
    (kept,) = await store.remember("how revenue is counted here, at length: net of tax and of refunds")
    near = directions(generator, 1)[0]
    away = 0.9 * near + 0.3 * directions(generator, 1)[0]
    await embed_all(store, [*gone, kept], [*[near] * 300, away / np.linalg.norm(away)])
    await store.age(*gone, days=8)
    given = embedding(near, model=MODEL, min_similarity=0.5)
    for found in (
        await store.found("revenue"),
        await store.found("zzz", embedding=given),
        await store.found("revenue", embedding=given),
    ):
        assert [hit.memory_id for hit in found] == [kept.memory_id]


@pytest.mark.usefixtures("way")
async def test_a_word_that_was_looked_for_in_vain_is_found_once_it_is_there(store):
    await store.remember("net revenue")
    assert await store.found("zebrafish") == ()
    (memory,) = await store.remember("zebrafish in the pond")
    assert [hit.memory_id for hit in await store.found("zebrafish")] == [memory.memory_id]


@pytest.mark.usefixtures("way")
async def test_a_model_that_makes_other_vectors_now_is_searched_with_them(store, embedding):
    (memory,) = await store.remember("net revenue")
    await store.embed(memory, [1.0, 0.0])
    assert len(await store.found("zzz", embedding=embedding([1.0, 0.0]))) == 1
    await store.embed(memory, [1.0, 0.0, 0.0])
    assert len(await store.found("zzz", embedding=embedding([1.0, 0.0, 0.0]))) == 1


@pytest.mark.usefixtures("way")
async def test_what_members_share_is_found_beside_ones_own(store, embedding):
    generator = np.random.default_rng(8)
    vectors = directions(generator, 402)
    own = await store.remember(*(f"costs of region {number}" for number in range(400)), identity=BOB)
    await embed_all(store, own, vectors, BOB)
    shared, private = await store.remember("shared revenue", "private revenue")
    await embed_all(store, [shared, private], vectors[400:])
    await store.update(shared, visibility="tenant")
    assert [hit.memory_id for hit in await store.found("revenue", BOB)] == [shared.memory_id]
    for vector, expected in ((vectors[400], {shared.memory_id}), (vectors[401], set())):
        given = embedding(vector, model=MODEL, min_similarity=0.5)
        assert {hit.memory_id for hit in await store.found("zzz", BOB, embedding=given)} == expected


@pytest.mark.usefixtures("way")
async def test_pieces_of_long_memories_are_found_in_each_way(store, embedding):
    generator = np.random.default_rng(9)
    vectors = directions(generator, 303)
    many = await store.remember(*(f"costs of region {number}" for number in range(300)))
    await embed_all(store, many, vectors)
    (long,) = await store.remember("a long story")
    await store.embed(long, *(vector.tolist() for vector in vectors[300:]), model=MODEL)
    for vector in vectors[300:]:
        (hit,) = await store.found("zzz", embedding=embedding(vector, model=MODEL, min_similarity=0.5))
        assert (hit.memory_id, hit.similarity_score) == (long.memory_id, pytest.approx(1, abs=1e-3))
