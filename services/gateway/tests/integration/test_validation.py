"""Whatever is wrong with a request is named, and nobody is asked anything."""

from uuid import UUID

import pytest

JSON = {"Content-Type": "application/json"}
DEEP = b"[" * 100_000 + b"]" * 100_000

UNKNOWN = UUID(int=1)
"""A constant, so that the tests have the same names in every process."""

TURN = {"role": "user", "content": "x"}
RULE = {"rule_name": "x", "rule_type": "constraint", "rule_content": "x"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("content", ""),
        ("content", "x" * 10_001),
        ("content", 7),
        ("content", None),
        ("content", ["x"]),
        ("content", "a\x00b"),
        ("importance_score", 1.5),
        ("importance_score", -0.1),
        ("importance_score", "0.5"),
        ("importance_score", True),
        ("importance_score", 10**400),
        ("memory_type", "forever"),
        ("conversation_id", "not-a-uuid"),
        ("memory_id", "' OR 1=1 --"),
        ("memory_id", None),
        ("context_tags", "a"),
        ("context_tags", ["x"] * 51),
        ("context_tags.1", ["fine", ""]),
        ("related_entities.0", ["x" * 101]),
        ("metadata", "x"),
        ("metadata", {"a": "\x00"}),
        ("metadata", {"\x00": 1}),
        ("metadata", {"a": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}),
        ("expires_at", "2026-01-01T00:00:00"),
        ("expires_at", 1_767_225_600),
        ("expires_at", "tomorrow"),
        ("occurred_at", "2026-01-01T00:00:00"),
        ("process_id", ""),
        ("process_id", "x" * 256),
        ("session_id", 7),
        ("visibility", "public"),
        ("sensitive", "yes"),
        ("contnet", "a typo"),
        ("user_id", "somebody-else"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_memory_that_is_not_valid_has_its_field_named(check_problem, ada, services, field, value):
    answer = await ada.post("/api/memories", json={"content": "fine"} | {field.split(".")[0]: value})
    check_problem(answer, 422, "invalid", field)
    assert services.requests == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"null", "body"),
        (b"[]", "body"),
        (b'"text"', "body"),
        (b"{}", "content"),
        (b"\xff\xfe\x00", "body"),
        (b'{"content": "\xff"}', "body"),
        (b'{"content": "\\ud800"}', "body"),
        (b'{"content": "a\nb"}', "body"),
        (b'{"content": "x", "content": "y"}', "content"),
        (b'{"content": "x", "metadata": {"a": 1, "a": 2}}', "a"),
        (b'{"content": "x", "importance_score": NaN}', "importance_score"),
        (b'{"content": "x", "importance_score": 1e999}', "importance_score"),
        (b'{"content": "x", "metadata": {"a": Infinity}}', "metadata"),
        (b'{"content": "x", "metadata": {"a": ' + b"9" * 5_000 + b"}}", "body"),
        (b'{"content": ' + DEEP + b"}", "body"),
        (DEEP, "body"),
        ("{}".encode("utf-16"), "body"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_body_that_is_not_sound_json_is_refused(check_problem, ada, services, body, field):
    check_problem(await ada.post("/api/memories", content=body, headers=JSON), 422, "invalid", field)
    assert services.requests == []


async def test_the_wrong_memory_of_a_batch_is_named_by_its_index(check_problem, ada):
    memories = [{"content": "x"}] * 3 + [{"content": "x", "importance_score": 2}]
    check_problem(
        await ada.post("/api/memories/batch", json={"memories": memories}),
        422,
        "invalid",
        "memories.3.importance_score",
    )
    many = [{"content": "x"}] * 1_001
    check_problem(await ada.post("/api/memories/batch", json={"memories": many}), 422, "invalid", "memories")
    check_problem(await ada.post("/api/memories/batch", json={"memories": []}), 422, "invalid", "memories")


async def test_at_most_fifty_errors_are_listed(check_problem, ada):
    answer = await ada.post("/api/memories/batch", json={"memories": [{"content": ""}] * 1_000})
    check_problem(answer, 422, "invalid", "memories.0.content")
    assert len(answer.json()["errors"]) == 50


async def test_a_body_made_of_errors_is_refused_without_listing_them(check_problem, ada):
    answer = await ada.post("/api/memories", json={"content": "x"} | {f"k{index}": 1 for index in range(50_000)})
    check_problem(answer, 422, "invalid", "body")
    assert answer.json()["errors"][0]["message"] == "has 50000 errors"


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("GET", "/api/memories/not-a-uuid", None, "memory_id"),
        ("DELETE", "/api/memories/%00", None, "memory_id"),
        ("PATCH", f"/api/memories/{UNKNOWN}", {}, "body"),
        ("PATCH", f"/api/memories/{UNKNOWN}", {"content": None}, "content"),
        ("PATCH", f"/api/memories/{UNKNOWN}", {"memory_type": "rule"}, "memory_type"),
        ("PATCH", f"/api/memories/{UNKNOWN}", {"visibility": None}, "visibility"),
        ("POST", "/api/memories", {"content": "x", "sensitive": True, "visibility": "tenant"}, "body"),
        ("GET", "/api/memories?limit=201", None, "limit"),
        ("GET", "/api/memories?memory_types=rule&memory_types=odd", None, "memory_types.1"),
        ("GET", "/api/memories?tags=", None, "tags.0"),
        ("GET", "/api/memories?process_id=", None, "process_id"),
        ("GET", "/api/memories?visibility=public", None, "visibility"),
        ("GET", f"/api/memories/{UNKNOWN}/history?limit=101", None, "limit"),
        ("GET", f"/api/memories/{UNKNOWN}/history?cursor=%00", None, "cursor"),
        ("POST", "/api/memories/statistics/promote", None, "memory_id"),
        ("GET", "/api/memories/statistics", None, "memory_id"),
        ("POST", "/api/memories/1/restore", None, "memory_id"),
        ("POST", "/api/memories/maintenance/archive?days_threshold=0", None, "days_threshold"),
        ("POST", "/api/memories/maintenance/archive?days_threshold=366", None, "days_threshold"),
        ("GET", f"/api/memories/{UNKNOWN}?include_embedding=perhaps", None, "include_embedding"),
        ("POST", "/api/memories/search", {"query": ""}, "query"),
        ("POST", "/api/memories/search", {"query": "x" * 1_001}, "query"),
        ("POST", "/api/memories/search", {"query": "x", "limit": 0}, "limit"),
        ("POST", "/api/memories/search", {"query": "x", "limit": 101}, "limit"),
        ("POST", "/api/memories/search", {"query": "x", "limit": "10"}, "limit"),
        ("POST", "/api/memories/search", {"query": "x", "embedding": "AAAA"}, "embedding"),
        ("POST", "/api/memories/search", {"query": "x", "occurred_after": "2026-01-01"}, "occurred_after"),
        ("POST", "/api/memories/search", {"query": "x", "asked_in": "here"}, "asked_in"),
        ("POST", "/api/memories/search", {"query": "x", "without": ["charm"]}, "without.0"),
        ("POST", "/api/memories/search", {"query": "x", "memory_types": ["rule", "odd"]}, "memory_types.1"),
        ("GET", "/api/conversations?limit=many", None, "limit"),
        ("GET", "/api/conversations?cursor=%00", None, "cursor"),
        ("GET", "/api/conversations?cursor=" + "x" * 5_000, None, "cursor"),
        ("GET", "/api/conversations/1", None, "conversation_id"),
        ("GET", f"/api/conversations/{UNKNOWN}?include=everything", None, "include"),
        ("PATCH", f"/api/conversations/{UNKNOWN}", {}, "body"),
        ("PATCH", f"/api/conversations/{UNKNOWN}", {"summary": None}, "summary"),
        ("PATCH", f"/api/conversations/{UNKNOWN}", {"title": "x" * 501}, "title"),
        ("POST", f"/api/conversations/{UNKNOWN}/messages", {"messages": []}, "messages"),
        ("POST", f"/api/conversations/{UNKNOWN}/messages", {"messages": [TURN] * 101}, "messages"),
        (
            "POST",
            f"/api/conversations/{UNKNOWN}/messages",
            {"messages": [TURN, TURN | {"role": "x"}]},
            "messages.1.role",
        ),
        ("POST", f"/api/conversations/{UNKNOWN}/messages", {"messages": [TURN | {"odd": 1}]}, "messages.0.odd"),
        ("POST", "/api/conversations/1/messages", {"messages": [TURN]}, "conversation_id"),
        ("GET", f"/api/conversations/{UNKNOWN}/messages?limit=201", None, "limit"),
        ("GET", "/api/entities?entity_type=planet", None, "entity_type"),
        ("GET", "/api/relationships?data_source_id=x", None, "data_source_id"),
        ("GET", "/api/facts?kind=rumour", None, "kind"),
        ("GET", "/api/entities/x", None, "entity_id"),
        ("GET", "/api/relationships?entity_id=x", None, "entity_id"),
        ("GET", "/api/graph?depth=5", None, "depth"),
        ("GET", "/api/graph?limit=0", None, "limit"),
        ("GET", "/api/graph?format=svg", None, "format"),
        ("DELETE", "/api/entities/x", None, "entity_id"),
        ("POST", f"/api/entities/{UNKNOWN}/merge", {"into": "x"}, "into"),
        ("POST", f"/api/entities/{UNKNOWN}/merge", {"into": str(UNKNOWN), "also": 1}, "also"),
        ("POST", "/api/data-sources", {"name": "x", "kind": "oracle", "connection": "x"}, "kind"),
        ("POST", "/api/data-sources", {"name": "x", "kind": "sqlite"}, "connection"),
        ("PATCH", f"/api/data-sources/{UNKNOWN}", {}, "body"),
        ("PATCH", f"/api/data-sources/{UNKNOWN}", {"kind": "mysql"}, "kind"),
        ("PATCH", f"/api/data-sources/{UNKNOWN}", {"connection": None}, "connection"),
        ("PATCH", f"/api/data-sources/{UNKNOWN}", {"connection": ""}, "connection"),
        ("PATCH", f"/api/data-sources/{UNKNOWN}", {"name": "x" * 256}, "name"),
        ("POST", "/api/data-sources/x/test", None, "data_source_id"),
        ("POST", "/api/rules", {"rule_name": "x", "rule_type": "preference"}, "rule_content"),
        ("POST", "/api/rules", RULE | {"conditions": {"colour": "red"}}, "conditions.colour"),
        ("POST", "/api/rules", RULE | {"conditions": {"intent": "dance"}}, "conditions.intent"),
        ("POST", "/api/rules", RULE | {"effects": [{"kind": "dance"}]}, "effects.0"),
        ("POST", "/api/rules", RULE | {"effects": [{"kind": "limit", "rows": "5"}]}, "effects.0.limit.rows"),
        ("POST", "/api/rules", RULE | {"effects": [{"kind": "limit", "rows": 5, "odd": 1}]}, "effects.0.limit.odd"),
        ("PATCH", f"/api/rules/{UNKNOWN}", {"status": "proposed"}, "status"),
        ("PATCH", f"/api/rules/{UNKNOWN}", {"priority": None}, "priority"),
        ("PATCH", f"/api/rules/{UNKNOWN}", {"origin": "user"}, "origin"),
        ("GET", "/api/rules?status=asleep", None, "status"),
        ("DELETE", "/api/rules/1", None, "rule_id"),
        ("POST", "/api/rules/match", {"question": ""}, "question"),
        ("POST", "/api/queries", {"question": ""}, "question"),
        ("POST", "/api/queries", {"question": "x", "execute": "yes"}, "execute"),
        ("POST", f"/api/queries/{UNKNOWN}/feedback", {}, "body"),
        ("POST", f"/api/queries/{UNKNOWN}/feedback", {"score": 6}, "score"),
        ("POST", f"/api/queries/{UNKNOWN}/feedback", {"score": True}, "score"),
        ("POST", f"/api/queries/{UNKNOWN}/feedback", {"corrected_sql": ""}, "corrected_sql"),
        ("POST", f"/api/queries/{UNKNOWN}/feedback", {"corrected_sql": "x" * 20_001}, "corrected_sql"),
        ("POST", f"/api/queries/{UNKNOWN}/feedback", {"notes": "a\x00b"}, "notes"),
        ("POST", "/api/queries/x/feedback", {"score": 5}, "query_id"),
    ],
)
async def test_every_route_names_the_field_that_is_wrong(check_problem, ada, services, method, path, body, field):
    check_problem(await ada.request(method, path, json=body), 422, "invalid", field)
    assert services.requests == []
