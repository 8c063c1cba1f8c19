import asyncio
from uuid import uuid4

import nats
import pytest

from contracts.events import DataSourceDeleted, event
from contracts.identity import Identity
from contracts.memory_store import (
    CREATE_CONVERSATION,
    DELETE_CONVERSATION,
    GET_CONVERSATION,
    LIST_CONVERSATIONS,
    SEARCH,
    ConversationRef,
    CreateConversation,
    ListConversations,
    Search,
)
from contracts.methods import MAX_MESSAGE_BYTES, ProblemError

ADA = Identity("acme", "ada")
BOB = Identity("acme", "bob")


async def open_conversation(store, identity=ADA, **fields):
    request = CreateConversation(conversation_id=uuid4(), **fields)
    return await store.call(CREATE_CONVERSATION, request, identity)


async def test_a_conversation_is_opened_once(store, observer, eventually):
    opened = await open_conversation(store, title="Revenue", metadata={"a": [1]})
    again = CreateConversation(conversation_id=opened.conversation_id, title="Another title")
    assert await store.call(CREATE_CONVERSATION, again) == opened
    assert await store.call(GET_CONVERSATION, ConversationRef(conversation_id=opened.conversation_id)) == opened
    await open_conversation(store)
    await eventually(lambda: len(observer.of_type("conversation.created")) == 2)


async def test_pages_follow_one_another_without_gaps_or_repeats(store):
    opened = [await open_conversation(store, title=str(i)) for i in range(7)]
    # Ties of time are ordered by id.
    await store.sql(
        "update memori_conversations set last_activity_at = '2026-01-01 12:00:00.123456+00' where title < '4'"
    )
    seen, cursor = [], None
    while True:
        page = await store.call(LIST_CONVERSATIONS, ListConversations(limit=2, cursor=cursor))
        seen += page.conversations
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(seen) == 7
    assert {item.conversation_id for item in seen} == {item.conversation_id for item in opened}
    assert [item.last_activity_at for item in seen] == sorted((i.last_activity_at for i in seen), reverse=True)


async def test_a_page_ends_where_the_message_is_full(store):
    for i in range(3):
        await open_conversation(store, title=str(i), metadata={"big": "x" * 200_000})
    first = await store.call(LIST_CONVERSATIONS, ListConversations())
    assert len(first.conversations) == 2
    rest = await store.call(LIST_CONVERSATIONS, ListConversations(cursor=first.next_cursor))
    assert len(rest.conversations) == 1
    assert rest.next_cursor is None


async def test_a_conversation_that_fits_no_list_is_refused_and_not_kept(store):
    with pytest.raises(ProblemError) as refused:
        await open_conversation(store, metadata={"large": "x" * (MAX_MESSAGE_BYTES - 2_000)})
    assert refused.value.problem.type == "too-large"
    assert (await store.call(LIST_CONVERSATIONS, ListConversations())).conversations == ()


@pytest.mark.parametrize("cursor", ["garbage", "", "A" * 31, "ÄÖÜ", "f" * 32])
async def test_a_cursor_we_did_not_make_is_refused_by_name(store, cursor):
    with pytest.raises(ProblemError) as refused:
        await store.call(LIST_CONVERSATIONS, ListConversations(cursor=cursor))
    assert refused.value.problem.type == "invalid"
    assert refused.value.problem.errors[0].field == "cursor"


async def test_a_deleted_conversation_takes_its_memories_along_and_says_so(store, observer, eventually):
    conversation = await open_conversation(store)
    inside = await store.remember("one", "two", conversation_id=conversation.conversation_id)
    (outside,) = await store.remember("three")
    await store.embed(inside[0], [1.0, 0.0])
    await store.call(DELETE_CONVERSATION, ConversationRef(conversation_id=conversation.conversation_id))
    assert await store.sql("select memory_id from memori_memories") == [(outside.memory_id,)]
    assert await store.sql("select term from memori_memory_terms") == [("three",)]
    assert await store.sql("select count(*) from memori_memory_vectors") == [(0,)]

    def announced():
        deleted = {data.memory_id for data in observer.of_type("memory.deleted")}
        assert deleted == {memory.memory_id for memory in inside}
        assert len(observer.of_type("conversation.deleted")) == 1

    await eventually(announced)
    with pytest.raises(ProblemError, match="no such conversation"):
        await store.call(DELETE_CONVERSATION, ConversationRef(conversation_id=conversation.conversation_id))


async def test_a_deleted_data_source_is_forgotten_by_its_owners_conversations_only(store, eventually):
    source, other = uuid4(), uuid4()
    about = await open_conversation(store, data_source_id=source)
    elsewhere = await open_conversation(store, data_source_id=other)
    of_bob = await open_conversation(store, BOB, data_source_id=source)
    deleted = event(DataSourceDeleted(data_source_id=source), tenant_id=ADA.tenant_id, user_id=ADA.user_id)
    client = await nats.connect(store.stack.nats_url)
    for _ in range(2):
        await client.jetstream().publish("data_source.deleted", deleted.model_dump_json().encode())
    await client.close()

    async def forgotten():
        found = await store.call(GET_CONVERSATION, ConversationRef(conversation_id=about.conversation_id))
        assert found.data_source_id is None

    await eventually(forgotten)
    kept = await store.call(GET_CONVERSATION, ConversationRef(conversation_id=elsewhere.conversation_id))
    assert kept.data_source_id == other
    bobs = await store.call(GET_CONVERSATION, ConversationRef(conversation_id=of_bob.conversation_id), BOB)
    assert bobs.data_source_id == source


async def test_deleting_gets_along_with_embedding_and_counting(store):
    for _ in range(3):
        conversation = await open_conversation(store)
        memories = await store.remember(
            *(f"revenue {i}" for i in range(40)), conversation_id=conversation.conversation_id
        )
        reference = ConversationRef(conversation_id=conversation.conversation_id)
        await asyncio.gather(
            *(store.embed(memory, [1.0, 0.0]) for memory in memories[::2]),
            *(store.call(SEARCH, Search(query="revenue", limit=100)) for _ in range(3)),
            store.call(DELETE_CONVERSATION, reference),
        )
    for table in ("memories", "memory_vectors", "memory_terms", "memory_usage"):
        assert await store.sql(f"select count(*) from memori_{table}") == [(0,)], table
