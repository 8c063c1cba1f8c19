"""Each route: what it asks of which service, and what it answers."""

import struct
from uuid import UUID, uuid4

from contracts import memory_store, sql_generator
from contracts.memory_store import Conversations, MemoryDetail, SearchReply
from contracts.methods import MAX_MESSAGE_BYTES, Empty
from contracts.sql_generator import Answer, DataSources, Rule, Rules, SchemaPage, Table


def last_request(services, method):
    return next(request for subject, request, _ in reversed(services.requests) if subject == method.subject)


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
    assert (request := last_request(services, memory_store.LIST_CONVERSATIONS)).limit == 7
    assert request.cursor == "here"


async def test_a_deleted_conversation_answers_204_without_a_body(ada, services):
    async def deleted(request, identity):
        return Empty()

    services.on(memory_store.DELETE_CONVERSATION, deleted)
    answer = await ada.delete(f"/api/conversations/{(conversation_id := uuid4())}")
    assert answer.status_code == 204
    assert answer.content == b""
    assert last_request(services, memory_store.DELETE_CONVERSATION).conversation_id == conversation_id


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
    sent = [request for subject, request, _ in services.requests if subject == memory_store.CREATE.subject]
    assert len(sent) > 1
    assert all(len(request.model_dump_json().encode()) <= MAX_MESSAGE_BYTES for request in sent)


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
    request = last_request(services, memory_store.UPDATE)
    assert request == memory_store.UpdateMemory(memory_id=UUID(memory["memory_id"]), importance_score=0.9)


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
        "include_archived": True,
    }
    answer = await ada.post("/api/memories/search", json=body)
    assert answer.json() == {"results": [], "total": 0, "query": "revenue", "degraded": True}
    assert last_request(services, memory_store.SEARCH) == memory_store.Search.model_validate(body)


async def test_a_data_source_is_registered_without_its_connection_coming_back(ada, services, data_source):
    async def registered(request, identity):
        return data_source(request.data_source_id)

    services.on(sql_generator.REGISTER_DATA_SOURCE, registered)
    body = {"name": "shop", "kind": "sqlite", "connection": "/data/secret-shop.db"}
    answer = await ada.post("/api/data-sources", json=body)
    assert answer.status_code == 201
    assert "secret-shop" not in answer.text
    request = last_request(services, sql_generator.REGISTER_DATA_SOURCE)
    assert request.connection.get_secret_value() == "/data/secret-shop.db"
    assert answer.headers["location"] == f"/api/data-sources/{request.data_source_id}"


async def test_data_sources_are_listed_read_synced_and_deleted(ada, services, data_source):
    async def listed(request, identity):
        return DataSources(data_sources=(data_source(uuid4()),))

    async def one(request, identity):
        return data_source(request.data_source_id)

    async def deleted(request, identity):
        return Empty()

    services.on(sql_generator.LIST_DATA_SOURCES, listed)
    services.on(sql_generator.GET_DATA_SOURCE, one)
    services.on(sql_generator.SYNC_DATA_SOURCE, one)
    services.on(sql_generator.DELETE_DATA_SOURCE, deleted)
    path = f"/api/data-sources/{(data_source_id := uuid4())}"
    assert len((await ada.get("/api/data-sources")).json()["data_sources"]) == 1
    assert (await ada.get(path)).json()["data_source_id"] == str(data_source_id)
    assert (await ada.post(f"{path}/sync")).status_code == 200
    assert (await ada.delete(path)).status_code == 204


async def test_the_pages_of_a_schema_are_gathered(ada, services):
    async def page(request, identity):
        return SchemaPage(
            data_source_id=request.data_source_id,
            dialect="sqlite",
            fingerprint="f1",
            tables=(Table(name=f"t{request.offset}", columns=()),),
            next_offset=request.offset + 1 if request.offset < 2 else None,
        )

    services.on(sql_generator.GET_SCHEMA, page)
    schema = (await ada.get(f"/api/data-sources/{(data_source_id := uuid4())}/schema")).json()
    assert [table["name"] for table in schema["tables"]] == ["t0", "t1", "t2"]
    assert schema["data_source_id"] == str(data_source_id)
    assert schema["fingerprint"] == "f1"


async def test_a_schema_that_changes_while_it_is_read_is_read_again(ada, services):
    fingerprints = iter(["f1", "f2", "f2", "f2"])

    async def page(request, identity):
        return SchemaPage(
            data_source_id=request.data_source_id,
            dialect="sqlite",
            fingerprint=next(fingerprints),
            tables=(Table(name=f"t{request.offset}", columns=()),),
            next_offset=1 if request.offset == 0 else None,
        )

    services.on(sql_generator.GET_SCHEMA, page)
    schema = (await ada.get(f"/api/data-sources/{uuid4()}/schema")).json()
    assert schema["fingerprint"] == "f2"
    assert [table["name"] for table in schema["tables"]] == ["t0", "t1"]


async def test_a_rule_is_created_and_listed(ada, services):
    rules = []

    async def create(request, identity):
        time = "2026-01-02T03:04:05Z"
        rules.append(
            Rule(
                **request.model_dump(),
                status="active",
                origin="user",
                application_count=0,
                last_applied_at=None,
                created_at=time,
                updated_at=time,
            )
        )
        return rules[-1]

    async def listed(request, identity):
        return Rules(rules=tuple(rules))

    services.on(sql_generator.CREATE_RULE, create)
    services.on(sql_generator.LIST_RULES, listed)
    body = {"rule_name": "aliases", "rule_type": "preference", "rule_content": "alias every table"}
    created = await ada.post("/api/rules", json=body)
    assert created.status_code == 201
    source = str(uuid4())
    listed_rules = await ada.get("/api/rules", params={"data_source_id": source})
    assert listed_rules.json()["rules"] == [created.json()]
    assert str(last_request(services, sql_generator.LIST_RULES).data_source_id) == source


async def test_a_question_is_asked_and_its_query_run(ada, services):
    async def answer(request, identity):
        return Answer(
            query_id=request.query_id,
            question=getattr(request, "question", "again"),
            data_source_id=uuid4(),
            conversation_id=None,
            status="executed" if getattr(request, "execute", True) else "generated",
            sql="SELECT 1",
            explanation="",
            intent="select",
            confidence=1,
            model="offline",
        )

    services.on(sql_generator.GENERATE, answer)
    services.on(sql_generator.EXECUTE, answer)
    asked = await ada.post("/api/queries", json={"question": "how many orders?"})
    assert asked.status_code == 200
    assert asked.json()["status"] == "generated"
    assert last_request(services, sql_generator.GENERATE).execute is False
    executed = await ada.post(f"/api/queries/{asked.json()['query_id']}/execute")
    assert executed.json()["status"] == "executed"


async def test_whoever_asks_travels_with_every_call(gateway_url, services, ada, token):
    headers = token("zoë", tenant="acme", roles=["admin", "service"]) | {"X-Request-Id": "trace-me.1"}
    await ada.post("/api/memories", json={"content": "x"}, headers=headers)
    _, _, identity = services.requests[-1]
    assert (identity.tenant_id, identity.user_id, identity.roles, identity.request_id) == (
        "acme",
        "zoë",
        ("admin",),
        "trace-me.1",
    )


async def test_another_users_ids_are_not_found(ada, bob):
    memory = await ada.post("/api/memories", json={"content": "mine"})
    conversation = await ada.post("/api/conversations", json={})
    assert (await ada.get(memory.headers["location"])).status_code == 200
    for answer in (
        await bob.get(memory.headers["location"]),
        await bob.delete(memory.headers["location"]),
        await bob.get(conversation.headers["location"]),
    ):
        assert answer.status_code == 404
        assert answer.json()["type"] == "not-found"
    assert (await ada.get(memory.headers["location"])).status_code == 200
