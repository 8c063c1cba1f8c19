"""Headers say once which agent or app, and which run of it, everything comes from."""

from uuid import uuid4

import pytest

from contracts import memory_store

HEADERS = {"X-Process-Id": "sales-assistant", "X-Session-Id": "montág".encode()}
SAID = {"process_id": "sales-assistant", "session_id": "montág"}


def attribution(item):
    return {name: item[name] for name in SAID}


async def test_a_memory_comes_from_where_the_headers_say(ada):
    memory = (await ada.post("/api/memories", json={"content": "x"}, headers=HEADERS)).json()
    assert attribution(memory) == SAID


async def test_what_the_body_says_counts_for_more_than_the_headers_also_when_it_says_nothing(ada):
    body = {"content": "x", "process_id": "import", "session_id": None}
    memory = (await ada.post("/api/memories", json=body, headers=HEADERS)).json()
    assert attribution(memory) == {"process_id": "import", "session_id": None}


async def test_every_memory_of_a_batch_comes_from_where_the_headers_say_unless_it_says_so_itself(ada):
    memories = [{"content": "x"}, {"content": "y", "session_id": "other"}]
    stored = (await ada.post("/api/memories/batch", json={"memories": memories}, headers=HEADERS)).json()["memories"]
    assert [attribution(memory) for memory in stored] == [SAID, SAID | {"session_id": "other"}]


async def test_every_turn_comes_from_where_the_headers_say_unless_it_says_so_itself(ada):
    conversation = await ada.post("/api/conversations", json={})
    turns = [{"role": "user", "content": "x"}, {"role": "user", "content": "y", "process_id": "other"}]
    path = f"{conversation.headers['location']}/messages"
    kept = (await ada.post(path, json={"messages": turns}, headers=HEADERS)).json()["messages"]
    assert [attribution(message) for message in kept] == [SAID, SAID | {"process_id": "other"}]


async def test_without_headers_nothing_is_made_up(ada):
    memory = (await ada.post("/api/memories", json={"content": "x"})).json()
    assert attribution(memory) == {"process_id": None, "session_id": None}


@pytest.mark.parametrize("name", ["X-Process-Id", "X-Session-Id"])
@pytest.mark.parametrize("value", [b"", b"x" * 256, b"\xff\xfe", b"a\tb"], ids=["empty", "long", "not-utf-8", "tab"])
async def test_a_header_that_cannot_be_an_id_is_named(ada, services, name, value):
    messages = {"messages": [{"role": "user", "content": "x"}]}
    for path, body in (
        ("/api/memories", {"content": "x"}),
        ("/api/memories/batch", {"memories": [{"content": "x"}]}),
        (f"/api/conversations/{uuid4()}/messages", messages),
    ):
        answer = await ada.post(path, json=body, headers={name: value})
        assert (answer.status_code, answer.json()["type"]) == (422, "invalid")
        assert [error["field"] for error in answer.json()["errors"]] == [name]
    assert services.requests == []


async def test_the_headers_count_for_nothing_where_nothing_is_stored(ada, services):
    memory = await ada.post("/api/memories", json={"content": "x"})
    assert (await ada.get(memory.headers["location"], headers={"X-Process-Id": b""})).status_code == 200
    assert services.asked(memory_store.GET)


async def test_nobody_unknown_is_told_about_their_headers(anonymous):
    answer = await anonymous.post("/api/memories", json={"content": "x"}, headers={"X-Process-Id": b""})
    assert answer.status_code == 401
