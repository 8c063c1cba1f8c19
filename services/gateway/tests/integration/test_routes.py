"""The routes of what sql-generator owns, and whoever asks: what is asked of which service, and what is answered."""

import io
from datetime import UTC, datetime
from uuid import uuid4

import nanoarrow
from nanoarrow import ipc

from contracts import sql_generator
from contracts.methods import Empty, ProblemError
from contracts.problems import problem
from contracts.sql_generator import (
    Answer,
    ContextBlock,
    DataSources,
    DataSourceTest,
    ListRules,
    Queries,
    QueryDetail,
    QueryOverview,
    QueryResult,
    Rated,
    ResultColumn,
    Rule,
    RuleMatches,
    Rules,
    SchemaPage,
    Table,
    UsageReport,
)


async def test_a_data_source_is_registered_without_its_connection_coming_back(ada, services, data_source):
    async def registered(request, identity):
        return data_source(request.data_source_id)

    services.on(sql_generator.REGISTER_DATA_SOURCE, registered)
    body = {"name": "shop", "kind": "sqlite", "connection": "/data/secret-shop.db"}
    answer = await ada.post("/api/data-sources", json=body)
    assert answer.status_code == 201
    assert "secret-shop" not in answer.text
    request = services.asked(sql_generator.REGISTER_DATA_SOURCE)[-1]
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


async def test_a_data_source_is_changed_without_its_connection_coming_back(ada, services, data_source):
    async def changed(request, identity):
        return data_source(request.data_source_id)

    services.on(sql_generator.UPDATE_DATA_SOURCE, changed)
    path = f"/api/data-sources/{uuid4()}"
    answer = await ada.patch(path, json={"connection": "mysql://u:hunter2@db/shop"})
    assert answer.status_code == 200
    assert "hunter2" not in answer.text
    request = services.asked(sql_generator.UPDATE_DATA_SOURCE)[-1]
    assert (request.name, request.connection.get_secret_value()) == (None, "mysql://u:hunter2@db/shop")
    await ada.patch(path, json={"name": "sales"})
    request = services.asked(sql_generator.UPDATE_DATA_SOURCE)[-1]
    assert (request.name, request.connection) == ("sales", None)


async def test_a_data_source_is_tested(ada, services):
    async def tested(request, identity):
        return DataSourceTest(
            data_source_id=request.data_source_id,
            reachable=True,
            reason=None,
            server="MariaDB 10.11.18",
            latency_ms=12.5,
            advice=("The login can change `shop`.* (INSERT).",),
        )

    services.on(sql_generator.TEST_DATA_SOURCE, tested)
    answer = await ada.post(f"/api/data-sources/{uuid4()}/test")
    assert answer.status_code == 200
    assert (answer.json()["reachable"], answer.json()["server"]) == (True, "MariaDB 10.11.18")


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


def kept(**changes):
    """A rule as its owner answers with it."""
    time = "2026-01-02T03:04:05Z"
    given = {"rule_id": uuid4(), "rule_name": "aliases", "rule_type": "preference", "rule_content": "alias tables"}
    state = {"status": "active", "origin": "user", "application_count": 0, "last_applied_at": None}
    return Rule(**{**given, **state, "created_at": time, "updated_at": time, **changes})


async def test_a_rule_is_created_and_listed(ada, services):
    rules = []

    async def create(request, identity):
        rules.append(kept(**request.model_dump()))
        return rules[-1]

    async def listed(request, identity):
        return Rules(rules=tuple(rules))

    services.on(sql_generator.CREATE_RULE, create)
    services.on(sql_generator.LIST_RULES, listed)
    body = {
        "rule_name": "no cancelled orders",
        "rule_type": "constraint",
        "rule_content": "Sales leave cancelled orders out",
        "conditions": {"words": ["sales"]},
        "effects": [{"kind": "limit", "rows": 10, "mode": "maximum"}],
    }
    created = await ada.post("/api/rules", json=body)
    assert created.status_code == 201
    assert created.headers["location"] == f"/api/rules/{created.json()['rule_id']}"
    assert created.json()["effects"] == body["effects"]
    source = str(uuid4())
    wanted = {"data_source_id": source, "status": "active", "rule_type": "constraint", "origin": "user"}
    listed_rules = await ada.get("/api/rules", params=wanted)
    assert listed_rules.json()["rules"] == [created.json()]
    assert services.asked(sql_generator.LIST_RULES)[-1] == ListRules(**wanted)


async def test_a_rule_is_read_changed_confirmed_and_deleted(ada, services):
    async def one(request, identity):
        return kept(rule_id=request.rule_id)

    async def deleted(request, identity):
        return Empty()

    for method in (sql_generator.GET_RULE, sql_generator.UPDATE_RULE, sql_generator.CONFIRM_RULE):
        services.on(method, one)
    services.on(sql_generator.DELETE_RULE, deleted)
    path = f"/api/rules/{(rule_id := uuid4())}"
    assert (await ada.get(path)).json()["rule_id"] == str(rule_id)
    assert (await ada.patch(path, json={"status": "retired", "conditions": {"words": ["sales"]}})).status_code == 200
    asked = services.asked(sql_generator.UPDATE_RULE)[-1]
    assert (asked.rule_id, asked.status, asked.conditions.words, asked.effects) == (
        rule_id,
        "retired",
        ("sales",),
        None,
    )
    assert (await ada.post(f"{path}/confirm")).json()["rule_id"] == str(rule_id)
    assert (await ada.delete(path)).status_code == 204


async def test_rules_are_matched_with_a_question(ada, services):
    async def matched(request, identity):
        return RuleMatches(data_source_id=request.data_source_id, rules=(), sql=request.sql)

    services.on(sql_generator.MATCH_RULES, matched)
    body = {"question": "How many orders?", "data_source_id": str(uuid4()), "sql": "SELECT 1"}
    answer = await ada.post("/api/rules/match", json=body)
    assert (answer.status_code, answer.json()["sql"]) == (200, "SELECT 1")


def executed(**changes):
    """Answers EXECUTE."""

    async def answer(request, identity):
        return Answer(
            **{
                "query_id": request.query_id,
                "question": "again",
                "data_source_id": uuid4(),
                "conversation_id": None,
                "status": "executed",
                "sql": "SELECT 1",
                "explanation": "",
                "intent": "select",
                "confidence": 1,
                "model": "offline",
                **changes,
            }
        )

    return answer


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
    assert services.asked(sql_generator.GENERATE)[-1].execute is False
    executed = await ada.post(f"/api/queries/{asked.json()['query_id']}/execute")
    assert executed.json()["status"] == "executed"


async def test_a_result_is_downloaded_as_csv_or_arrow(ada, services):
    result = QueryResult(
        columns=(ResultColumn(name="city", type="text"), ResultColumn(name="n", type="integer")),
        rows=(("Paris, France", 2), (None, 1)),
        row_count=2,
        truncated=True,
        truncated_by="rows",
        elapsed_ms=1,
    )
    services.on(sql_generator.EXECUTE, executed(result=result))
    path = f"/api/queries/{(query_id := uuid4())}/result"
    csv = await ada.get(path)
    assert (csv.status_code, csv.text) == (200, 'city,n\r\n"Paris, France",2\r\n,1\r\n')
    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert csv.headers["content-disposition"] == f'attachment; filename="{query_id}.csv"'
    assert csv.headers["memori-truncated-by"] == "rows"
    arrow = await ada.get(path, params={"format": "arrow"})
    assert arrow.headers["content-type"] == "application/vnd.apache.arrow.stream"
    with ipc.InputStream.from_readable(io.BytesIO(arrow.content)) as stream:
        assert nanoarrow.Array(stream).to_pylist() == [{"city": "Paris, France", "n": 2}, {"city": None, "n": 1}]


async def test_a_query_that_fails_has_no_result_to_download(ada, services):
    services.on(sql_generator.EXECUTE, executed(status="failed", reason="the data source cannot be reached"))
    failed = await ada.get(f"/api/queries/{uuid4()}/result")
    assert (failed.status_code, failed.json()["type"]) == (409, "conflict")
    assert "cannot be reached" in failed.json()["detail"]
    assert (await ada.get(f"/api/queries/{uuid4()}/result", params={"format": "exe"})).status_code == 422


async def test_past_queries_are_listed_read_rated_and_forgotten(ada, services):
    time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    shared = {
        "question": "how many orders?",
        "data_source_id": uuid4(),
        "conversation_id": None,
        "status": "executed",
        "sql": "SELECT 1",
        "intent": "select",
        "trust": "verified",
        "row_count": 1,
        "elapsed_ms": 2.5,
        "created_at": time,
        "updated_at": time,
    }

    def detail(query_id):
        whole = {"explanation": "", "confidence": 1, "model": "offline", "tables": ("orders",), "columns": ()}
        return QueryDetail(query_id=query_id, **shared, **whole)

    async def listed(request, identity):
        return Queries(queries=(QueryOverview(query_id=uuid4(), **shared),), next_cursor="more")

    async def read(request, identity):
        return detail(request.query_id)

    async def rated(request, identity):
        return Rated(query=detail(request.query_id))

    async def deleted(request, identity):
        return Empty()

    services.on(sql_generator.LIST_QUERIES, listed)
    services.on(sql_generator.READ_QUERY, read)
    services.on(sql_generator.RATE, rated)
    services.on(sql_generator.DELETE_QUERY, deleted)
    wanted = {"trust": "verified", "intent": "select", "since": "2026-01-01T00:00:00Z", "limit": "5"}
    page = (await ada.get("/api/queries", params=wanted)).json()
    assert (len(page["queries"]), page["next_cursor"]) == (1, "more")
    request = services.asked(sql_generator.LIST_QUERIES)[-1]
    assert (request.trust, request.intent, request.limit) == ("verified", "select", 5)
    path = f"/api/queries/{(query_id := uuid4())}"
    assert (await ada.get(path)).json()["tables"] == ["orders"]
    said = {"score": 5, "notes": "as it should be"}
    assert (await ada.post(f"{path}/feedback", json=said)).json()["query"]["trust"] == "verified"
    request = services.asked(sql_generator.RATE)[-1]
    assert (request.query_id, request.score, request.notes, request.corrected_sql) == (query_id, 5, said["notes"], None)
    assert (await ada.delete(path)).status_code == 204


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


async def test_usage_is_asked_of_sql_generator(ada, services):
    async def usage(request, identity):
        return UsageReport(month="2026-01-01", resets_at="2026-02-01T00:00:00Z", models=(), cost_usd=0.5, budgets=())

    services.on(sql_generator.USAGE, usage)
    answer = await ada.get("/api/usage")
    assert (answer.status_code, answer.json()["cost_usd"], answer.json()["month"]) == (200, 0.5, "2026-01-01")


async def test_a_budget_that_is_spent_is_a_429_that_says_when_to_come_back(ada, services, check_problem):
    async def spent(request, identity):
        raise ProblemError(problem("limit-exceeded", "the budget is spent", retry_after=86_400))

    services.on(sql_generator.GENERATE, spent)
    answer = await ada.post("/api/queries", json={"question": "how many orders?"})
    check_problem(answer, 429, "limit-exceeded")
    assert answer.headers["retry-after"] == "86400"


async def test_a_context_is_recalled_within_its_budget(ada, services, check_problem):
    async def recalled(request, identity):
        return ContextBlock(
            question=request.question,
            data_source_id=uuid4(),
            dialect="sqlite",
            memories=(),
            rules=(),
            knowledge={},
            examples=(),
            turns=(),
            tables=(),
            tables_left_out=0,
            text=f"within {request.token_budget}",
            estimated_tokens=3,
            degraded=(),
        )

    services.on(sql_generator.RECALL, recalled)
    body = {"question": "how many orders?", "token_budget": 500}
    assert (await ada.post("/api/recall", json=body)).json()["text"] == "within 500"
    check_problem(await ada.post("/api/recall", json=body | {"token_budget": 499}), 422, "invalid", "token_budget")
