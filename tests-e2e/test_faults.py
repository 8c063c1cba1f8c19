"""Parts die and come back; nothing accepted is lost, and what is missing is said."""

import asyncio

import asyncpg
import pytest

from contracts.topology import SERVICES


def vectors(system, user):
    async def count():
        connection = await asyncpg.connect(system.admin_url)
        try:
            return await connection.fetch(
                "select memory_id, count(*) from memory_store.memori_memory_vectors"
                " join memory_store.memori_memories using (tenant_id, user_id, memory_no)"
                " where user_id = $1 group by memory_id",
                user.user_id,
            )
        finally:
            await connection.close()

    return {row["memory_id"]: row["count"] for row in asyncio.run(count())}


@pytest.mark.parametrize("victim", SERVICES)
def test_a_killed_service_loses_no_memory_and_embeds_each_once(system, new_user, wait, victim):
    user = new_user("crash")
    topics = ["ships", "volcanoes", "bakeries", "violins", "glaciers", "satellites", "orchards", "castles"]
    accepted = [user.remember(f"A note about {topic}, number {n}")["memory_id"] for n, topic in enumerate(topics)]
    system.supervisor.kill(victim)
    wait(lambda: system.supervisor.pid(victim) is None)
    system.supervisor.start(victim)
    system.supervisor.wait_ready(victim, timeout=60)
    accepted += [user.remember(f"A later note about {topic}")["memory_id"] for topic in topics]

    def all_by_meaning():
        hits = user.search("a note", limit=100, min_similarity=-1)
        assert not hits["degraded"]
        found = {hit["memory_id"] for hit in hits["results"] if "vector" in hit["matched_by"]}
        assert found == set(accepted)

    wait(all_by_meaning, timeout=90)
    counts = vectors(system, user)
    assert len(counts) == len(accepted)
    assert set(counts.values()) == {1}


@pytest.mark.parametrize("victim", ["postgres", "nats"])
def test_a_killed_server_loses_no_memory_and_the_services_find_it_again(system, new_user, wait, victim):
    user = new_user("server")
    accepted = [user.remember(f"Before the crash, note {n}")["memory_id"] for n in range(10)]
    getattr(system, victim).kill()
    assert user.http.get(f"/api/memories/{accepted[0]}").status_code in {503, 504}
    assert len(system.revive()) == 1

    def all_by_meaning():
        found = user.search("a note", limit=100, min_similarity=-1)
        assert not found["degraded"]
        assert {hit["memory_id"] for hit in found["results"] if "vector" in hit["matched_by"]} == set(accepted)

    wait(lambda: accepted.append(user.remember("After the crash")["memory_id"]), timeout=60)
    wait(all_by_meaning, timeout=90)
    assert set(vectors(system, user).values()) == {1}
    system.supervisor.wait_ready(timeout=60)


def test_without_the_embedding_worker_memories_are_accepted_and_found_by_words(system, ada, wait):
    system.supervisor.stop("embedding-worker")
    try:
        stored = [ada.remember(f"The {colour} warehouse holds spare parts") for colour in ("red", "green", "blue")]
        found = ada.search("green warehouse")
        assert found["degraded"] is True
        assert found["results"][0]["memory_id"] == stored[1]["memory_id"]
        assert found["results"][0]["matched_by"] == ["text"]
        health = ada.get("/health/memori")
        assert health["status"] == "degraded"
    finally:
        system.supervisor.start("embedding-worker")
        system.supervisor.wait_ready("embedding-worker", timeout=60)

    def drained():
        found = ada.search("where are replacement components stored?", min_similarity=-1)
        assert found["degraded"] is False
        assert {hit["memory_id"] for hit in found["results"]} == {memory["memory_id"] for memory in stored}

    wait(drained, timeout=60)


def test_without_the_sql_generator_questions_say_when_to_come_back(system, ada):
    system.supervisor.stop("sql-generator")
    try:
        response = ada.http.post("/api/queries", json={"question": "How many orders?"})
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
        assert response.headers["content-type"] == "application/problem+json"
        assert ada.remember("still accepted")["memory_id"]
    finally:
        system.supervisor.start("sql-generator")
        system.supervisor.wait_ready("sql-generator", timeout=60)


def test_questions_are_answered_while_memory_and_knowledge_are_away(system, ada, with_shop):
    source = with_shop(ada)
    for service in ("entity-extractor", "memory-store"):
        system.supervisor.stop(service)
    try:
        answer = ada.ask("How many products are there?", data_source_id=source, execute=True)
        assert answer["status"] == "executed", answer
        assert answer["result"]["rows"] == [[80]]
        assert {"memories", "knowledge"} <= set(answer["degraded"]), answer["degraded"]
    finally:
        for service in ("entity-extractor", "memory-store"):
            system.supervisor.start(service)
        system.supervisor.wait_ready(timeout=60)
