import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from contracts.identity import Identity
from contracts.memory_store import (
    ANNOTATE,
    CREATE,
    CREATE_CONVERSATION,
    DELETE,
    GET,
    SEARCH,
    UPDATE,
    AnnotateMemory,
    CreateConversation,
    CreateMemories,
    GetMemory,
    MemoryRef,
    NewMemory,
    Search,
    UpdateMemory,
)
from contracts.methods import ProblemError

ADA = Identity("acme", "ada")


async def test_a_stored_memory_is_answered_and_read_back(store):
    (memory,) = await store.remember(
        "Prefers aliases for all tables",
        memory_type="rule",
        context_tags=("sql", "style"),
        related_entities=("orders",),
        metadata={"nested": {"list": [1, 2.5, None, "x"]}},
    )
    read = (await store.call(GET, GetMemory(memory_id=memory.memory_id))).memory
    assert read == memory
    # A rule of two explicit words, that names an entity and is new.
    assert (read.importance_score, read.access_count, read.content_version) == (0.92, 0, 1)
    assert (read.revision, read.mine, read.visibility, read.sensitive) == (1, True, "private", False)
    assert not read.embedded
    assert read.expires_at is None


async def test_every_committed_memory_is_announced_once_and_no_rolled_back_one(store, observer, eventually):
    unknown = CreateMemories(
        memories=(
            NewMemory(memory_id=uuid4(), content="goes with the second"),
            NewMemory(memory_id=uuid4(), content="of no conversation", conversation_id=uuid4()),
        )
    )
    with pytest.raises(ProblemError) as refused:
        await store.call(CREATE, unknown)
    assert refused.value.problem.type == "not-found"
    assert [error.field for error in refused.value.problem.errors] == ["memories.1.conversation_id"]

    stored = await store.remember("first", "second", "third")

    def announced():
        created = observer.of_type("memory.created")
        assert [data.memory_id for data in created] == [memory.memory_id for memory in stored]
        return created

    (first, *_) = await eventually(announced)
    assert first.content_version == 1
    assert len(first.content_hash) == 64
    assert await store.sql("select count(*) from memori_outbox") == [(0,)]
    assert await store.sql("select count(*) from memori_memories") == [(3,)]


async def test_creating_the_same_id_at_once_stores_one_memory(store, observer, eventually):
    memory_id = uuid4()

    async def create(content):
        request = CreateMemories(memories=(NewMemory(memory_id=memory_id, content=content),))
        return (await store.call(CREATE, request)).memories[0]

    answers = await asyncio.gather(*(create(f"version {number}") for number in range(10)))
    assert len({answer.content for answer in answers}) == 1
    assert await store.sql("select count(*) from memori_memories") == [(1,)]
    assert await store.sql("select count(distinct length), count(*) from memori_memory_terms") == [(1, 2)]
    (again,) = (
        await store.call(CREATE, CreateMemories(memories=(NewMemory(memory_id=memory_id, content="too late"),)))
    ).memories
    assert again == answers[0]
    await store.remember("the last")
    await eventually(lambda: len(observer.of_type("memory.created")) == 2)


async def test_a_batch_is_answered_in_its_order_repeated_ids_included(store):
    ids = [uuid4() for _ in range(799)]
    new = [NewMemory(memory_id=memory_id, content=f"fact number {i}") for i, memory_id in enumerate(ids)]
    repeated = NewMemory(memory_id=ids[0], content="the same id again")
    answer = (await store.call(CREATE, CreateMemories(memories=(*new, repeated)))).memories
    assert [memory.memory_id for memory in answer] == [*ids, ids[0]]
    assert answer[-1].content == "fact number 0"
    assert await store.sql("select count(*), count(distinct content_hash) from memori_memories") == [(799, 799)]


async def test_a_batch_whose_answer_would_not_fit_is_not_stored(store):
    new = tuple(NewMemory(memory_id=uuid4(), content="x" * 400) for _ in range(1_000))
    with pytest.raises(ProblemError) as refused:
        await store.call(CREATE, CreateMemories(memories=new))
    assert refused.value.problem.type == "too-large"
    assert await store.sql("select count(*) from memori_memories") == [(0,)]


async def test_an_expiry_in_the_past_is_refused_by_name(store):
    past = datetime.now(UTC) - timedelta(seconds=1)
    new = (
        NewMemory(memory_id=uuid4(), content="fine"),
        NewMemory(memory_id=uuid4(), content="late", expires_at=past),
    )
    with pytest.raises(ProblemError) as refused:
        await store.call(CREATE, CreateMemories(memories=new))
    assert refused.value.problem.type == "invalid"
    assert refused.value.problem.errors[0].field == "memories.1.expires_at"


async def test_short_term_memories_expire_after_a_week(store):
    (memory,) = await store.remember("asked about revenue", memory_type="short_term")
    assert memory.expires_at - memory.created_at == timedelta(days=7)


@pytest.mark.parametrize(
    "content",
    [
        'a < b && c > \'d\' -- {"not": "cleaned"}',
        "売上は東京の支店別に見る",
        "Größe ist wichtig: Straße, Œuvre",
        "אני מעדיף דוחות חודשיים العربية",
        "🍕👩‍👩‍👧‍👦🏳️‍🌈",
        "e\u0301 is not é, \r\n\t\u2028 stays",
        "😀" * 10_000,
    ],
    ids=["markup", "japanese", "german", "right-to-left", "emoji", "unnormalised", "longest"],
)
async def test_a_content_comes_back_byte_for_byte(store, content):
    (memory,) = await store.remember(content)
    read = (await store.call(GET, GetMemory(memory_id=memory.memory_id))).memory
    assert read.content.encode() == content.encode()


async def test_new_content_is_a_new_version(store, observer, eventually):
    (memory,) = await store.remember("prefers tables", metadata={"a": 1, "b": 1})
    await store.embed(memory, [1.0, 0.0])
    assert (await store.call(GET, GetMemory(memory_id=memory.memory_id))).memory.embedded

    changed = await store.call(
        UPDATE, UpdateMemory(memory_id=memory.memory_id, content="prefers charts", metadata={"b": 2, "c": 3})
    )
    assert (changed.content, changed.content_version) == ("prefers charts", 2)
    assert changed.metadata == {"a": 1, "b": 2, "c": 3}
    assert not changed.embedded
    assert changed.updated_at > changed.created_at
    rows = await store.sql("select term from memori_memory_terms order by term")
    assert rows == [("chart",), ("prefer",)]
    await eventually(lambda: len(observer.of_type("memory.updated")) == 1)
    (data,) = observer.of_type("memory.updated")
    assert data.content_version == 2


async def test_what_does_not_change_is_not_announced(store, observer, eventually):
    (memory,) = await store.remember("prefers tables", context_tags=("a",), metadata={"a": 1})
    same = UpdateMemory(memory_id=memory.memory_id, content="prefers tables", context_tags=("a",), metadata={"a": 1})
    assert await store.call(UPDATE, same) == memory
    tagged = await store.call(UPDATE, UpdateMemory(memory_id=memory.memory_id, context_tags=("b",)))
    assert (tagged.context_tags, tagged.content_version) == (("b",), 1)
    await eventually(lambda: len(observer.of_type("memory.updated")) == 1)


async def test_concurrent_changes_are_all_kept(store):
    (memory,) = await store.remember("version 1")
    await asyncio.gather(
        *(
            store.call(
                UPDATE,
                UpdateMemory(memory_id=memory.memory_id, content=f"content {i}", metadata={str(i): i}),
            )
            for i in range(10)
        )
    )
    read = (await store.call(GET, GetMemory(memory_id=memory.memory_id))).memory
    assert read.content_version == 11
    assert read.metadata == {str(i): i for i in range(10)}
    assert await store.sql("select count(*) from memori_memory_terms") == [(2,)]


async def test_deleting_leaves_nothing_behind(store, observer, eventually):
    (memory, other) = await store.remember("to be forgotten", "to be kept")
    await store.embed(memory, [1.0, 0.0])
    number = await store.number_of(memory)
    await store.call(SEARCH, Search(query="forgotten"))

    async def counted():
        assert await store.sql("select memory_no from memori_memory_usage") == [(number,)]

    await eventually(counted)
    await store.call(DELETE, MemoryRef(memory_id=memory.memory_id))
    for table in ("memories", "memory_vectors", "memory_usage", "memory_terms"):
        rows = await store.sql(f"select count(*) from memori_{table} where memory_no = :no", no=number)
        assert rows == [(0,)], table
    with pytest.raises(ProblemError, match="no such memory"):
        await store.call(GET, GetMemory(memory_id=memory.memory_id))
    with pytest.raises(ProblemError, match="no such memory"):
        await store.call(DELETE, MemoryRef(memory_id=memory.memory_id))
    await store.call(GET, GetMemory(memory_id=other.memory_id))
    await eventually(lambda: [data.memory_id for data in observer.of_type("memory.deleted")] == [memory.memory_id])


async def test_the_embedding_is_read_when_asked_for(store):
    import numpy as np

    (memory,) = await store.remember("prefers tables")
    await store.embed(memory, [3.0, 4.0])
    plain = await store.call(GET, GetMemory(memory_id=memory.memory_id))
    assert plain.embedding is None
    detail = await store.call(GET, GetMemory(memory_id=memory.memory_id, include_embedding=True))
    assert detail.embedding_model == "test-model"
    assert np.frombuffer(detail.embedding, "<f4") == pytest.approx([0.6, 0.8], abs=1e-3)


async def test_the_database_holds_the_limits_too(store):
    from sqlalchemy.exc import IntegrityError

    (memory,) = await store.remember("prefers tables")
    for change in (
        "content = ''",
        "content = repeat('x', 10001)",
        "importance_score = 1.01",
        "importance_score = 'nan'",
        "memory_type = 'other'",
        "content_version = 0",
        "metadata = '[]'",
        "context_tags = array_fill('x'::text, array[51])",
    ):
        with pytest.raises(IntegrityError):
            await store.sql(f"update memori_memories set {change} where memory_id = :id", id=memory.memory_id)


async def test_a_memory_of_a_conversation_makes_it_the_most_recent(store):
    first, second = uuid4(), uuid4()
    for conversation_id in (first, second):
        await store.call(CREATE_CONVERSATION, CreateConversation(conversation_id=conversation_id))
    await store.sql("update memori_conversations set last_activity_at = last_activity_at - interval '1 hour'")
    await store.remember("of the first", conversation_id=first)
    rows = await store.sql("select conversation_id from memori_conversations order by last_activity_at desc")
    assert rows[0] == (first,)


async def test_a_memory_says_which_entities_it_names_without_becoming_another(store, observer, eventually):
    (memory,) = await store.remember("Orders of Paris", related_entities=("orders", "customers"))

    async def annotate(identity=ADA, memory_id=memory.memory_id, **changes):
        await store.call(ANNOTATE, AnnotateMemory(memory_id=memory_id, **changes), identity)

    await annotate(add=("orders.city", "orders"), remove=("customers", "suppliers"))
    await annotate(Identity("acme", "bob"), add=("mine",))
    await annotate(memory_id=uuid4(), add=("nothing",))
    now = await store.read(memory)
    assert now.related_entities == ("orders", "orders.city")
    assert now == memory.model_copy(update={"related_entities": now.related_entities})
    (sealed,) = await store.remember("Orders of Rome", related_entities=("orders",), sensitive=True)
    await annotate(memory_id=sealed.memory_id, add=("rome",))
    assert (await store.read(sealed)).related_entities == ("orders",)
    assert len(await store.versions(memory)) == 1
    await annotate(add=tuple(f"e{number}" for number in range(50)))
    assert len((await store.read(memory)).related_entities) == 50

    def announced():
        assert len(observer.of_type("memory.created")) == 2

    await eventually(announced)
    assert observer.of_type("memory.updated") == []
