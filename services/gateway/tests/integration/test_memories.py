"""Memories: what each route asks of memory-store, and what it answers."""

import struct
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from contracts import memory_store
from contracts.memory_store import Memories, MemoryDetail, MemoryPage, SearchReply
from contracts.methods import MAX_MESSAGE_BYTES, ProblemError
from contracts.problems import FieldError, problem


async def test_a_memory_is_stored_read_and_deleted(ada):
    content = "a < b, 'quoted', ünïcode 🎉, and a\ttab"
    created = await ada.post("/api/memories", json={"content": content, "context_tags": ["math"], "metadata": {"n": 1}})
    assert created.status_code == 201
    memory = created.json()
    assert memory["content"] == content
    assert created.headers["location"] == f"/api/memories/{memory['memory_id']}"
    assert (await ada.get(created.headers["location"])).json() == memory
    assert (await ada.delete(created.headers["location"])).status_code == 204
    assert (await ada.get(created.headers["location"])).status_code == 404


async def test_a_memory_under_an_id_of_the_callers_own_is_stored_once(ada):
    body = {"memory_id": str(uuid4()), "content": "first"}
    first = await ada.post("/api/memories", json=body)
    again = await ada.post("/api/memories", json=body | {"content": "second"})
    assert first.json()["memory_id"] == body["memory_id"]
    assert again.status_code == 201
    assert again.json()["content"] == "first"


async def test_a_thousand_memories_are_stored_in_their_order_by_messages_that_fit(ada, services):
    contents = [f"{index} " + "ü" * 4_000 for index in range(1_000)]
    answer = await ada.post("/api/memories/batch", json={"memories": [{"content": content} for content in contents]})
    assert answer.status_code == 201
    assert [memory["content"] for memory in answer.json()["memories"]] == contents
    sent = services.asked(memory_store.CREATE)
    assert len(sent) > 1
    assert all(len(request.model_dump_json().encode()) <= MAX_MESSAGE_BYTES for request in sent)


async def test_a_memory_is_stored_with_when_and_where_it_comes_from_and_who_may_see_it(ada, services):
    body = {
        "content": "Revenue is net of returns",
        "occurred_at": "2026-01-02T10:30:00+01:00",
        "process_id": "sales-assistant",
        "session_id": "monday",
        "visibility": "tenant",
    }
    memory = (await ada.post("/api/memories", json=body)).json()
    assert memory["occurred_at"] == "2026-01-02T09:30:00Z"
    assert (memory["process_id"], memory["session_id"]) == ("sales-assistant", "monday")
    assert (memory["visibility"], memory["sensitive"]) == ("tenant", False)
    secret = (await ada.post("/api/memories", json={"content": "The discount is 40 %", "sensitive": True})).json()
    assert (secret["visibility"], secret["sensitive"]) == ("private", True)
    (sent,) = services.asked(memory_store.CREATE)[-1].memories
    assert sent.sensitive


async def test_the_longest_replies_to_a_thousand_memories_fit_their_messages(ada, services):
    late = datetime(2026, 12, 31, 23, 59, 59, 123456, tzinfo=UTC)
    grown = {
        "importance_score": 1 / 3e50,
        "last_accessed_at": late,
        "expires_at": late,
        "occurred_at": late,
        "archived_reason": "consolidated",
        "superseded_by": uuid4(),
        "access_count": 10**9,
        "content_version": 10**9,
        "revision": 10**9,
    }

    async def as_long_as_it_gets(request, identity):
        stored = await services._create(request, identity)
        return Memories(memories=tuple(memory.model_copy(update=grown) for memory in stored.memories))

    services.on(memory_store.CREATE, as_long_as_it_gets)
    answer = await ada.post("/api/memories/batch", json={"memories": [{"content": "ü" * 1_500}] * 1_000})
    assert answer.status_code == 201
    assert len(answer.json()["memories"]) == 1_000
    # None was refused for its reply and asked for again in halves.
    assert sum(len(request.memories) for request in services.asked(memory_store.CREATE)) == 1_000


async def test_memories_that_have_grown_since_are_answered_as_they_are_stored(ada, services):
    memories = [{"memory_id": str(uuid4()), "content": "x"} for _ in range(200)]

    async def grown(request, identity):
        stored = await services._create(request, identity)
        return Memories(memories=tuple(m.model_copy(update={"content": "y" * 10_000}) for m in stored.memories))

    services.on(memory_store.CREATE, grown)
    answer = await ada.post("/api/memories/batch", json={"memories": memories})
    assert answer.status_code == 201
    assert [memory["memory_id"] for memory in answer.json()["memories"]] == [m["memory_id"] for m in memories]


async def test_the_wrong_memory_of_a_later_part_has_the_callers_index(ada, services):
    unknown = str(uuid4())
    memories = [{"content": "x", "conversation_id": unknown if index == 901 else None} for index in range(1_000)]

    async def refuse(request, identity):
        errors = tuple(
            FieldError(field=f"memories.{index}.conversation_id", message="not found")
            for index, memory in enumerate(request.memories)
            if memory.conversation_id
        )
        if errors:
            raise ProblemError(problem("not-found", "no such conversation", errors=errors))
        return await services._create(request, identity)

    services.on(memory_store.CREATE, refuse)
    answer = await ada.post("/api/memories/batch", json={"memories": memories})
    assert answer.status_code == 404
    assert [error["field"] for error in answer.json()["errors"]] == ["memories.901.conversation_id"]


@pytest.mark.parametrize(("path", "wrap"), [("", False), ("/batch", True)])
async def test_a_store_that_is_switched_off_is_a_conflict(ada, services, path, wrap):
    async def refuse(request, identity):
        raise ProblemError(problem("conflict", "MEMORI_ENABLED is false: nothing is stored"))

    services.on(memory_store.CREATE, refuse)
    body = {"content": "x"}
    answer = await ada.post(f"/api/memories{path}", json={"memories": [body]} if wrap else body)
    assert (answer.status_code, answer.json()["type"]) == (409, "conflict")
    assert answer.json()["detail"] == "MEMORI_ENABLED is false: nothing is stored"


async def test_a_batch_with_an_id_twice_names_the_second(ada):
    memory = {"memory_id": str(uuid4()), "content": "x"}
    answer = await ada.post("/api/memories/batch", json={"memories": [memory, {"content": "y"}, memory]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "memories.2.memory_id"


async def test_the_vector_of_a_memory_is_shown_as_numbers_when_asked_for(ada, services):
    memory = (await ada.post("/api/memories", json={"content": "x"})).json()

    async def with_vector(request, identity):
        vector = struct.pack("<3f", 0.5, -0.25, 1.0) if request.include_embedding else None
        return MemoryDetail(memory=memory, embedding=vector, embedding_model="m" if vector else None)

    services.on(memory_store.GET, with_vector)
    path = f"/api/memories/{memory['memory_id']}"
    assert (await ada.get(path)).json() == memory
    detailed = (await ada.get(path, params={"include_embedding": "true"})).json()
    assert detailed == memory | {"embedding": [0.5, -0.25, 1.0], "embedding_model": "m"}


async def test_a_memory_that_is_not_embedded_yet_has_no_vector(ada):
    memory = (await ada.post("/api/memories", json={"content": "x"})).json()
    detailed = await ada.get(f"/api/memories/{memory['memory_id']}", params={"include_embedding": "true"})
    assert detailed.json() == memory | {"embedding": None, "embedding_model": None}


async def test_an_update_sends_only_what_changes(ada, services):
    memory = (await ada.post("/api/memories", json={"content": "x"})).json()

    async def updated(request, identity):
        return memory_store.Memory(**memory | {"importance_score": request.importance_score})

    services.on(memory_store.UPDATE, updated)
    answer = await ada.patch(f"/api/memories/{memory['memory_id']}", json={"importance_score": 0.9})
    assert answer.json() == memory | {"importance_score": 0.9}
    request = services.asked(memory_store.UPDATE)[-1]
    assert request == memory_store.UpdateMemory(memory_id=UUID(memory["memory_id"]), importance_score=0.9)


async def test_a_memory_is_shared_by_an_update(ada, services):
    async def updated(request, identity):
        raise ProblemError(problem("conflict", "a sensitive memory must be private"))

    services.on(memory_store.UPDATE, updated)
    answer = await ada.patch(f"/api/memories/{(memory_id := uuid4())}", json={"visibility": "tenant"})
    assert answer.status_code == 409
    (request,) = services.asked(memory_store.UPDATE)
    assert request == memory_store.UpdateMemory(memory_id=memory_id, visibility="tenant")


async def test_memories_are_listed_by_every_filter_and_by_page(ada, services):
    async def page(request, identity):
        return MemoryPage(memories=(), next_cursor="more")

    services.on(memory_store.LIST, page)
    assert (await ada.get("/api/memories")).json() == {"memories": [], "next_cursor": "more"}
    assert services.asked(memory_store.LIST) == [memory_store.ListMemories()]
    wanted = {
        "memory_types": ["rule", "long_term"],
        "tags": ["a", "b & c"],
        "conversation_id": str(uuid4()),
        "process_id": "sales-assistant",
        "session_id": "monday",
        "visibility": "tenant",
        "include_archived": True,
        "limit": 7,
        "cursor": "here",
    }
    assert (await ada.get("/api/memories", params=wanted)).status_code == 200
    assert services.asked(memory_store.LIST)[-1] == memory_store.ListMemories.model_validate(wanted)


async def test_a_search_is_asked_as_it_came_and_answered_as_it_was(ada, services):
    async def found(request, identity):
        return SearchReply(results=(), total=0, query=request.query, degraded=True)

    services.on(memory_store.SEARCH, found)
    body = {
        "query": "revenue",
        "limit": 3,
        "min_similarity": 0.5,
        "conversation_id": str(uuid4()),
        "memory_types": ["rule", "long_term"],
        "tags": ["a"],
        "process_id": "sales-assistant",
        "occurred_after": "2026-01-01T00:00:00Z",
        "occurred_before": "2026-02-01T00:00:00+01:00",
        "include_archived": True,
        "asked_in": str(uuid4()),
        "without": ["recency", "neighbours"],
    }
    answer = await ada.post("/api/memories/search", json=body)
    assert answer.json() == {"results": [], "total": 0, "query": "revenue", "degraded": True}
    assert services.asked(memory_store.SEARCH)[-1] == memory_store.Search.model_validate(body)
