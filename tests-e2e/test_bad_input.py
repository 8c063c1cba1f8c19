"""Every input from outside is hostile some day: a clear error that names the field, and never a 5xx."""

import json
from uuid import uuid4

import pytest

UNKNOWN = str(uuid4())

CASES = [
    ("POST", "/api/memories", {"content": ""}, "content"),
    ("POST", "/api/memories", {"content": "x" * 10_001}, "content"),
    ("POST", "/api/memories", {}, "content"),
    ("POST", "/api/memories", {"content": 5}, "content"),
    ("POST", "/api/memories", {"content": None}, "content"),
    ("POST", "/api/memories", {"content": "a\x00b"}, "content"),
    ("POST", "/api/memories", {"content": "x", "importance_score": 1.5}, "importance_score"),
    ("POST", "/api/memories", {"content": "x", "importance_score": "high"}, "importance_score"),
    ("POST", "/api/memories", {"content": "x", "memory_type": "forever"}, "memory_type"),
    ("POST", "/api/memories", {"content": "x", "conversation_id": "nope"}, "conversation_id"),
    ("POST", "/api/memories", {"content": "x", "metadata": {"a": {"b": "\x00"}}}, "metadata"),
    ("POST", "/api/memories", {"content": "x", "metadata": [1]}, "metadata"),
    ("POST", "/api/memories", {"content": "x", "context_tags": "tag"}, "context_tags"),
    ("POST", "/api/memories", {"content": "x", "context_tags": [""]}, "context_tags.0"),
    ("POST", "/api/memories", {"content": "x", "expires_at": "soon"}, "expires_at"),
    ("POST", "/api/memories", {"content": "x", "conten": "typo"}, "conten"),
    ("POST", "/api/memories/batch", {"memories": []}, "memories"),
    ("POST", "/api/memories/batch", {"memories": [{"content": "x"}, {"content": ""}]}, "memories.1.content"),
    ("POST", "/api/memories/batch", {"memories": [{"content": "x"}] * 1001}, "memories"),
    ("POST", "/api/memories/search", {"query": ""}, "query"),
    ("POST", "/api/memories/search", {"query": "x" * 1001}, "query"),
    ("POST", "/api/memories/search", {"query": "x", "limit": 0}, "limit"),
    ("POST", "/api/memories/search", {"query": "x", "limit": 101}, "limit"),
    ("POST", "/api/memories/search", {"query": "x", "min_similarity": 7}, "min_similarity"),
    ("POST", "/api/conversations", {"title": "x" * 501}, "title"),
    ("POST", "/api/rules", {"rule_name": "r", "rule_type": "law", "rule_content": "x"}, "rule_type"),
    ("POST", "/api/rules", {"rule_name": "r" * 256, "rule_type": "preference", "rule_content": "x"}, "rule_name"),
    ("POST", "/api/data-sources", {"name": "x", "kind": "oracle", "connection": "x"}, "kind"),
    ("POST", "/api/queries", {"question": ""}, "question"),
    ("POST", "/api/queries", {"question": "x", "data_source_id": "nope"}, "data_source_id"),
    ("GET", "/api/memories/not-a-uuid", None, "memory_id"),
    ("DELETE", "/api/conversations/not-a-uuid", None, "conversation_id"),
    ("GET", "/api/entities?limit=0", None, "limit"),
    ("GET", "/api/conversations?cursor=garbage", None, "cursor"),
]


def problem(response):
    assert 400 <= response.status_code < 500, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert "Traceback" not in response.text
    return body


@pytest.mark.parametrize(
    ("verb", "path", "body", "field"), CASES, ids=[f"{c[1]}-{c[3]}-{n}" for n, c in enumerate(CASES)]
)
def test_the_field_is_named(ada, verb, path, body, field):
    found = problem(ada.http.request(verb, path, json=body))
    assert field in [error["field"] for error in found["errors"]], found


def test_an_unknown_data_source_is_not_found(ada):
    response = ada.http.post("/api/queries", json={"question": "How many?", "data_source_id": UNKNOWN})
    assert problem(response)["status"] == 404
    assert problem(ada.http.post(f"/api/data-sources/{UNKNOWN}/sync"))["status"] == 404


def test_a_body_over_the_limit_is_refused(ada):
    response = ada.http.post("/api/memories", content=json.dumps({"content": "x" * 5_000_000}))
    assert problem(response)["status"] == 413


@pytest.mark.parametrize(
    "body", [b"{", b"", b"\xff\xfe", b"[]", b"null", b'"text"', b'{"content": "\\ud800"}', b"[" * 5_000]
)
def test_what_is_no_json_object_is_refused(ada, body):
    response = ada.http.post("/api/memories", content=body, headers={"Content-Type": "application/json"})
    problem(response)


def test_unknown_routes_and_methods_are_problems_too(ada):
    assert problem(ada.http.get("/api/nothing"))["status"] == 404
    assert problem(ada.http.put("/api/memories"))["status"] == 405


def test_awkward_texts_come_back_as_they_were_sent(ada):
    texts = [
        "a < b && c > d",
        "<script>alert(1)</script>",
        "'; DROP TABLE x; --",
        "日本語のメモ",
        "🙂" * 50,
        "\u202eright to left",
        " spaces ",
        "x" * 10_000,
    ]
    for text in texts:
        memory = ada.remember(text)
        assert ada.get(f"/api/memories/{memory['memory_id']}")["content"] == text
