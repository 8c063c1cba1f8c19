"""What users say becomes knowledge, as a front end sees it."""

from typer.testing import CliRunner

from contracts.topology import MIGRATOR
from memori_cli.main import app


def test_what_is_said_becomes_facts_memories_concepts_and_a_graph(ada, wait):
    conversation = ada.post("/api/conversations", {})["conversation_id"]
    said = "I live in Lisbon. Churn means cancelled subscriptions. How high is churn?"
    turn = {"messages": [{"role": "user", "content": said}]}
    ada.post(f"/api/conversations/{conversation}/messages", turn)

    def learned():
        facts = ada.get("/api/facts")["facts"]
        assert {(fact["subject"], fact["predicate"], fact["object"]) for fact in facts} == {
            ("user", "lives in", "Lisbon"),
            ("churn", "means", "cancelled subscriptions"),
        }
        memories = {memory["memory_id"]: memory["content"] for memory in ada.get("/api/memories")["memories"]}
        assert all(fact["fact_id"] in memories for fact in facts)
        return {fact["subject"]: fact["fact_id"] for fact in facts}

    facts = wait(learned)
    (concept,) = ada.get("/api/entities?entity_type=concept")["entities"]
    assert (concept["entity_name"], concept["mention_count"]) == ("churn", 1)
    path = f"/api/entities/{concept['entity_id']}"
    assert ada.get(path)["entity"] == concept
    assert [each["entity_id"] for each in ada.get("/api/graph?name=chur")["entities"]] == [concept["entity_id"]]
    drawn = ada.http.get("/api/graph?format=graphml")
    assert drawn.headers["content-type"].startswith("application/graphml+xml")
    assert "cancelled subscriptions" in drawn.text
    assert ada.http.post(f"{path}/merge", json={"into": concept["entity_id"]}).status_code == 422
    assert ada.http.delete(path).status_code == 204
    assert ada.http.get(path).status_code == 404

    assert ada.http.delete(f"/api/memories/{facts['user']}").status_code == 204

    def forgotten():
        assert [fact["subject"] for fact in ada.get("/api/facts")["facts"]] == ["churn"]

    wait(forgotten)


def test_knowledge_that_is_learned_again_is_the_same(ada, wait, system):
    conversation = ada.post("/api/conversations", {})["conversation_id"]
    turn = {"messages": [{"role": "user", "content": "I live in Lisbon. Churn means cancelled subscriptions."}]}
    ada.post(f"/api/conversations/{conversation}/messages", turn)

    def known():
        facts = ada.get("/api/facts")["facts"]
        assert len(facts) == 2
        entities = ada.get("/api/entities")["entities"]
        return {fact["fact_id"] for fact in facts}, {each["entity_id"]: each["mention_count"] for each in entities}

    before = wait(known)
    server = ["--nats-url", system.nats.url, "--nats-password", system.secrets.nats[MIGRATOR]]
    command = ["knowledge", "rebuild", "--user", ada.user_id, "--fresh", *server]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "1 turns" in result.output
    assert known() == before
    result = CliRunner().invoke(app, command[:-5] + server)
    assert result.exit_code == 0, result.output
    assert known() == before
