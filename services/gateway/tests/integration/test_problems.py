"""Whatever is wrong is a problem document that names the field, and never a 5xx of the gateway's own making."""

import asyncio
import json
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts import memory_store, sql_generator
from contracts.methods import ProblemError
from contracts.problems import FieldError, problem

JSON = {"Content-Type": "application/json"}
DEEP = b"[" * 100_000 + b"]" * 100_000

UNKNOWN = UUID(int=1)
"""A constant, so that the tests have the same names in every process."""


def check_problem(answer, status, kind, field=None):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert set(document) == {"type", "title", "status", "detail", "instance", "request_id", "errors"}
    assert document["type"] == kind
    assert document["status"] == status
    assert document["instance"] == answer.url.path
    assert document["request_id"] == answer.headers["x-request-id"]
    if field is not None:
        assert field in [error["field"] for error in document["errors"]], document


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
        ("contnet", "a typo"),
        ("user_id", "somebody-else"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_memory_that_is_not_valid_has_its_field_named(ada, services, field, value):
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
async def test_a_body_that_is_not_sound_json_is_refused(ada, services, body, field):
    check_problem(await ada.post("/api/memories", content=body, headers=JSON), 422, "invalid", field)
    assert services.requests == []


async def test_the_wrong_memory_of_a_batch_is_named_by_its_index(ada):
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


async def test_at_most_fifty_errors_are_listed(ada):
    answer = await ada.post("/api/memories/batch", json={"memories": [{"content": ""}] * 1_000})
    check_problem(answer, 422, "invalid", "memories.0.content")
    assert len(answer.json()["errors"]) == 50


async def test_a_body_made_of_errors_is_refused_without_listing_them(ada):
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
        ("GET", f"/api/memories/{UNKNOWN}?include_embedding=perhaps", None, "include_embedding"),
        ("POST", "/api/memories/search", {"query": ""}, "query"),
        ("POST", "/api/memories/search", {"query": "x" * 1_001}, "query"),
        ("POST", "/api/memories/search", {"query": "x", "limit": 0}, "limit"),
        ("POST", "/api/memories/search", {"query": "x", "limit": 101}, "limit"),
        ("POST", "/api/memories/search", {"query": "x", "limit": "10"}, "limit"),
        ("POST", "/api/memories/search", {"query": "x", "embedding": "AAAA"}, "embedding"),
        ("POST", "/api/memories/search", {"query": "x", "memory_types": ["rule", "odd"]}, "memory_types.1"),
        ("GET", "/api/conversations?limit=many", None, "limit"),
        ("GET", "/api/conversations?cursor=%00", None, "cursor"),
        ("GET", "/api/conversations?cursor=" + "x" * 5_000, None, "cursor"),
        ("GET", "/api/conversations/1", None, "conversation_id"),
        ("GET", "/api/entities?entity_type=planet", None, "entity_type"),
        ("GET", "/api/relationships?data_source_id=x", None, "data_source_id"),
        ("POST", "/api/data-sources", {"name": "x", "kind": "oracle", "connection": "x"}, "kind"),
        ("POST", "/api/data-sources", {"name": "x", "kind": "sqlite"}, "connection"),
        ("POST", "/api/rules", {"rule_name": "x", "rule_type": "preference"}, "rule_content"),
        ("POST", "/api/queries", {"question": ""}, "question"),
        ("POST", "/api/queries", {"question": "x", "execute": "yes"}, "execute"),
    ],
)
async def test_every_route_names_the_field_that_is_wrong(ada, services, method, path, body, field):
    check_problem(await ada.request(method, path, json=body), 422, "invalid", field)
    assert services.requests == []


async def test_a_secret_that_is_not_valid_is_not_repeated(ada):
    body = {"name": "x", "kind": "sqlite", "connection": "hunter2" * 400}
    answer = await ada.post("/api/data-sources", json=body)
    check_problem(answer, 422, "invalid", "connection")
    assert "hunter2" not in answer.text


async def test_unknown_routes_and_wrong_methods_are_problems(ada, anonymous):
    check_problem(await anonymous.get("/api/nothing"), 404, "not-found")
    check_problem(await anonymous.get("/"), 404, "not-found")
    check_problem(await anonymous.get("/api/memories/"), 404, "not-found")
    wrong = await ada.put("/api/memories", json={})
    check_problem(wrong, 405, "method-not-allowed")
    assert "POST" in wrong.headers["allow"]
    check_problem(await ada.request("REPORT", "/api/memories"), 405, "method-not-allowed")


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data", "", "json"])
async def test_a_body_of_another_type_is_not_supported(ada, content_type):
    answer = await ada.post("/api/memories", content=b'{"content": "x"}', headers={"Content-Type": content_type})
    check_problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/x+json"])
async def test_json_by_any_of_its_names_is_read(ada, content_type):
    answer = await ada.post("/api/memories", content=b'{"content": "x"}', headers={"Content-Type": content_type})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("found", "status", "retry_after"),
    [
        (problem("not-found", "no such memory"), 404, None),
        (problem("conflict", "it is archived"), 409, None),
        (problem("refused", "only SELECT may run"), 422, None),
        (problem("forbidden"), 403, None),
        (problem("limit-exceeded", retry_after=7), 429, "7"),
        (problem("unavailable", "the database is away", retry_after=2), 503, "2"),
        (problem("invalid", errors=(FieldError(field="conversation_id", message="is unknown"),)), 422, None),
    ],
    ids=lambda value: getattr(value, "type", ""),
)
async def test_a_services_problem_is_handed_on(ada, services, found, status, retry_after):
    async def fail(request, identity):
        raise ProblemError(found)

    services.on(memory_store.SEARCH, fail)
    answer = await ada.post("/api/memories/search", json={"query": "x"})
    check_problem(answer, status, found.type, found.errors[0].field if found.errors else None)
    assert answer.json()["detail"] == found.detail
    assert answer.headers.get("retry-after") == retry_after


async def test_a_service_that_fails_gives_nothing_away(ada, services):
    async def fail(request, identity):
        raise ZeroDivisionError("secret inner working")

    services.on(memory_store.SEARCH, fail)
    answer = await ada.post("/api/memories/search", json={"query": "x"})
    check_problem(answer, 500, "failed")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


async def test_a_service_that_is_not_running_is_unavailable_for_now(ada):
    answer = await ada.get("/api/entities")
    check_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "2"
    assert "entity-extractor" in answer.json()["detail"]


async def test_a_service_that_stalls_is_given_up_on(start_gateway, token, services):
    never = asyncio.Event()

    async def stall(request, identity):
        await never.wait()

    services.on(memory_store.SEARCH, stall)
    services.on(sql_generator.GENERATE, stall)
    with start_gateway(rpc_timeout_seconds=0.2, generate_timeout_seconds=0.4) as url:
        async with httpx.AsyncClient(base_url=url, headers=token()) as client:
            check_problem(await client.post("/api/memories/search", json={"query": "x"}), 504, "timeout")
            asked = await client.post("/api/queries", json={"question": "x"})
            check_problem(asked, 504, "timeout")
            assert asked.elapsed.total_seconds() >= 0.4


async def test_a_reply_nobody_understands_is_a_failure_without_a_trace(ada, services):
    async def odd(request, identity):
        return memory_store.Memories(memories=())

    services.on(memory_store.CREATE, odd)
    answer = await ada.post("/api/memories", json={"content": "x"})
    check_problem(answer, 500, "failed")
    assert answer.json()["detail"] == ""


@pytest.mark.parametrize(("sent", "kept"), [("a-b.c_D1", True), ("x" * 128, True), ("x" * 129, False), ("a b", False), ("é", False), ("a\tb", False)])  # fmt: skip
async def test_a_sane_request_id_is_kept_and_any_other_replaced(anonymous, sent, kept):
    answer = await anonymous.get("/api/nothing", headers={"X-Request-Id": sent.encode()})
    assert (answer.headers["x-request-id"] == sent) is kept
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
FIELDS = ("memory_id", "content", "memory_type", "conversation_id", "importance_score", "context_tags", "related_entities", "metadata", "expires_at")  # fmt: skip
bodies = (
    json_values.map(json.dumps).map(str.encode)
    | st.dictionaries(st.sampled_from(FIELDS) | st.text(), json_values).map(json.dumps).map(str.encode)
    | st.builds(lambda extra: json.dumps({"content": "x"} | extra).encode(), st.dictionaries(st.sampled_from(FIELDS), json_values))
    | st.binary()
)  # fmt: skip


@pytest.fixture(scope="session")
def fuzzer(gateway_url, token, _stand_ins):
    _stand_ins.reset()
    with httpx.Client(base_url=gateway_url, headers=token("fuzz") | JSON, timeout=20) as client:
        yield client


async def test_no_body_whatever_makes_the_gateway_fail(fuzzer):
    @hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(bodies)
    def any_body(body):
        answer = fuzzer.post("/api/memories", content=body)
        assert answer.status_code == 201 or 400 <= answer.status_code < 500, answer.text
        if answer.status_code == 422:
            assert answer.json()["errors"]

    await asyncio.to_thread(any_body)


async def test_no_query_string_whatever_makes_the_gateway_fail(fuzzer, services):
    async def page(request, identity):
        return memory_store.Conversations(conversations=())

    services.on(memory_store.LIST_CONVERSATIONS, page)

    @hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.dictionaries(st.sampled_from(["limit", "cursor", "x"]), st.text() | st.integers()))
    def any_query(params):
        answer = fuzzer.get("/api/conversations", params=params)
        assert answer.status_code in {200, 422}, answer.text

    await asyncio.to_thread(any_query)
