"""Every change leaves a version behind: what was before, who changed it, and why."""

from uuid import uuid4

import pytest

from contracts.identity import Identity
from contracts.memory_store import (
    CREATE,
    CREATE_CONVERSATION,
    DELETE,
    DELETE_CONVERSATION,
    HISTORY,
    PROMOTE,
    RESTORE,
    ConversationRef,
    CreateConversation,
    CreateMemories,
    ListHistory,
    MemoryRef,
    NewMemory,
)

BOB = Identity("acme", "bob")


def told(versions):
    return [(version.revision, version.change, version.changed_by, version.reason) for version in versions]


async def test_a_new_memory_has_one_version(store):
    (memory,) = await store.remember("net revenue", context_tags=("a",), metadata={"k": [1]}, memory_type="rule")
    (version,) = await store.versions(memory)
    assert told([version]) == [(1, "created", "user", None)]
    assert version.changed_at == memory.created_at
    shown = version.model_dump(exclude={"change", "changed_by", "reason", "changed_at"})
    assert shown == memory.model_dump(include=set(shown))


async def test_each_change_keeps_what_was_before_it(store):
    (memory,) = await store.remember("likes pizza", context_tags=("food",), metadata={"a": 1}, importance_score=0.5)
    await store.update(memory, content="likes sushi")
    await store.update(memory, context_tags=("dinner",), metadata={"b": 2})
    now = await store.update(memory, importance_score=0.9, visibility="tenant")
    versions = await store.versions(memory)
    assert told(versions) == [
        (4, "updated", "user", None),
        (3, "updated", "user", None),
        (2, "updated", "user", None),
        (1, "created", "user", None),
    ]
    assert [version.content for version in versions] == ["likes sushi"] * 3 + ["likes pizza"]
    assert [version.content_version for version in versions] == [2, 2, 2, 1]
    assert [version.context_tags for version in versions] == [("dinner",)] * 2 + [("food",)] * 2
    assert [version.metadata for version in versions] == [{"a": 1, "b": 2}] * 2 + [{"a": 1}] * 2
    assert [version.importance_score for version in versions] == [0.9, 0.5, 0.5, 0.5]
    assert [version.visibility for version in versions] == ["tenant"] + ["private"] * 3
    times = [version.changed_at for version in versions]
    assert times == sorted(times, reverse=True)
    assert (times[0], times[-1]) == (now.updated_at, memory.created_at)
    assert now.revision == 4


async def test_what_changes_nothing_leaves_no_version(store):
    (memory,) = await store.remember("likes pizza", context_tags=("food",), metadata={"a": 1})
    await store.update(memory, content="likes pizza", context_tags=("food",), metadata={"a": 1}, visibility="private")
    await store.update(memory)
    assert len(await store.versions(memory)) == 1


async def test_what_happened_to_a_memory_is_told_in_order(store):
    (memory,) = await store.remember("net revenue", memory_type="short_term", importance_score=0.5)
    reference = MemoryRef(memory_id=memory.memory_id)
    await store.call(PROMOTE, reference)
    await store.call(RESTORE, reference)
    await store.update(memory, content="gross revenue")
    versions = await store.versions(memory)
    assert told(versions) == [
        (4, "updated", "user", None),
        (3, "restored", "user", "undoes promoted"),
        (2, "promoted", "user", None),
        (1, "created", "user", None),
    ]
    assert [version.memory_type for version in versions] == ["short_term", "short_term", "long_term", "short_term"]
    assert [version.importance_score for version in versions] == [0.5, 0.5, 0.6, 0.5]
    assert [version.expires_at is None for version in versions] == [False, False, True, False]


async def test_of_a_deleted_memory_stays_that_there_was_one(store, refused):
    (memory,) = await store.remember(
        "secret plans", metadata={"who": "secret"}, context_tags=("secret",), related_entities=("secret",)
    )
    await store.update(memory, content="secret plans, changed", importance_score=0.9)
    await store.call(DELETE, MemoryRef(memory_id=memory.memory_id))
    versions = await store.versions(memory)
    assert told(versions) == [
        (3, "deleted", "user", None),
        (2, "updated", "user", None),
        (1, "created", "user", None),
    ]
    assert {version.content for version in versions} == {None}
    assert {version.context_tags for version in versions} == {()}
    assert [version.metadata for version in versions] == [{}] * 3
    assert await store.sql("select count(*) from memori_memory_history h where h::text like '%secret%'") == [(0,)]
    with refused("not-found", "memory_id"):
        await store.read(memory)


async def test_a_conversation_that_is_deleted_says_so_in_the_history_of_its_memories(store):
    conversation_id = uuid4()
    await store.call(CREATE_CONVERSATION, CreateConversation(conversation_id=conversation_id))
    inside = await store.remember("one", "two", "three", conversation_id=conversation_id)
    (outside,) = await store.remember("four")
    await store.update(inside[0], content="changed")
    await store.call(DELETE_CONVERSATION, ConversationRef(conversation_id=conversation_id))
    for memory in inside:
        versions = await store.versions(memory)
        assert told(versions)[0][1:] == ("deleted", "user", "its conversation was deleted")
        assert {version.content for version in versions} == {None}
    assert len(await store.versions(outside)) == 1


async def test_an_empty_conversation_is_deleted_too(store, observer, eventually):
    conversation_id = uuid4()
    await store.call(CREATE_CONVERSATION, CreateConversation(conversation_id=conversation_id))
    await store.call(DELETE_CONVERSATION, ConversationRef(conversation_id=conversation_id))
    await eventually(lambda: len(observer.of_type("conversation.deleted")) == 1)


async def test_a_new_memory_under_the_id_of_a_deleted_one_begins_afresh(store):
    (old,) = await store.remember("old content", importance_score=0.9)
    await store.update(old, content="old content, changed")
    await store.call(DELETE, MemoryRef(memory_id=old.memory_id))
    request = CreateMemories(memories=(NewMemory(memory_id=old.memory_id, content="new content"),))
    (new,) = (await store.call(CREATE, request)).memories
    assert (new.content, new.revision, new.content_version) == ("new content", 1, 1)
    await store.update(new, content="new content, changed")
    versions = await store.versions(new)
    assert told(versions) == [
        (2, "updated", "user", None),
        (1, "created", "user", None),
        (3, "deleted", "user", None),
        (2, "updated", "user", None),
        (1, "created", "user", None),
    ]
    assert [version.content for version in versions] == ["new content, changed", "new content", None, None, None]
    # Deleting the new one buries its own versions, and finds those of the old one buried.
    await store.call(DELETE, MemoryRef(memory_id=new.memory_id))
    versions = await store.versions(new)
    assert [version.change for version in versions] == ["deleted", "updated", "created"] * 2
    assert {version.content for version in versions} == {None}


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_pages_of_a_history_follow_one_another(store, limit):
    (memory,) = await store.remember("version 1")
    for number in range(2, 8):
        await store.update(memory, content=f"version {number}")
    seen, cursor = [], None
    while True:
        request = ListHistory(memory_id=memory.memory_id, limit=limit, cursor=cursor)
        page = await store.call(HISTORY, request)
        assert page.memory_id == memory.memory_id
        assert len(page.versions) <= limit
        seen += page.versions
        cursor = page.next_cursor
        if cursor is None:
            break
        # What changes meanwhile is newer than any page to come.
        await store.update(memory, metadata={str(len(seen)): 1})
    assert [version.revision for version in seen] == [7, 6, 5, 4, 3, 2, 1]
    assert [version.content for version in seen] == [f"version {number}" for number in range(7, 0, -1)]


async def test_a_page_of_long_versions_ends_where_the_message_is_full(store):
    (memory,) = await store.remember("0" + "😀" * 9_999)
    for number in range(1, 30):
        await store.update(memory, content=f"{number % 10}" + "😀" * 9_999)
    seen, cursor, pages = [], None, 0
    while True:
        page = await store.call(HISTORY, ListHistory(memory_id=memory.memory_id, limit=100, cursor=cursor))
        seen += page.versions
        pages += 1
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [version.revision for version in seen] == list(range(30, 0, -1))
    assert pages > 1


@pytest.mark.parametrize("cursor", ["garbage", "", "ÄÖÜ", "W10=", "WzEsICJ4Il0="])
async def test_a_cursor_we_did_not_make_is_refused_by_name(store, refused, cursor):
    (memory,) = await store.remember("x y")
    with refused("invalid", "cursor"):
        await store.call(HISTORY, ListHistory(memory_id=memory.memory_id, cursor=cursor))


async def test_there_is_no_history_of_what_never_was_or_is_somebody_elses(store, refused):
    (memory,) = await store.remember("hers", visibility="tenant")
    for memory_id, identity in ((uuid4(), None), (memory.memory_id, BOB)):
        with refused("not-found", "memory_id"):
            await store.call(HISTORY, ListHistory(memory_id=memory_id), *([identity] if identity else []))


async def test_two_users_with_the_same_id_have_two_histories(store):
    (hers,) = await store.remember("hers")
    request = CreateMemories(memories=(NewMemory(memory_id=hers.memory_id, content="his"),))
    await store.call(CREATE, request, BOB)
    await store.update(hers, content="hers, changed")
    await store.call(DELETE, MemoryRef(memory_id=hers.memory_id), BOB)
    assert [version.content for version in await store.versions(hers)] == ["hers, changed", "hers"]
    assert [version.content for version in await store.versions(hers, BOB)] == [None, None]


async def test_counted_accesses_are_no_change(store, eventually):
    (memory,) = await store.remember("net revenue", importance_score=0.5)
    await store.found("revenue")

    async def counted():
        assert (await store.read(memory)).access_count == 1

    await eventually(counted)
    (version,) = await store.versions(memory)
    assert version.importance_score == 0.5
