"""Whatever is wrong is a problem document that names the field, and never a 5xx of the gateway's own making."""

import asyncio
import json

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts import memory_store, sql_generator
from contracts.methods import ProblemError
from contracts.problems import FieldError, problem

JSON = {"Content-Type": "application/json"}


async def test_a_secret_that_is_not_valid_is_not_repeated(check_problem, ada):
    body = {"name": "x", "kind": "sqlite", "connection": "hunter2" * 400}
    answer = await ada.post("/api/data-sources", json=body)
    check_problem(answer, 422, "invalid", "connection")
    assert "hunter2" not in answer.text


async def test_unknown_routes_and_wrong_methods_are_problems(check_problem, ada, anonymous):
    check_problem(await anonymous.get("/api/nothing"), 404, "not-found")
    check_problem(await anonymous.get("/"), 404, "not-found")
    check_problem(await anonymous.get("/api/memories/"), 404, "not-found")
    wrong = await ada.put("/api/memories", json={})
    check_problem(wrong, 405, "method-not-allowed")
    assert "POST" in wrong.headers["allow"]
    check_problem(await ada.request("REPORT", "/api/memories"), 405, "method-not-allowed")


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data", "", "json"])
async def test_a_body_of_another_type_is_not_supported(check_problem, ada, content_type):
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
async def test_a_services_problem_is_handed_on(check_problem, ada, services, found, status, retry_after):
    async def fail(request, identity):
        raise ProblemError(found)

    services.on(memory_store.SEARCH, fail)
    answer = await ada.post("/api/memories/search", json={"query": "x"})
    check_problem(answer, status, found.type, found.errors[0].field if found.errors else None)
    assert answer.json()["detail"] == found.detail
    assert answer.headers.get("retry-after") == retry_after


async def test_a_service_that_fails_gives_nothing_away(check_problem, ada, services):
    async def fail(request, identity):
        raise ZeroDivisionError("secret inner working")

    services.on(memory_store.SEARCH, fail)
    answer = await ada.post("/api/memories/search", json={"query": "x"})
    check_problem(answer, 500, "failed")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


async def test_a_service_that_is_not_running_is_unavailable_for_now(check_problem, ada):
    answer = await ada.get("/api/entities")
    check_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "2"
    assert "entity-extractor" in answer.json()["detail"]


async def test_a_service_that_stalls_is_given_up_on(check_problem, start_gateway, token, services):
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


async def test_a_reply_nobody_understands_is_a_failure_without_a_trace(check_problem, ada, services):
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
FIELDS = tuple(memory_store.NewMemory.model_fields)
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


@pytest.mark.parametrize(
    ("path", "method", "fields"),
    [
        ("/api/conversations", memory_store.LIST_CONVERSATIONS, memory_store.ListConversations.model_fields),
        ("/api/memories", memory_store.LIST, memory_store.ListMemories.model_fields),
    ],
    ids=["conversations", "memories"],
)
async def test_no_query_string_whatever_makes_the_gateway_fail(fuzzer, services, path, method, fields):
    async def page(request, identity):
        return method.reply.model_validate({path.removeprefix("/api/"): []})

    services.on(method, page)

    @hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.dictionaries(st.sampled_from([*fields, "x"]), st.text() | st.integers() | st.lists(st.text(), max_size=3))
    )
    def any_query(params):
        answer = fuzzer.get(path, params=params)
        assert answer.status_code in {200, 422}, answer.text

    await asyncio.to_thread(any_query)
