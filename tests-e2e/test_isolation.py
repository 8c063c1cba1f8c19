"""Nobody sees another's rows: not through any route, not in the database, not through another service."""

import asyncio
import re
from uuid import uuid4

import asyncpg
import pytest

from contracts.topology import SERVICES
from persistence import schema_of


async def query(url, statement):
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


def tables(system):
    found = asyncio.run(
        query(
            system.admin_url,
            "select relnamespace::regnamespace::text as schema, relname from pg_class"
            " where relkind in ('r', 'p') and not relispartition and relname like 'memori\\_%'"
            " and relname <> 'memori_schema_version'",
        )
    )
    return [(row["schema"], row["relname"]) for row in found]


@pytest.fixture
def owned(ada, with_shop, wait):
    """One of everything that has an id, of Ada's."""
    source = with_shop(ada)
    conversation = ada.post("/api/conversations", {"title": "mine"}, 201)["conversation_id"]
    memory = ada.remember("Ada's secret plan", conversation_id=conversation)["memory_id"]
    rule = {"rule_name": "mine", "rule_type": "preference", "rule_content": "prefers aliases"}
    rule_id = ada.post("/api/rules", rule, 201)["rule_id"]
    file_id = ada.post("/api/files", files={"file": ("mine.csv", b"a,b\n1,2\n")}, status=201)["file_id"]
    ada.remember("My favourite colour is vermilion")
    query_id = ada.ask("How many orders are there per status?", data_source_id=source, execute=True)["query_id"]
    wait(lambda: len(ada.get("/api/entities")["entities"]) > 0)
    wait(lambda: ada.get(f"/api/memories/{query_id}"))
    wait(lambda: len(ada.get("/api/facts")["facts"]) > 0)
    return {
        "conversation_id": conversation,
        "memory_id": memory,
        "data_source_id": source,
        "query_id": query_id,
        "rule_id": rule_id,
        "file_id": file_id,
        "entity_id": ada.get("/api/entities")["entities"][0]["entity_id"],
    }


def test_every_route_with_an_id_answers_404_for_another_users_id(ada, new_user, owned):
    eve = new_user("eve")
    document = ada.get("/openapi.json")
    bodies = {
        "patch /api/memories/{memory_id}": {"importance_score": 0.1},
        "patch /api/conversations/{conversation_id}": {"title": "hers now"},
        "post /api/conversations/{conversation_id}/messages": {"messages": [{"role": "user", "content": "hers"}]},
        "patch /api/data-sources/{data_source_id}": {"name": "hers now"},
        "patch /api/rules/{rule_id}": {"priority": 1},
        "post /api/queries/{query_id}/feedback": {"score": 1},
        "post /api/entities/{entity_id}/merge": {"into": str(uuid4())},
    }
    tried = 0
    for path, operations in document["paths"].items():
        names = re.findall(r"{(\w+)}", path)
        if not names:
            continue
        for verb in operations:
            target = path
            for name in names:
                assert name in owned, f"the test does not know an id for {path}: add one"
                target = target.replace(f"{{{name}}}", owned[name])
            body = bodies.get(f"{verb} {path}")
            foreign = eve.http.request(verb, target, json=body)
            unknown = eve.http.request(verb, re.sub(r"{\w+}", str(uuid4()), path), json=body)
            assert foreign.status_code == 404, f"{verb} {path}: {foreign.status_code} {foreign.text}"
            assert unknown.status_code == 404
            tried += 1
    assert tried >= 10
    assert ada.get(f"/api/memories/{owned['memory_id']}")["importance_score"] != 0.1


def test_every_list_of_another_user_is_empty(ada, new_user, owned):
    eve = new_user("eve")
    document = ada.get("/openapi.json")
    for path, operations in document["paths"].items():
        if "get" not in operations or "{" in path or not path.startswith("/api/"):
            continue
        if "application/json" not in operations["get"]["responses"]["200"]["content"]:
            continue
        mine, theirs = ada.get(path), eve.get(path)
        if path == "/api/memories/statistics/summary":
            assert mine["total_memories"] >= 3
            assert theirs["total_memories"] == 0
            continue
        if path == "/api/usage":
            assert mine["models"], mine
            assert theirs["models"] == [], theirs
            continue
        lists = [key for key, value in theirs.items() if isinstance(value, list)]
        assert lists, path
        for key in lists:
            assert theirs[key] == [], path
            assert mine[key] != [], path
    assert eve.search("Ada's secret plan", min_similarity=-1)["results"] == []


def test_another_users_source_and_conversation_cannot_be_used(new_user, owned, with_shop):
    eve = new_user("eve")
    eve.post("/api/queries", {"question": "How many orders?", "data_source_id": owned["data_source_id"]}, 404)
    question = {"question": "How many orders are there?", "data_source_id": with_shop(eve)}
    eve.post("/api/queries", question | {"conversation_id": owned["conversation_id"]}, 404)
    body = {"content": "into Ada's conversation", "conversation_id": owned["conversation_id"]}
    eve.post("/api/memories", body, 404)
    rule = {"rule_name": "r", "rule_type": "preference", "rule_content": "x", "data_source_id": owned["data_source_id"]}
    eve.post("/api/rules", rule, 404)


def test_the_services_own_role_sees_no_row_without_a_user(system, owned):
    with_rows = 0
    for schema, table in tables(system):
        if table == "memori_erasures":
            continue  # keyed hashes, of nobody whom the database could name
        count = asyncio.run(query(system.admin_url, f"select count(*) from {schema}.{table}"))[0][0]
        with_rows += count > 0
        seen = asyncio.run(query(system.database_url(f"{schema}_app"), f"select count(*) from {schema}.{table}"))[0][0]
        assert seen == 0, f"{schema}.{table}"
    assert with_rows >= 8


def test_no_service_reads_the_tables_of_another(system):
    for service in SERVICES:
        schema = schema_of(service)
        if not any(owner == schema for owner, _ in tables(system)):
            continue
        for kind in ("app", "worker"):
            for owner, table in tables(system):
                if owner == schema:
                    continue
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    asyncio.run(query(system.database_url(f"{schema}_{kind}"), f"select 1 from {owner}.{table}"))


def test_no_role_of_a_service_can_bypass_row_level_security(system):
    roles = asyncio.run(
        query(
            system.admin_url,
            "select rolname from pg_roles where (rolsuper or rolbypassrls or rolcreaterole)"
            " and (rolname like '%\\_app' or rolname like '%\\_worker' or rolname like '%\\_owner')",
        )
    )
    assert roles == []


def test_every_table_with_a_user_is_under_forced_row_level_security(system):
    found = asyncio.run(
        query(
            system.admin_url,
            """select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
               join pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id'
               where c.relkind in ('r', 'p') and not (c.relrowsecurity and c.relforcerowsecurity)""",
        )
    )
    assert [row[0] for row in found if not row[0].startswith("pg_")] == []


def test_without_a_header_or_a_token_nobody_gets_in(system, ada):
    import httpx

    for path in ("/api/memories", "/api/conversations"):
        response = httpx.post(f"{system.gateway_url}{path}", json={"content": "x"})
        assert response.status_code == 401
        assert response.headers["content-type"] == "application/problem+json"
        assert "WWW-Authenticate" in response.headers


def test_a_token_says_who_somebody_is(system, ada):
    import time

    import httpx
    import jwt

    memory = ada.remember("only for Ada")["memory_id"]

    def status(claims, key=system.secrets.secret_key, algorithm="HS256"):
        token = jwt.encode(claims, key, algorithm=algorithm)
        url = f"{system.gateway_url}/api/memories/{memory}"
        return httpx.get(url, headers={"Authorization": f"Bearer {token}"}).status_code

    soon = int(time.time()) + 60
    assert status({"sub": ada.user_id, "exp": soon}) == 200
    assert status({"sub": "eve", "exp": soon}) == 404
    assert status({"sub": ada.user_id, "exp": soon - 3600}) == 401
    assert status({"sub": ada.user_id}) == 401
    assert status({"sub": ada.user_id, "exp": soon}, key="k" * 40) == 401
    assert status({"sub": ada.user_id, "exp": soon}, key=None, algorithm="none") == 401
