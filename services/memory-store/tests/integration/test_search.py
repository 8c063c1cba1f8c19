import math
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import numpy as np
import pytest

from contracts.identity import Identity
from contracts.memory_store import (
    CREATE,
    CREATE_CONVERSATION,
    GET,
    RECALL,
    SEARCH,
    UPDATE,
    CreateConversation,
    CreateMemories,
    GetMemory,
    NewMemory,
    Recall,
    Search,
    UpdateMemory,
)
from contracts.methods import ProblemError
from memory_store.domain.analyzer import terms
from memory_store.domain.bm25 import K1, B
from memory_store.domain.ranking import WEIGHTS

ADA = Identity("acme", "ada")
BOB = Identity("acme", "bob")


def contents(reply):
    return [hit.content for hit in reply.results]


async def search(store, query, identity=ADA, **fields):
    return await store.call(SEARCH, Search(query=query, **fields), identity)


async def test_without_embeddings_memories_are_found_by_their_words(store):
    await store.remember("Revenue is counted net of tax", "Customers live in regions", "東京の売上は毎月見る")
    reply = await search(store, "net revenues")
    assert reply.degraded
    (hit,) = reply.results
    assert hit.content == "Revenue is counted net of tax"
    assert hit.matched_by == ("text",)
    assert hit.similarity_score is None
    assert (reply.total, reply.query) == (1, "net revenues")
    assert contents(await search(store, "売上")) == ["東京の売上は毎月見る"]


async def test_a_memory_is_found_by_meaning(store, embedder):
    close, far = await store.remember("Turnover excludes tax", "Likes pizza")
    await store.embed(close, [0.9, 0.1, 0.0])
    await store.embed(far, [0.0, 0.1, 0.9])
    embedder.vectors["net revenue"] = [1.0, 0.0, 0.0]
    reply = await search(store, "net revenue")
    assert not reply.degraded
    (hit,) = reply.results
    assert hit.content == "Turnover excludes tax"
    assert hit.matched_by == ("vector",)
    assert hit.similarity_score == pytest.approx(0.9 / math.hypot(0.9, 0.1), abs=1e-3)
    assert hit.embedded


async def test_what_matches_by_both_comes_first(store, embedder):
    both, words, meaning = await store.remember("net revenue per region", "net revenue", "turnover")
    await store.embed(both, [0.9, 0.1])
    await store.embed(words, [0.0, 1.0])
    await store.embed(meaning, [0.9, 0.2])
    embedder.vectors["net revenue region"] = [1.0, 0.0]
    hits = (await search(store, "net revenue region")).results
    assert hits[0].memory_id == both.memory_id
    assert {hit.memory_id: hit.matched_by for hit in hits} == {
        both.memory_id: ("vector", "text"),
        words.memory_id: ("text",),
        meaning.memory_id: ("vector",),
    }
    assert next(hit for hit in hits if hit.memory_id == words.memory_id).similarity_score == pytest.approx(0, abs=1e-3)


async def test_a_stated_threshold_drops_what_only_words_match(store, embedder):
    (words, unknown) = await store.remember("net revenue", "net revenue, not embedded yet")
    await store.embed(words, [0.0, 1.0])
    embedder.vectors["net revenue"] = [1.0, 0.0]
    assert len((await search(store, "net revenue")).results) == 2
    (hit,) = (await search(store, "net revenue", min_similarity=0.5)).results
    assert hit.memory_id == unknown.memory_id
    assert hit.similarity_score is None


async def test_the_threshold_is_the_models_unless_stated(store, embedder, embedding):
    (memory,) = await store.remember("turnover")
    await store.embed(memory, [0.5, math.sqrt(0.75)])
    embedder.vectors["net revenue"] = [1.0, 0.0]
    embedder.min_similarity = 0.6
    assert (await search(store, "net revenue")).total == 0
    assert (await search(store, "net revenue", min_similarity=0.4)).total == 1
    # A caller that brings the vector brings its model's threshold along.
    given = embedding([1.0, 0.0], min_similarity=0.6)
    asked = len(embedder.asked)
    assert (await search(store, "anything", embedding=given)).total == 0
    assert (await search(store, "anything", embedding=given, min_similarity=0.4)).total == 1
    assert len(embedder.asked) == asked


async def test_the_callers_vector_is_used_as_it_is(store, embedding):
    (memory,) = await store.remember("turnover")
    await store.embed(memory, [1.0, 0.0])
    reply = await search(store, "zzz", embedding=embedding([2.0, 0.0]), min_similarity=0.9)
    assert not reply.degraded
    assert reply.results[0].similarity_score == pytest.approx(1, abs=1e-3)
    for other in ("another-model", "test-model"):
        vector = [1.0, 0.0, 0.0] if other == "test-model" else [1.0, 0.0]
        nothing = await search(store, "zzz", embedding=embedding(vector, model=other), min_similarity=0.1)
        assert nothing.total == 0


@pytest.mark.parametrize("vector", [[0.0, 0.0], [math.nan, 0.0], [math.inf, 0.0], [1.0]], ids=str)
@pytest.mark.parametrize("place", ["the model's", "another model's"])
async def test_a_vector_that_cannot_be_compared_is_refused_by_name(store, embedding, vector, place):
    bad = embedding(vector, dimensions=2)
    given = bad if place == "the model's" else embedding([1.0, 0.0], others=(embedding([1.0, 0.0]), bad))
    for method, request in (
        (SEARCH, Search(query="x", embedding=given)),
        (RECALL, Recall(question="x", embedding=given)),
    ):
        with pytest.raises(ProblemError) as refused:
            await store.call(method, request)
        assert refused.value.problem.type == "invalid"
        assert refused.value.problem.errors[0].field == "embedding"


async def test_filters_narrow_what_is_found(store):
    conversation_id = uuid4()
    await store.call(CREATE_CONVERSATION, CreateConversation(conversation_id=conversation_id))
    await store.remember("revenue rule", memory_type="rule", context_tags=("finance", "sql"))
    await store.remember("revenue fact", context_tags=("sales",))
    await store.remember("revenue talk", memory_type="short_term", conversation_id=conversation_id)
    assert contents(await search(store, "revenue", memory_types=("rule",))) == ["revenue rule"]
    assert set(contents(await search(store, "revenue", memory_types=("rule", "long_term")))) == {
        "revenue rule",
        "revenue fact",
    }
    assert contents(await search(store, "revenue", conversation_id=conversation_id)) == ["revenue talk"]
    assert set(contents(await search(store, "revenue", tags=("sales", "finance")))) == {"revenue rule", "revenue fact"}
    assert (await search(store, "revenue", tags=("none",))).total == 0
    assert len(contents(await search(store, "revenue", limit=2))) == 2


async def test_expired_and_archived_memories_leave_search(store):
    soon = datetime.now(UTC) + timedelta(hours=1)
    kept, expiring, archived = await store.remember("revenue a", "revenue b", "revenue c", expires_at=soon)
    assert (await search(store, "revenue")).total == 3
    await store.sql(
        "update memori_memories set expires_at = now() - interval '1 s' where memory_id = :id", id=expiring.memory_id
    )
    await store.sql(
        "update memori_memories set is_archived = true, archived_reason = 'unimportant' where memory_id = :id",
        id=archived.memory_id,
    )
    assert contents(await search(store, "revenue")) == [kept.content]
    assert (await search(store, "revenue", include_archived=True)).total == 3
    assert (await store.call(GET, GetMemory(memory_id=expiring.memory_id))).memory.content == "revenue b"


async def test_changed_content_is_found_by_its_own_words_and_meaning_only(store, embedder):
    (memory,) = await store.remember("likes pizza")
    await store.embed(memory, [1.0, 0.0])
    embedder.vectors |= {"pizza": [1.0, 0.0], "sushi": [0.0, 1.0]}
    assert (await search(store, "pizza")).total == 1
    changed = await store.call(UPDATE, UpdateMemory(memory_id=memory.memory_id, content="likes sushi"))
    assert (await search(store, "pizza")).total == 0
    (hit,) = (await search(store, "sushi")).results
    assert hit.matched_by == ("text",)
    assert hit.similarity_score is None
    assert await store.embed(changed, [0.0, 1.0]) == 1
    (hit,) = (await search(store, "sushi")).results
    assert hit.matched_by == ("vector", "text")
    assert await store.sql("select content_version from memori_memory_vectors") == [(2,)]


async def test_search_is_exact_inside_one_users_memories(store, packed, embedding):
    generator = np.random.default_rng(7)
    for identity in (ADA, BOB):
        new = tuple(NewMemory(memory_id=uuid4(), content=f"turn {i}") for i in range(300))
        stored = (await store.call(CREATE, CreateMemories(memories=new), identity)).memories
        vectors = generator.normal(size=(300, 24))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        await store_all(store, packed, stored, vectors, identity)
        if identity == ADA:
            ours, ids = vectors, [memory.memory_id for memory in stored]
    for _ in range(10):
        query = generator.normal(size=24)
        query /= np.linalg.norm(query)
        cosines = ours @ query
        best = [ids[i] for i in np.argsort(-cosines)[:10]]
        reply = await search(store, "zzz", embedding=embedding(query), min_similarity=-1.0, limit=10)
        assert len({hit.memory_id for hit in reply.results} & set(best)) >= 9
        found = [hit.similarity_score for hit in reply.results]
        assert found == pytest.approx(sorted(cosines, reverse=True)[:10], abs=2e-3)


async def store_all(store, packed, memories, vectors, identity):
    from contracts.memory_store import STORE_VECTORS, MemoryVector, StoreVectors

    items = tuple(
        MemoryVector(
            tenant_id=identity.tenant_id,
            user_id=identity.user_id,
            memory_id=memory.memory_id,
            content_version=1,
            embeddings=(packed(vector),),
        )
        for memory, vector in zip(memories, vectors, strict=True)
    )
    request = StoreVectors(model="test-model", dimensions=vectors.shape[1], vectors=items)
    assert (await store.call(STORE_VECTORS, request)).stored == len(items)


async def test_words_are_ranked_by_bm25_over_this_users_memories(store):
    generator = np.random.default_rng(3)
    words = ["order", "revenue", "customer", "region", "discount", "invoice", "margin"]
    texts = [" ".join(generator.choice(words, size=generator.integers(2, 15))) for _ in range(60)]
    await store.remember(*texts, importance_score=0.5)
    await store.remember(*texts[:20], identity=BOB)
    query = "margin invoices of customers"
    hits = (await search(store, query, limit=100)).results

    documents = [terms(text) for text in texts]
    mean_length = sum(map(len, documents)) / len(documents)
    expected = {}
    for text, document in zip(texts, documents, strict=True):
        counts = Counter(document)
        expected[text] = 0.0
        for term in terms(query):
            having = sum(term in other for other in documents)
            idf = math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))
            norm = counts[term] + K1 * (1 - B + B * len(document) / mean_length)
            expected[text] += idf * counts[term] * (K1 + 1) / norm
    matching = {text: score for text, score in expected.items() if score > 0}
    assert sorted(contents(SearchReplyOf(hits))) == sorted(text for text in texts if text in matching)
    # All else is equal but the age, by less than a second: the difference of two scores is that of their BM25.
    best = max(matching.values())
    for one, two in pairwise(hits):
        difference = WEIGHTS.text / WEIGHTS.total * (matching[one.content] - matching[two.content]) / best
        assert one.score - two.score == pytest.approx(difference, abs=1e-5)


class SearchReplyOf:
    def __init__(self, results):
        self.results = results


async def test_each_hit_counts_as_an_access(store, eventually):
    hit, missed = await store.remember("net revenue", "pizza", importance_score=0.5)
    for _ in range(3):
        await search(store, "revenue")
    await store.call(RECALL, Recall(question="revenue"))

    async def counted():
        found = (await store.call(GET, GetMemory(memory_id=hit.memory_id))).memory
        assert found.access_count == 4
        assert found.importance_score == pytest.approx(0.54)
        assert found.last_accessed_at > hit.created_at

    await eventually(counted)
    other = (await store.call(GET, GetMemory(memory_id=missed.memory_id))).memory
    assert (other.access_count, other.last_accessed_at) == (0, None)
    assert (await search(store, "revenue")).results[0].access_count == 4


async def test_importance_stops_at_one_and_starts_afresh_when_stated(store, eventually):
    (memory,) = await store.remember("net revenue", importance_score=0.995)
    for _ in range(3):
        await search(store, "revenue")

    async def importance(expected, accesses):
        found = (await store.call(GET, GetMemory(memory_id=memory.memory_id))).memory
        assert (found.importance_score, found.access_count) == (expected, accesses)

    await eventually(lambda: importance(1.0, 3))
    await store.call(UPDATE, UpdateMemory(memory_id=memory.memory_id, importance_score=0.2))
    await importance(0.2, 3)


async def test_hits_of_a_memory_deleted_meanwhile_do_not_stop_the_counting(store, eventually):
    from contracts.memory_store import DELETE, MemoryRef

    gone, kept = await store.remember("revenue one", "revenue two")
    await search(store, "revenue")
    await store.call(DELETE, MemoryRef(memory_id=gone.memory_id))

    async def counted():
        counted = await store.sql("select memory_no, access_count from memori_memory_usage")
        assert counted == [(await store.number_of(kept), 1)]

    await eventually(counted)


async def test_accesses_are_written_when_the_service_stops(stack, settings, store):
    from memory_store.accesses import AccessCounter
    from persistence import Database

    (memory,) = await store.remember("revenue")
    worker = Database(settings.database_worker_url.get_secret_value(), application="test")
    number = await store.number_of(memory)
    told = []

    async def counted(keys):
        told.extend(keys)

    counter = AccessCounter(worker, counted)
    conversation = uuid4()
    for asked_in in (None, conversation, conversation):
        counter.count(ADA, number, asked_in)
    await counter.flush()
    await worker.close()
    rows = await store.sql("select access_count, conversations from memori_memory_usage")
    assert rows == [(3, [conversation])]
    assert told == [("acme", "ada", number)]


async def test_only_the_first_search_waits_for_a_dead_worker(store, silent_embedder, stack, eventually):
    silent_embedder.silent = True
    silent_embedder.vectors["revenue"] = [1.0, 0.0]
    (memory,) = await store.remember("revenue")
    await store.embed(memory, [1.0, 0.0])
    async with silent_embedder.answering(stack):
        started = time.monotonic()
        assert (await search(store, "revenue")).degraded
        first = time.monotonic() - started
        started = time.monotonic()
        assert (await search(store, "revenue")).degraded
        second = time.monotonic() - started
        assert first > 0.5
        assert second < 0.25
        assert len(silent_embedder.asked) == 1

        silent_embedder.silent = False

        async def recovered():
            reply = await search(store, "revenue")
            assert not reply.degraded
            assert reply.results[0].matched_by == ("vector", "text")

        await eventually(recovered)


async def test_recall_brings_excerpts_of_what_is_similar_enough(store, embedder):
    long, unlike, fresh = await store.remember(
        "Revenue " + "is counted net of tax " * 30, "revenue of pizza", "revenue not embedded yet"
    )
    await store.embed(long, [0.9, 0.1])
    await store.embed(unlike, [0.0, 1.0])
    embedder.vectors["how do we count revenue?"] = [1.0, 0.0]
    reply = await store.call(RECALL, Recall(question="how do we count revenue?"))
    assert not reply.degraded
    assert {memory.memory_id for memory in reply.memories} == {long.memory_id, fresh.memory_id}
    first = next(memory for memory in reply.memories if memory.memory_id == long.memory_id)
    assert len(first.content) <= 200
    assert first.content.startswith("Revenue is counted net")
    assert first.similarity_score > 0.9
    limited = await store.call(RECALL, Recall(question="how do we count revenue?", limit=1))
    assert limited.memories[0].memory_id == long.memory_id


async def test_recall_says_when_what_it_brings_was_written(store):
    kept, changed = await store.remember("revenue is net of tax", "revenue is gross")
    changed = await store.call(UPDATE, UpdateMemory(memory_id=changed.memory_id, content="revenue counts paid orders"))
    await store.call(UPDATE, UpdateMemory(memory_id=kept.memory_id, importance_score=0.9))
    reply = await store.call(RECALL, Recall(question="revenue"))
    written = {memory.memory_id: memory.written_at for memory in reply.memories}
    assert written == {kept.memory_id: kept.created_at, changed.memory_id: changed.updated_at}


async def test_long_hits_are_answered_as_far_as_they_fit(store):
    for _ in range(3):
        await store.remember(*("revenue " + "😀" * 9_000 for _ in range(10)))
    reply = await search(store, "revenue", limit=100)
    assert 10 <= reply.total < 30
    assert reply.total == len(reply.results)


async def test_a_query_that_is_only_stop_words_finds_what_is_only_stop_words(store):
    await store.remember("to be or not to be", "what is it")
    assert contents(await search(store, "what is it")) == ["what is it"]
