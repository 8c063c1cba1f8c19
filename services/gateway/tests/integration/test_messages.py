"""The turns of a conversation: appended in their order by messages that fit, read by page."""

from uuid import UUID, uuid4

import pytest

from contracts import memory_store
from contracts.memory_store import Messages
from contracts.methods import MAX_MESSAGE_BYTES, ProblemError
from contracts.problems import FieldError, problem


@pytest.fixture
async def path(ada):
    """The path of the turns of a conversation of Ada's."""
    return (await ada.post("/api/conversations", json={})).headers["location"] + "/messages"


async def test_a_turn_is_appended_as_it_was_said(ada, services, path):
    turn = {
        "message_id": str(uuid4()),
        "role": "assistant",
        "content": "a < b, 'quoted', ünïcode 🎉",
        "type": "sql",
        "process_id": "sales-assistant",
        "session_id": "monday",
        "metadata": {"rows": 3},
        "occurred_at": "2026-01-02T09:30:00Z",
    }
    answer = await ada.post(path, json={"messages": [turn]})
    assert answer.status_code == 201
    (kept,) = answer.json()["messages"]
    assert set(answer.json()) == {"messages"}
    assert kept.items() >= turn.items()
    assert kept["conversation_id"] == path.split("/")[3]


async def test_a_turn_without_an_id_gets_one(ada, path):
    turns = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hello"}]
    kept = (await ada.post(path, json={"messages": turns})).json()["messages"]
    assert len({UUID(message["message_id"]) for message in kept}) == 2
    assert [message["role"] for message in kept] == ["user", "assistant"]


async def test_a_hundred_turns_are_appended_in_their_order_by_messages_that_fit(ada, services, path):
    contents = [f"{index} " + "x" * 10_000 for index in range(100)]
    turns = [{"role": "user", "content": content} for content in contents]
    kept = (await ada.post(path, json={"messages": turns})).json()["messages"]
    assert [message["content"] for message in kept] == contents
    sent = services.asked(memory_store.APPEND_MESSAGES)
    assert len(sent) > 1
    assert all(len(request.model_dump_json().encode()) <= MAX_MESSAGE_BYTES for request in sent)


async def test_a_turn_too_large_for_one_message_is_named_and_nothing_is_sent(ada, services, path):
    large = {"role": "tool", "content": "x", "metadata": {"rows": "x" * 600_000}}
    answer = await ada.post(path, json={"messages": [{"role": "user", "content": "x"}, large]})
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["field"] == "messages.1"
    assert services.asked(memory_store.APPEND_MESSAGES) == []


async def test_a_turn_with_the_id_of_another_is_named(ada, path):
    turn = {"message_id": str(uuid4()), "role": "user", "content": "x"}
    answer = await ada.post(path, json={"messages": [turn, turn]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "messages.1.message_id"


async def test_the_wrong_turn_of_a_later_part_has_the_callers_index(ada, services, path):
    async def refuse(request, identity):
        errors = tuple(
            FieldError(field=f"messages.{index}.metadata", message="is not wanted")
            for index, message in enumerate(request.messages)
            if message.metadata
        )
        if errors:
            raise ProblemError(problem("invalid", errors=errors))
        return await services._append_messages(request, identity)

    services.on(memory_store.APPEND_MESSAGES, refuse)
    turns = [
        {"role": "user", "content": "x" * 9_000, "metadata": {"a": 1} if index == 99 else {}} for index in range(100)
    ]
    answer = await ada.post(path, json={"messages": turns})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["messages.99.metadata"]


async def test_turns_are_appended_to_a_conversation_of_ones_own_only(bob, path):
    answer = await bob.post(path, json={"messages": [{"role": "user", "content": "x"}]})
    assert (answer.status_code, answer.json()["type"]) == (404, "not-found")


async def test_turns_are_read_by_page(ada, services):
    async def page(request, identity):
        return Messages(messages=(), next_cursor="more")

    services.on(memory_store.LIST_MESSAGES, page)
    conversation_id = uuid4()
    path = f"/api/conversations/{conversation_id}/messages"
    assert (await ada.get(path)).json() == {"messages": [], "next_cursor": "more"}
    await ada.get(path, params={"limit": 200, "cursor": "here"})
    assert services.asked(memory_store.LIST_MESSAGES) == [
        memory_store.ListMessages(conversation_id=conversation_id),
        memory_store.ListMessages(conversation_id=conversation_id, limit=200, cursor="here"),
    ]
