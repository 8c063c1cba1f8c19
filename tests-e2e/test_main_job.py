"""The product does its job: remember, index, recall, write SQL with the memory, run it, learn."""

import asyncio
import json

import nats


def found_by_meaning(user, query, memory_id):
    hits = {hit["memory_id"]: hit for hit in user.search(query)["results"]}
    assert memory_id in hits, hits
    assert "vector" in hits[memory_id]["matched_by"], hits[memory_id]
    return hits[memory_id]


def test_a_memory_is_found_by_its_words_at_once_and_by_its_meaning_soon(ada, wait):
    stored = ada.remember("Our fiscal year starts in April")
    assert ada.get(f"/api/memories/{stored['memory_id']}")["content"] == "Our fiscal year starts in April"
    by_words = ada.search("fiscal year")
    assert [hit["memory_id"] for hit in by_words["results"]] == [stored["memory_id"]]
    hit = wait(lambda: found_by_meaning(ada, "when does the accounting period begin?", stored["memory_id"]))
    assert hit["similarity_score"] > 0.2


def test_what_a_user_says_shapes_the_sql(ada, with_shop, wait):
    source = with_shop(ada)
    question = "What is the total revenue by category?"
    before = ada.ask(question, data_source_id=source)
    assert before["status"] == "abstained", before
    assert "revenue" in before["reason"].lower() or "revenue" in before["explanation"].lower()

    memory = ada.remember("Revenue means sum(order_items.quantity * order_items.unit_price)")
    wait(lambda: found_by_meaning(ada, question, memory["memory_id"]))
    answer = ada.ask(question, data_source_id=source, execute=True)
    assert answer["status"] == "executed", answer
    assert "quantity" in answer["sql"]
    assert memory["memory_id"] in [used["memory_id"] for used in answer["memories"]]
    assert answer["result"]["row_count"] == 8
    assert answer["model"] == "offline"


def test_a_rule_told_as_a_memory_shapes_the_sql(ada, with_shop, wait):
    source = with_shop(ada)
    ada.remember("Prefers aliases for all tables", memory_type="rule")
    wait(lambda: len(ada.get("/api/rules")["rules"]) == 1)
    answer = ada.ask("How many customers are there in each country?", data_source_id=source, execute=True)
    assert answer["status"] == "executed", answer
    assert " AS " in answer["sql"]
    assert [rule["rule_name"] for rule in answer["rules"]]


def test_a_question_is_remembered_and_its_sql_reused_in_other_words(ada, with_shop, wait):
    source = with_shop(ada)
    first = ada.ask("How many orders are there per status?", data_source_id=source, execute=True)
    assert first["status"] == "executed", first
    remembered = wait(lambda: ada.get(f"/api/memories/{first['query_id']}"))
    assert remembered["memory_type"] == "short_term"
    assert remembered["importance_score"] >= 0.6
    assert {"sql_generation", "query"} <= set(remembered["context_tags"])
    again = ada.ask("How many orders do we have for each status?", data_source_id=source, execute=True)
    assert again["status"] == "executed", again
    assert again["result"]["rows"] == first["result"]["rows"]
    assert first["query_id"] in [pattern["pattern_id"] for pattern in again["patterns"]], again


def test_a_generated_query_runs_when_asked_to(ada, with_shop):
    source = with_shop(ada)
    generated = ada.ask("How many products are there?", data_source_id=source)
    assert (generated["status"], generated["result"]) == ("generated", None)
    executed = ada.post(f"/api/queries/{generated['query_id']}/execute")
    assert executed["status"] == "executed"
    assert executed["result"]["rows"] == [[80]]


def test_statements_that_change_data_are_refused(ada, with_shop, shop_file):
    source = with_shop(ada)
    before = shop_file.read_bytes()
    for statement in ("DROP TABLE customers", "DELETE FROM orders", "SELECT 1; DROP TABLE orders"):
        answer = ada.ask(statement, data_source_id=source, execute=True)
        assert answer["status"] in {"refused", "abstained"}, answer
        assert answer["result"] is None
    refused = ada.ask("DROP TABLE customers", data_source_id=source, execute=True)
    assert refused["status"] == "refused"
    assert refused["reason"]
    assert shop_file.read_bytes() == before


def test_the_schema_and_the_queries_become_knowledge(ada, with_shop, wait):
    source = with_shop(ada)

    def tables():
        entities = ada.get("/api/entities", params={"entity_type": "table", "data_source_id": source})["entities"]
        assert {entity["entity_name"] for entity in entities} >= {"customers", "orders", "order_items", "products"}

    wait(tables)
    joins = ada.get("/api/relationships", params={"relationship_type": "joins_with", "limit": 200})["relationships"]
    assert {"orders", "customers"} in [{join["source_name"], join["target_name"]} for join in joins]
    answer = ada.ask("How many orders are there per status?", data_source_id=source, execute=True)
    assert answer["status"] == "executed"

    def learned():
        uses = ada.get("/api/relationships", params={"relationship_type": "groups_by"})["relationships"]
        assert any("status" in use["target_name"] or "status" in use["source_name"] for use in uses)

    wait(learned)


async def test_a_subscriber_with_nats_py_alone_sees_each_committed_memory_and_no_other(system, ada):
    client = await nats.connect(system.subscriber_url(), inbox_prefix=b"_INBOX.subscriber")
    seen = asyncio.Queue()

    async def receive(message):
        seen.put_nowait(json.loads(message.data))

    await client.subscribe("memory.created", cb=receive)
    await client.flush()
    post = asyncio.to_thread
    unknown = "00000000-0000-4000-8000-000000000000"
    batch = {"memories": [{"content": "never"}, {"content": "never too", "conversation_id": unknown}]}
    await post(ada.post, "/api/memories/batch", batch, {404, 422})
    stored = [await post(ada.remember, f"fact {n}") for n in range(5)]
    batch = {"memories": [{"content": f"batch fact {n}"} for n in range(20)]}
    stored += (await post(ada.post, "/api/memories/batch", batch, 201))["memories"]
    expected = {memory["memory_id"] for memory in stored}
    mine = {}
    async with asyncio.timeout(15):
        while set(mine) < expected:
            event = await seen.get()
            if event["userid"] == ada.user_id:
                mine[event["data"]["memory_id"]] = event
    assert set(mine) == expected
    for event in mine.values():
        assert event["specversion"] == "1.0"
        assert "content" not in event["data"]
    assert seen.empty() or all(event["userid"] != ada.user_id for event in list(seen._queue))
    await client.close()


def test_health_names_every_part(ada, wait):
    def healthy():
        health = ada.get("/health/memori")
        assert health["status"] == "healthy", health
        assert {"database", "nats", "memory-store", "embedding-worker", "entity-extractor", "sql-generator"} <= set(
            health["checks"]
        )

    wait(healthy)
    assert ada.http.get("/healthz").status_code == 200
    assert ada.http.get("/readyz").status_code == 200
    assert "memori_http_seconds" in ada.http.get("/metrics").text
    assert ada.http.get("/docs").status_code == 200
