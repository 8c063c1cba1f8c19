"""Lists of memories: every filter, and pages that stay together whatever happens meanwhile."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import uuid4

import pytest

from contracts.identity import Identity
from contracts.memory_store import (
    CREATE_CONVERSATION,
    DELETE,
    LIST,
    CreateConversation,
    ListMemories,
    MemoryRef,
)

BOB = Identity("acme", "bob")


async def pages(store, between=None, **filters):
    """Every memory of a list, page by page; `between` is awaited after each page but the last."""
    seen, cursor = [], None
    while True:
        page = await store.call(LIST, ListMemories(cursor=cursor, **filters))
        assert len(page.memories) <= filters.get("limit", 50)
        seen += page.memories
        cursor = page.next_cursor
        if cursor is None:
            return seen
        if between is not None:
            await between()


async def test_the_newest_come_first(store):
    older = await store.remember("one", "two")
    newer = await store.remember("three", "four")
    await store.remember("bobs", identity=BOB)
    listed = await store.listed()
    assert [memory.content for memory in listed] == ["four", "three", "two", "one"]
    assert listed == (*reversed(newer), *reversed(older))


async def test_each_filter_narrows_a_list_and_all_of_them_must_hold(store):
    talks = (uuid4(), uuid4())
    for conversation_id in talks:
        await store.call(CREATE_CONVERSATION, CreateConversation(conversation_id=conversation_id))
    stored = []
    for memory_type, tags, conversation_id, process_id, session_id, visibility in product(
        ("rule", "long_term"),
        (("a", "b"), ("c",)),
        (talks[0], None),
        ("bot", None),
        ("s1", "s2"),
        ("private", "tenant"),
    ):
        stored += await store.remember(
            "revenue",
            memory_type=memory_type,
            context_tags=tags,
            conversation_id=conversation_id,
            process_id=process_id,
            session_id=session_id,
            visibility=visibility,
        )
    filters = {
        "memory_types": [(), ("rule",), ("rule", "long_term"), ("entity",)],
        "tags": [(), ("a",), ("b", "c"), ("none",)],
        "conversation_id": [None, *talks],
        "process_id": [None, "bot"],
        "session_id": [None, "s1"],
        "visibility": [None, "private", "tenant"],
    }
    for wanted in (dict(zip(filters, values, strict=True)) for values in product(*filters.values())):
        expected = {
            memory.memory_id
            for memory in stored
            if (not wanted["memory_types"] or memory.memory_type in wanted["memory_types"])
            and (not wanted["tags"] or set(wanted["tags"]) & set(memory.context_tags))
            and all(
                wanted[name] is None or wanted[name] == getattr(memory, name)
                for name in ("conversation_id", "process_id", "session_id", "visibility")
            )
        }
        found = await store.listed(limit=200, **wanted)
        assert {memory.memory_id for memory in found} == expected, wanted


async def test_archived_and_expired_memories_are_listed_when_asked_for(store):
    live, archived, expired = await store.remember("live", "archived", "expired", memory_type="short_term")
    await store.sql(
        "update memori_memories set is_archived = true, archived_reason = 'unimportant' where memory_id = :id",
        id=archived.memory_id,
    )
    await store.age(expired, days=8)
    assert [memory.memory_id for memory in await store.listed()] == [live.memory_id]
    everything = await store.listed(include_archived=True)
    assert {memory.memory_id for memory in everything} == {m.memory_id for m in (live, archived, expired)}


@pytest.mark.parametrize("limit", [1, 3, 10, 11, 200])
async def test_pages_follow_one_another_without_gaps_or_repeats(store, limit):
    # All of one batch have the same time.
    stored = await store.remember(*(f"fact {number}" for number in range(10)))
    seen = await pages(store, limit=limit)
    assert [memory.memory_id for memory in seen] == [memory.memory_id for memory in reversed(stored)]


async def test_what_is_stored_and_deleted_meanwhile_moves_no_page(store):
    stored = list(await store.remember(*(f"fact {number}" for number in range(12))))
    doomed = stored[::4]

    async def change():
        await asyncio.gather(
            *(store.remember("later", "later still", context_tags=("new",)) for _ in range(4)),
            *(store.call(DELETE, MemoryRef(memory_id=doomed.pop().memory_id)) for _ in doomed[:1]),
        )

    kept = {memory.memory_id for memory in stored} - {memory.memory_id for memory in doomed}
    seen = [memory.memory_id for memory in await pages(store, change, limit=3)]
    assert len(seen) == len(set(seen))
    assert kept <= set(seen)
    assert set(seen) <= {memory.memory_id for memory in stored}


async def test_pages_hold_while_many_write(store):
    stored = await store.remember(*(f"fact {number}" for number in range(40)))
    done = asyncio.Event()

    async def write():
        while not done.is_set():
            await store.remember("later")

    writers = [asyncio.create_task(write()) for _ in range(4)]
    try:
        for _ in range(3):
            seen = [memory.memory_id for memory in await pages(store, limit=7)]
            assert len(seen) == len(set(seen))
            assert [number for number in seen if number in {m.memory_id for m in stored}] == [
                memory.memory_id for memory in reversed(stored)
            ]
    finally:
        done.set()
        await asyncio.gather(*writers)


async def test_a_page_ends_where_the_message_is_full(store):
    for _ in range(3):
        await store.remember(*("😀" * 10_000 for _ in range(6)))
    first = await store.call(LIST, ListMemories(limit=200))
    assert 0 < len(first.memories) < 18
    assert len(await pages(store, limit=200)) == 18


@pytest.mark.parametrize("cursor", ["garbage", "", "ÄÖÜ", "W10=", "WyJ4IiwgMV0="])
async def test_a_cursor_we_did_not_make_is_refused_by_name(store, refused, cursor):
    with refused("invalid", "cursor"):
        await store.listed(cursor=cursor)


async def test_where_a_memory_comes_from_is_kept(store):
    at = datetime(2024, 5, 6, 7, 8, 9, 123_456, tzinfo=UTC)
    (memory,) = await store.remember("net revenue", process_id="bot 🤖", session_id="s/1", occurred_at=at)
    read = await store.read(memory)
    assert (read.process_id, read.session_id, read.occurred_at) == ("bot 🤖", "s/1", at)
    assert read.created_at - at > timedelta(days=365)
    assert [hit.memory_id for hit in await store.found("revenue", process_id="bot 🤖")] == [memory.memory_id]
    assert await store.found("revenue", process_id="another") == ()
    for window, hits in (
        ({"occurred_after": at}, 1),
        ({"occurred_after": at + timedelta(microseconds=1)}, 0),
        ({"occurred_before": at}, 0),
        ({"occurred_before": at + timedelta(microseconds=1)}, 1),
    ):
        assert len(await store.found("revenue", **window)) == hits, window
