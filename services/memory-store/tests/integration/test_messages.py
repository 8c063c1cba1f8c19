"""The turns of conversations, in their order; and conversations that change."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pydantic import ValidationError

from contracts.identity import Identity
from contracts.memory_store import (
    APPEND_MESSAGES,
    CREATE_CONVERSATION,
    DELETE_CONVERSATION,
    FETCH_MESSAGES,
    GET_CONVERSATION,
    LIST_CONVERSATIONS,
    LIST_MESSAGES,
    UPDATE_CONVERSATION,
    AppendMessages,
    ConversationRef,
    CreateConversation,
    FetchMessages,
    ListConversations,
    ListMessages,
    NewMessage,
    UpdateConversation,
)

BOB = Identity("acme", "bob")


@pytest.fixture
async def talk(store):
    """The id of a conversation."""
    return await open_talk(store)


async def open_talk(store, **fields):
    request = CreateConversation(conversation_id=uuid4(), **fields)
    return (await store.call(CREATE_CONVERSATION, request)).conversation_id


def turn(content, role="user", **fields):
    return NewMessage(message_id=uuid4(), role=role, content=content, **fields)


async def append(store, conversation_id, *turns):
    request = AppendMessages(conversation_id=conversation_id, messages=turns)
    return (await store.call(APPEND_MESSAGES, request)).messages


async def read(store, conversation_id, between=None, **page):
    seen, cursor = [], None
    while True:
        request = ListMessages(conversation_id=conversation_id, cursor=cursor, **page)
        found = await store.call(LIST_MESSAGES, request)
        seen += found.messages
        cursor = found.next_cursor
        if cursor is None:
            return seen
        if between is not None:
            await between()


async def test_turns_are_kept_as_they_were_said(store, talk, observer, eventually):
    at = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    said = (
        turn("How much revenue? 売上 🍕 \r\n\t", process_id="bot", session_id="s 1", metadata={"a": [1, None]}),
        turn("42 < 43 && 'x'", "assistant", type="sql", occurred_at=at),
        turn("be brief", "system"),
        turn("{}", "tool"),
    )
    kept = await append(store, talk, *said)
    assert tuple(await read(store, talk)) == kept
    for new, message in zip(said, kept, strict=True):
        expected = new.model_dump(exclude={"occurred_at"})
        assert message.model_dump(include=set(expected)) == expected
        assert message.conversation_id == talk
        assert message.occurred_at == (new.occurred_at or message.created_at)

    def announced():
        data = observer.of_type("message.added")
        assert [(d.message_id, d.conversation_id, d.role) for d in data] == [
            (message.message_id, talk, message.role) for message in kept
        ]

    await eventually(announced)
    assert "revenue" not in "".join(event.model_dump_json() for event in observer.events)


async def test_a_retry_adds_and_says_nothing(store, talk, observer, eventually):
    first, second = turn("one"), turn("two")
    kept = await append(store, talk, first)
    changed = NewMessage(message_id=first.message_id, role="assistant", content="too late")
    again = await append(store, talk, changed, second, changed)
    assert [message.content for message in again] == ["one", "two", "one"]
    assert again[0] == kept[0]
    await append(store, talk, second, first)
    assert [message.content for message in await read(store, talk)] == ["one", "two"]
    await append(store, talk, turn("three"))
    await eventually(lambda: len(observer.of_type("message.added")) == 3)


async def test_turns_that_are_appended_at_once_stay_together(store, talk):
    turns = {number: [turn(f"{number}.{place}") for place in range(5)] for number in range(10)}
    await asyncio.gather(*(append(store, talk, *batch) for batch in turns.values()))
    seen = [message.content for message in await read(store, talk, limit=7)]
    assert len(seen) == 50
    for start in range(0, 50, 5):
        number = seen[start].split(".")[0]
        assert seen[start : start + 5] == [f"{number}.{place}" for place in range(5)]


async def test_the_same_turn_appended_at_once_is_kept_once(store, talk):
    one, two = turn("one"), turn("two")
    answers = await asyncio.gather(*(append(store, talk, *pair) for pair in ((one, two), (two, one)) * 5))
    assert len({message.created_at for messages in answers for message in messages}) == 1
    assert len(await read(store, talk)) == 2


@pytest.mark.parametrize("limit", [1, 3, 10, 200])
async def test_pages_follow_one_another_while_turns_are_added(store, talk, limit):
    await append(store, talk, *(turn(str(number)) for number in range(10)))
    added = []

    async def add():
        if len(added) < 5:
            added.append(str(10 + len(added)))
            await append(store, talk, turn(added[-1]))

    seen = [message.content for message in await read(store, talk, add, limit=limit)]
    # What came while the list was read is at its end.
    assert seen == [str(number) for number in range(10)] + added[: len(seen) - 10]
    assert len(seen) >= 10


async def test_the_last_turns_are_read_in_their_order(store, talk):
    await append(store, talk, *(turn(str(number)) for number in range(10)))
    found = await store.call(LIST_MESSAGES, ListMessages(conversation_id=talk, limit=3, last=True))
    assert ([message.content for message in found.messages], found.next_cursor) == (["7", "8", "9"], None)
    await append(store, talk, *(turn(f"{number}" + "x" * 99_999) for number in range(4)))
    await append(store, talk, *(turn(f"{number}" + "x" * 99_999) for number in range(4, 8)))
    found = await store.call(LIST_MESSAGES, ListMessages(conversation_id=talk, last=True))
    assert [message.content[0] for message in found.messages] == ["3", "4", "5", "6", "7"]


async def test_a_page_of_long_turns_ends_where_the_message_is_full(store, talk):
    for number in range(8):
        await append(store, talk, turn(f"{number}" + "x" * 99_999))
    first = await store.call(LIST_MESSAGES, ListMessages(conversation_id=talk))
    assert 0 < len(first.messages) < 8
    assert [message.content[0] for message in await read(store, talk)] == [str(number) for number in range(8)]


async def test_what_would_not_fit_an_answer_is_not_kept(store, talk, refused):
    with refused("too-large"):
        await append(store, talk, *(turn("\x01" * 50_000) for _ in range(5)))
    assert await read(store, talk) == []


def test_a_turn_has_something_in_it():
    for wrong in ({"content": ""}, {"content": "x" * 100_001}, {"content": "\x00"}, {"role": "owner"}, {"type": ""}):
        with pytest.raises(ValidationError):
            NewMessage(**({"message_id": uuid4(), "role": "user", "content": "x"} | wrong))


async def test_a_conversation_nobody_opened_has_no_turns(store, refused):
    for method, request in (
        (APPEND_MESSAGES, AppendMessages(conversation_id=uuid4(), messages=(turn("x"),))),
        (LIST_MESSAGES, ListMessages(conversation_id=uuid4())),
        (UPDATE_CONVERSATION, UpdateConversation(conversation_id=uuid4(), title="x")),
    ):
        with refused("not-found", "conversation_id"):
            await store.call(method, request)
    assert await store.sql("select count(*) from memori_messages") == [(0,)]


async def test_a_turn_of_another_conversation_is_a_conflict(store, talk, refused):
    (kept,) = await append(store, talk, turn("one"))
    other = await open_talk(store)
    same = NewMessage(message_id=kept.message_id, role="user", content="one")
    with refused("conflict") as found:
        await append(store, other, turn("two"), same)
    assert str(kept.message_id) in found.value.problem.detail
    assert await read(store, other) == []


async def test_two_users_may_use_the_same_ids(store, talk):
    (kept,) = await append(store, talk, turn("hers"))
    await store.call(CREATE_CONVERSATION, CreateConversation(conversation_id=talk), BOB)
    same = NewMessage(message_id=kept.message_id, role="user", content="his")
    request = AppendMessages(conversation_id=talk, messages=(same,))
    assert (await store.call(APPEND_MESSAGES, request, BOB)).messages[0].content == "his"
    assert [message.content for message in await read(store, talk)] == ["hers"]


@pytest.mark.parametrize("cursor", ["garbage", "", "ÄÖÜ", "W10=", "WyJ4Il0="])
async def test_a_cursor_we_did_not_make_is_refused_by_name(store, talk, refused, cursor):
    with refused("invalid", "cursor"):
        await store.call(LIST_MESSAGES, ListMessages(conversation_id=talk, cursor=cursor))


async def test_a_deleted_conversation_takes_its_turns_along(store, talk):
    kept = await open_talk(store)
    await append(store, talk, turn("gone"))
    await append(store, kept, turn("kept"))
    await store.call(DELETE_CONVERSATION, ConversationRef(conversation_id=talk))
    assert await store.sql("select content from memori_messages") == [("kept",)]


async def test_a_turn_makes_its_conversation_the_most_recent(store, talk):
    await open_talk(store)
    await store.sql("update memori_conversations set last_activity_at = last_activity_at - interval '1 hour'")
    await append(store, talk, turn("x"))
    listed = (await store.call(LIST_CONVERSATIONS, ListConversations())).conversations
    assert listed[0].conversation_id == talk
    assert datetime.now(UTC) - listed[0].last_activity_at < timedelta(minutes=1)


async def test_a_conversation_is_changed_as_far_as_it_is_told(store):
    source = uuid4()
    talk = await open_talk(store, title="Revenue", metadata={"a": 1, "b": 1})
    reference = {"conversation_id": talk}
    before = await store.call(GET_CONVERSATION, ConversationRef(**reference))
    changed = await store.call(
        UPDATE_CONVERSATION,
        UpdateConversation(**reference, summary="About revenue", metadata={"b": 2, "c": 3}, data_source_id=source),
    )
    assert (changed.title, changed.summary, changed.is_active) == ("Revenue", "About revenue", True)
    assert changed.metadata == {"a": 1, "b": 2, "c": 3}
    assert changed.data_source_id == source
    assert changed.updated_at > before.updated_at
    assert changed == await store.call(GET_CONVERSATION, ConversationRef(**reference))
    changed = await store.call(UPDATE_CONVERSATION, UpdateConversation(**reference, title="", is_active=False))
    assert (changed.title, changed.summary, changed.is_active) == ("", "About revenue", False)
    assert await store.call(UPDATE_CONVERSATION, UpdateConversation(**reference)) == changed


async def test_changes_of_a_conversation_at_once_are_all_kept(store, talk):
    await asyncio.gather(
        *(
            store.call(UPDATE_CONVERSATION, UpdateConversation(conversation_id=talk, metadata={f"{n}": n}))
            for n in range(10)
        ),
        *(append(store, talk, turn(f"{n}")) for n in range(5)),
    )
    changed = await store.call(GET_CONVERSATION, ConversationRef(conversation_id=talk))
    assert changed.metadata == {f"{n}": n for n in range(10)}


async def test_a_conversation_that_no_list_could_show_is_not_kept_so(store, talk, refused):
    await store.call(UPDATE_CONVERSATION, UpdateConversation(conversation_id=talk, metadata={"one": "x" * 400_000}))
    with refused("too-large"):
        await store.call(UPDATE_CONVERSATION, UpdateConversation(conversation_id=talk, metadata={"two": "x" * 400_000}))
    found = await store.call(GET_CONVERSATION, ConversationRef(conversation_id=talk))
    assert set(found.metadata) == {"one"}


async def test_turns_are_fetched_by_their_ids_with_the_source_they_are_about(store):
    source = uuid4()
    about, other = await open_talk(store, data_source_id=source), await open_talk(store)
    said = [*await append(store, about, turn("one"), turn("two", role="assistant"))]
    said += await append(store, other, turn("three"))
    unknown = uuid4()
    ids = (unknown, *(message.message_id for message in reversed(said)))
    found = await store.call(FETCH_MESSAGES, FetchMessages(message_ids=ids))
    assert [(m.content, m.role, m.data_source_id) for m in found.messages] == [
        ("one", "user", source),
        ("two", "assistant", source),
        ("three", "user", None),
    ]
    assert {m.conversation_id for m in found.messages} == {about, other}
    assert found.gone == (unknown,)
    (nothing, gone) = (await store.call(FETCH_MESSAGES, FetchMessages(message_ids=ids[1:]), BOB)), set(ids[1:])
    assert (nothing.messages, set(nothing.gone)) == ((), gone)


async def test_turns_that_do_not_fit_one_message_are_left_for_the_next(store, talk):
    said = await append(store, talk, *(turn("x" * 90_000) for _ in range(4)))
    said += await append(store, talk, *(turn("x" * 90_000) for _ in range(4)))
    wanted = [message.message_id for message in said]
    fetched = 0
    while wanted:
        found = await store.call(FETCH_MESSAGES, FetchMessages(message_ids=tuple(wanted)))
        assert found.messages
        assert not found.gone
        wanted = [each for each in wanted if each not in {message.message_id for message in found.messages}]
        fetched += 1
    assert fetched > 1
