"""What users say becomes knowledge, as a front end sees it."""


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
