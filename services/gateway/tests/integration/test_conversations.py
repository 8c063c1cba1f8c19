"""Conversations: what each route asks of memory-store, and what it answers."""

from uuid import uuid4

from contracts import memory_store
from contracts.memory_store import Conversations, MemoryPage
from contracts.methods import Empty, ProblemError
from contracts.problems import problem


async def test_a_conversation_is_opened_and_read(ada):
    created = await ada.post("/api/conversations", json={"title": "Revenue", "metadata": {"team": "finance"}})
    assert created.status_code == 201
    assert created.json()["title"] == "Revenue"
    assert created.headers["content-type"] == "application/json"
    read = await ada.get(created.headers["location"])
    assert read.status_code == 200
    assert read.json() == created.json()


async def test_conversations_are_listed_by_page(ada, services):
    async def page(request, identity):
        return Conversations(conversations=(), next_cursor="more")

    services.on(memory_store.LIST_CONVERSATIONS, page)
    answer = await ada.get("/api/conversations", params={"limit": 7, "cursor": "here"})
    assert answer.json() == {"conversations": [], "next_cursor": "more"}
    assert (request := services.asked(memory_store.LIST_CONVERSATIONS)[-1]).limit == 7
    assert request.cursor == "here"


async def test_a_deleted_conversation_answers_204_without_a_body(ada, services):
    async def deleted(request, identity):
        return Empty()

    services.on(memory_store.DELETE_CONVERSATION, deleted)
    answer = await ada.delete(f"/api/conversations/{(conversation_id := uuid4())}")
    assert answer.status_code == 204
    assert answer.content == b""
    assert services.asked(memory_store.DELETE_CONVERSATION)[-1].conversation_id == conversation_id


async def test_a_conversation_is_read_with_its_memories(ada, services):
    created = await ada.post("/api/conversations", json={"title": "Revenue"})
    conversation = created.json()
    memory = (await ada.post("/api/memories", json={"content": "x"})).json()

    async def page(request, identity):
        return MemoryPage.model_validate({"memories": [memory], "next_cursor": "more"})

    services.on(memory_store.LIST, page)
    read = await ada.get(created.headers["location"], params={"include": "memories"})
    assert read.json() == conversation | {"memories": [memory], "memories_next_cursor": "more"}
    (request,) = services.asked(memory_store.LIST)
    assert str(request.conversation_id) == conversation["conversation_id"]
    assert request.limit == 200


async def test_the_memories_of_an_unknown_conversation_are_not_looked_for(ada, services):
    answer = await ada.get(f"/api/conversations/{uuid4()}", params={"include": "memories"})
    assert answer.status_code == 404
    assert services.asked(memory_store.LIST) == []


async def test_an_update_of_a_conversation_sends_only_what_changes(ada, services):
    conversation = (await ada.post("/api/conversations", json={"title": "Revenue"})).json()

    async def updated(request, identity):
        return memory_store.Conversation(**conversation | {"title": request.title, "is_active": request.is_active})

    services.on(memory_store.UPDATE_CONVERSATION, updated)
    conversation_id = conversation["conversation_id"]
    answer = await ada.patch(f"/api/conversations/{conversation_id}", json={"title": "Sales", "is_active": False})
    assert answer.json() == conversation | {"title": "Sales", "is_active": False}
    (request,) = services.asked(memory_store.UPDATE_CONVERSATION)
    assert request == memory_store.UpdateConversation(conversation_id=conversation_id, title="Sales", is_active=False)


async def test_a_conversation_of_somebody_else_is_not_changed(ada, services):
    async def unknown(request, identity):
        raise ProblemError(problem("not-found", "no such conversation"))

    services.on(memory_store.UPDATE_CONVERSATION, unknown)
    answer = await ada.patch(f"/api/conversations/{uuid4()}", json={"title": "mine now"})
    assert (answer.status_code, answer.json()["type"]) == (404, "not-found")
