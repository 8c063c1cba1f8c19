"""The lives of memories, as a front end sees them."""

import asyncio
import shutil
from datetime import UTC, datetime, timedelta

from contracts.topology import MIGRATOR
from memori_cli.local.nats import EmbeddedNats
from memori_cli.migrate import migrate_streams


def history(user, memory_id):
    return [
        (version["revision"], version["change"], version["changed_by"])
        for version in user.get(f"/api/memories/{memory_id}/history")["versions"]
    ]


def test_a_memory_is_promoted_changed_and_brought_back_and_its_history_says_so(ada):
    memory = ada.remember("Churn counts customers without an order for 90 days", memory_type="short_term")
    path = f"/api/memories/{memory['memory_id']}"
    promoted = ada.post(f"{path}/promote")
    assert (promoted["memory_type"], promoted["expires_at"]) == ("long_term", None)
    assert promoted["importance_score"] > memory["importance_score"]
    assert ada.post(f"{path}/promote", status=409)["type"].endswith("conflict")
    restored = ada.post(f"{path}/restore")
    assert (restored["memory_type"], restored["importance_score"]) == ("short_term", memory["importance_score"])
    assert ada.http.patch(path, json={"content": "Churn is 60 days without an order"}).status_code == 200
    assert history(ada, memory["memory_id"]) == [
        (4, "updated", "user"),
        (3, "restored", "user"),
        (2, "promoted", "user"),
        (1, "created", "user"),
    ]
    assert ada.http.delete(path).status_code == 204
    left = ada.get(f"{path}/history")["versions"]
    assert left[0]["change"] == "deleted"
    assert {version["content"] for version in left} == {None}


def test_a_newer_preference_takes_the_place_of_an_older_one_and_can_be_undone(ada, wait):
    first = ada.remember("Prefers bar charts for revenue", memory_type="rule")
    wait(lambda: ada.get(f"/api/memories/{first['memory_id']}")["embedded"])
    second = ada.remember("Prefers line charts for revenue", memory_type="rule")

    def superseded():
        old = ada.get(f"/api/memories/{first['memory_id']}")
        assert old["is_archived"]
        return old

    old = wait(superseded)
    assert (old["archived_reason"], old["superseded_by"]) == ("superseded", second["memory_id"])
    assert [hit["memory_id"] for hit in ada.search("charts for revenue")["results"]] == [second["memory_id"]]
    wait(lambda: [rule["rule_content"] for rule in ada.get("/api/rules")["rules"]] == [second["content"]])
    ada.post(f"/api/memories/{first['memory_id']}/restore")
    found = {hit["memory_id"] for hit in ada.search("charts for revenue")["results"]}
    assert found == {first["memory_id"], second["memory_id"]}
    wait(lambda: len(ada.get("/api/rules")["rules"]) == 2)


def test_a_memory_that_is_needed_often_stays(ada, wait):
    memory = ada.remember("The warehouse in Lyon closes at noon on Fridays", memory_type="short_term")
    for _ in range(3):
        conversation = ada.post("/api/conversations", {})["conversation_id"]
        assert ada.search("when does Lyon close?", asked_in=conversation)["results"]
    wait(lambda: ada.get(f"/api/memories/{memory['memory_id']}")["memory_type"] == "long_term")
    assert history(ada, memory["memory_id"])[0] == (2, "promoted", "lifecycle")


def test_a_memory_leaves_search_when_its_time_has_come(ada, wait):
    soon = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    memory = ada.remember("The meeting room moved to floor three", expires_at=soon)
    assert ada.search("meeting room")["results"]
    wait(lambda: not ada.search("meeting room")["results"])
    wait(lambda: ada.get(f"/api/memories/{memory['memory_id']}")["archived_reason"] == "expired")
    assert ada.search("meeting room", include_archived=True)["results"]
    assert ada.get("/api/memories/statistics/summary")["archived"] == 1


def test_a_sensitive_memory_is_found_by_id_and_tag_and_never_by_what_it_says(ada, system, wait):
    memory = ada.remember("The vault code is zyxwv-98", sensitive=True, context_tags=["vault"])
    other = ada.remember("The vault is in the cellar")
    wait(lambda: ada.get(f"/api/memories/{other['memory_id']}")["embedded"])
    assert [hit["memory_id"] for hit in ada.search("vault code zyxwv", min_similarity=-1)["results"]] == [
        other["memory_id"]
    ]
    listed = ada.get("/api/memories", params={"tags": "vault"})["memories"]
    assert [found["content"] for found in listed] == ["The vault code is zyxwv-98"]
    assert ada.get(f"/api/memories/{memory['memory_id']}")["content"] == "The vault code is zyxwv-98"


def test_turns_of_a_conversation_are_kept_in_their_order(ada):
    conversation = ada.post("/api/conversations", {"title": "Revenue"})["conversation_id"]
    path = f"/api/conversations/{conversation}"
    said = [
        {"role": role, "content": text} for role, text in (("user", "Revenue?"), ("assistant", "42"), ("user", "ok"))
    ]
    ada.post(f"{path}/messages", {"messages": said})
    kept = ada.get(f"{path}/messages")["messages"]
    assert [(message["role"], message["content"]) for message in kept] == [(m["role"], m["content"]) for m in said]
    changed = ada.http.patch(path, json={"summary": "Revenue is 42", "metadata": {"done": True}}).json()
    assert (changed["title"], changed["summary"], changed["metadata"]) == ("Revenue", "Revenue is 42", {"done": True})
    ada.remember("Revenue was 42", conversation_id=conversation)
    assert len(ada.get(path, params={"include": "memories"})["memories"]) == 1


def lose_disk(nats):
    if isinstance(nats, EmbeddedNats):
        shutil.rmtree(nats.data_dir / "jetstream")
    else:
        nats.lose_disk()


def test_a_broker_that_lost_its_disk_costs_no_memory_its_vector(system, new_user, wait):
    user = new_user("disk")
    system.supervisor.stop("embedding-worker")
    stored = [user.remember(f"A note about lighthouse number {n}")["memory_id"] for n in range(5)]
    try:
        system.nats.kill()
        lose_disk(system.nats)
        assert system.revive() == ["NATS"]
        migrating = migrate_streams(system.nats.url, user=MIGRATOR, password=system.secrets.nats[MIGRATOR])
        asyncio.run(migrating)
    finally:
        system.supervisor.start("embedding-worker")
        system.supervisor.wait_ready(timeout=60)
    # No event says so any more; the reconciler finds those that have waited for a minute.
    wait(lambda: all(user.get(f"/api/memories/{memory_id}")["embedded"] for memory_id in stored), timeout=100)
