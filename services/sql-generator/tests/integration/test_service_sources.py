"""Data sources from end to end, on real databases."""

import sqlite3
from contextlib import closing
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import duckdb
import pytest
from pydantic import SecretStr

from contracts.sql_generator import (
    CREATE_RULE,
    DELETE_DATA_SOURCE,
    EXECUTE,
    GENERATE,
    GET_DATA_SOURCE,
    GET_QUERY,
    GET_SCHEMA,
    LIST_DATA_SOURCES,
    LIST_RULES,
    REGISTER_DATA_SOURCE,
    SYNC_DATA_SOURCE,
    TEST_DATA_SOURCE,
    UPDATE_DATA_SOURCE,
    DataSourceRef,
    Generate,
    GetSchema,
    ListDataSources,
    ListRules,
    NewRule,
    QueryRef,
    RegisterDataSource,
    UpdateDataSource,
)


def ref(source):
    return DataSourceRef(data_source_id=source.data_source_id)


def kinds(events):
    return [subject for subject, _ in events]


async def test_a_sqlite_file_is_registered_synced_and_its_schema_read(service, ada, shop, events, eventually):
    async with service() as call:
        registered = await call.source(ada, shop, synced=False)
        assert (registered.status, registered.status_detail, registered.fingerprint) == ("registered", "", None)
        synced = await call(SYNC_DATA_SOURCE, ref(registered), ada)
        assert (synced.status, synced.table_count) == ("ready", 2)
        page = await call(GET_SCHEMA, GetSchema(data_source_id=synced.data_source_id), ada)
        assert page.fingerprint == synced.fingerprint
        assert page.dialect == "sqlite"
        orders = next(table for table in page.tables if table.name == "orders")
        assert [key.target_table for key in orders.foreign_keys] == ["customers"]
        await eventually(lambda: kinds(events) == ["data_source.synced"])
        assert synced.fingerprint in events[0][1]


async def test_a_duckdb_file_is_asked_a_question(service, ada, tmp_path, model, says, others):
    await others.start()
    with duckdb.connect(tmp_path / "shop.duckdb") as connection:
        connection.execute("CREATE TABLE orders (id INTEGER, amount DECIMAL(10, 2), placed TIMESTAMP)")
        connection.execute("INSERT INTO orders SELECT i, i, TIMESTAMP '2026-01-31' FROM range(1, 4) AS n(i)")
    async with service(model=model) as call:
        synced = await call.source(ada, tmp_path / "shop.duckdb", kind="duckdb")
        assert (synced.status, synced.table_count) == ("ready", 1)
        model.enqueue(says("SELECT date_trunc('month', placed) AS month, SUM(amount) AS total FROM orders GROUP BY 1"))
        answer = await call.ask(ada, "Revenue by month?", execute=True)
        assert (answer.status, answer.result.rows) == ("executed", (("2026-01-01T00:00:00", 6),))


async def test_a_postgres_database_is_read_and_its_login_commented_on(service, ada, postgres_database):
    connection = await asyncpg.connect(postgres_database)
    await connection.execute("CREATE TABLE films (id bigint PRIMARY KEY, title text NOT NULL)")
    await connection.close()
    async with service() as call:
        synced = await call.source(ada, postgres_database, kind="postgres")
        assert (synced.status, synced.table_count) == ("ready", 1)
        assert "superuser" in synced.status_detail


async def test_a_second_sync_says_nothing_unless_the_schema_changed(service, ada, shop, events, eventually):
    async with service() as call:
        first = await call.source(ada, shop)
        again = await call(SYNC_DATA_SOURCE, ref(first), ada)
        assert again.fingerprint == first.fingerprint
        with closing(sqlite3.connect(shop)) as connection:
            connection.execute("CREATE TABLE returns (id INTEGER PRIMARY KEY)")
        drifted = await call(SYNC_DATA_SOURCE, ref(first), ada)
        assert drifted.fingerprint != first.fingerprint
        await eventually(lambda: len(events) == 2)
        assert first.fingerprint in events[0][1]
        assert drifted.fingerprint in events[1][1]


async def test_a_source_that_is_away_is_kept_with_the_reason_and_can_be_synced_when_it_is_back(service, ada, tmp_path):
    path = tmp_path / "late.db"
    async with service() as call:
        registered = await call.source(ada, path, synced=False)
        assert registered.status == "unreachable"
        assert "does not exist" in registered.status_detail
        still = await call(SYNC_DATA_SOURCE, ref(registered), ada)
        assert still.status == "unreachable"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        back = await call(SYNC_DATA_SOURCE, ref(registered), ada)
        assert (back.status, back.status_detail, back.table_count) == ("ready", "", 1)
        path.unlink()
        gone = await call(SYNC_DATA_SOURCE, ref(registered), ada)
        assert (gone.status, gone.fingerprint) == ("unreachable", back.fingerprint)


@pytest.mark.parametrize(
    ("kind", "connection"),
    [
        ("postgres", "not a url"),
        ("postgres", "postgresql://user:hunter2@169.254.169.254/db"),
        ("postgres", "mysql://user:hunter2@db/db"),
        ("sqlite", "/"),
    ],
)
async def test_a_connection_that_may_never_be_is_refused_by_its_field(service, ada, kind, connection):
    async with service() as call:
        new = RegisterDataSource(data_source_id=uuid4(), name="x", kind=kind, connection=connection)
        problem = await call.problem(REGISTER_DATA_SOURCE, new, ada)
        assert (problem.type, [error.field for error in problem.errors]) == ("invalid", ["connection"])
        assert "hunter2" not in problem.model_dump_json()
        assert (await call(LIST_DATA_SOURCES, ListDataSources(), ada)).data_sources == ()


@pytest.mark.parametrize("environment", ["staging", "production"])
async def test_but_in_development_sqlite_files_must_lie_in_the_configured_directory(
    service, ada, shop, tmp_path_factory, environment
):
    outside = tmp_path_factory.mktemp("outside") / "other.db"
    outside.write_bytes(shop.read_bytes())
    async with service(environment=environment) as call:
        new = RegisterDataSource(data_source_id=uuid4(), name="x", kind="sqlite", connection=str(shop))
        assert (await call.problem(REGISTER_DATA_SOURCE, new, ada)).type == "invalid"
    async with service(environment=environment, data_source_files_root=shop.parent) as call:
        assert (await call.source(ada, "shop.db")).status == "ready"
        new = RegisterDataSource(data_source_id=uuid4(), name="x", kind="sqlite", connection=str(outside))
        assert (await call.problem(REGISTER_DATA_SOURCE, new, ada)).type == "invalid"


async def test_another_name_or_connection_takes_the_place_of_the_one_before(
    service, ada, shop, tmp_path, events, eventually
):
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE films (id INTEGER PRIMARY KEY)")
    async with service() as call:
        first = await call.source(ada, shop)
        renamed = await call(UPDATE_DATA_SOURCE, UpdateDataSource(**ref(first).model_dump(), name="sales"), ada)
        assert (renamed.name, renamed.status, renamed.fingerprint) == ("sales", "ready", first.fingerprint)
        moved = UpdateDataSource(**ref(first).model_dump(), connection=str(other))
        pointed = await call(UPDATE_DATA_SOURCE, moved, ada)
        assert (pointed.name, pointed.status, pointed.table_count) == ("sales", "ready", 1)
        page = await call(GET_SCHEMA, GetSchema(data_source_id=first.data_source_id), ada)
        assert [table.name for table in page.tables] == ["films"]
        await eventually(lambda: kinds(events) == ["data_source.synced"] * 2)


async def test_a_new_connection_that_leads_nowhere_is_kept_with_the_reason_and_one_that_may_not_be_is_not(
    service, ada, eve, shop
):
    async with service() as call:
        first = await call.source(ada, shop)
        forbidden = UpdateDataSource(**ref(first).model_dump(), connection="/")
        problem = await call.problem(UPDATE_DATA_SOURCE, forbidden, ada)
        assert (problem.type, problem.errors[0].field) == ("invalid", "connection")
        assert await call(GET_DATA_SOURCE, ref(first), ada) == first
        nowhere = UpdateDataSource(**ref(first).model_dump(), connection="/no/where.db")
        assert (await call.problem(UPDATE_DATA_SOURCE, nowhere, eve)).type == "not-found"
        away = await call(UPDATE_DATA_SOURCE, nowhere, ada)
        assert (away.status, away.fingerprint) == ("unreachable", first.fingerprint)
        assert "does not exist" in away.status_detail
        back = await call(UPDATE_DATA_SOURCE, nowhere.model_copy(update={"connection": SecretStr(str(shop))}), ada)
        assert (back.status, back.status_detail, back.fingerprint) == ("ready", "", first.fingerprint)


async def test_a_test_says_whether_the_source_is_there_which_it_is_and_what_its_login_could_do(
    service, ada, eve, shop, postgres_database, mariadb_database
):
    connections = {"sqlite": shop, "postgres": postgres_database, "mysql": mariadb_database.reader_url}
    async with service() as call:
        tests = {}
        for kind, connection in connections.items():
            source = await call.source(ada, connection, kind=kind, synced=False)
            tests[kind] = await call(TEST_DATA_SOURCE, ref(source), ada)
            assert await call(GET_DATA_SOURCE, ref(source), ada) == source
        assert all(test.reachable and test.reason is None and test.latency_ms > 0 for test in tests.values())
        assert [test.server.split()[0] for test in tests.values()] == ["SQLite", "PostgreSQL", "MariaDB"]
        assert all(test.server.split()[1][0].isdigit() for test in tests.values())
        assert (tests["sqlite"].advice, tests["mysql"].advice) == ((), ())
        assert "superuser" in tests["postgres"].advice[0]
        assert 'GRANT SELECT ON ALL TABLES IN SCHEMA "public"' in tests["postgres"].advice[-1]
        shop.unlink()
        source = await call.source(ada, shop, synced=False)
        gone = await call(TEST_DATA_SOURCE, ref(source), ada)
        assert (gone.reachable, gone.server, gone.latency_ms, gone.advice) == (False, None, None, ())
        assert "does not exist" in gone.reason
        assert (await call.problem(TEST_DATA_SOURCE, ref(source), eve)).type == "not-found"


async def test_registering_again_with_the_same_id_changes_nothing(service, ada, shop):
    async with service() as call:
        first = await call.source(ada, shop)
        again = RegisterDataSource(
            data_source_id=first.data_source_id, name="other", kind="sqlite", connection="/no/where"
        )
        assert await call(REGISTER_DATA_SOURCE, again, ada) == first


async def test_the_connection_is_found_nowhere_in_plain_text(
    service, ada, postgres_database, rows, events, eventually, capfd
):
    password = urlsplit(postgres_database).password
    async with service(log_level="DEBUG") as call:
        synced = await call.source(ada, postgres_database, kind="postgres")
        wrong = urlunsplit(
            urlsplit(postgres_database)._replace(
                netloc=f"postgres:hunter2-secret@127.0.0.1:{urlsplit(postgres_database).port}"
            )
        )
        refused = await call.source(ada, wrong, kind="postgres", synced=False)
        assert refused.status == "unreachable"
        listed = await call(LIST_DATA_SOURCES, ListDataSources(), ada)
        await eventually(lambda: len(events) == 1)
        stored = await rows("select t::text from sql_generator.memori_data_sources t")
        queued = await rows("select convert_from(body, 'UTF8') from sql_generator.memori_outbox")
    said = capfd.readouterr()
    everything = "".join([synced.model_dump_json(), refused.model_dump_json(), listed.model_dump_json(), str(events)])
    everything += str(stored) + str(queued) + said.out + said.err
    assert len(stored) == 2
    for secret in (password, "hunter2-secret", password.encode().hex(), b"hunter2-secret".hex(), postgres_database):
        assert secret not in everything


async def test_a_sealed_connection_opens_in_its_own_row_only(service, ada, eve, shop, rows):
    async with service() as call:
        mine = await call.source(ada, shop)
        theirs = await call.source(eve, shop)
    await rows(
        "with moved as (update sql_generator.memori_data_sources t set connection = o.connection"
        " from sql_generator.memori_data_sources o where t.user_id = 'eve' and o.user_id = 'ada' returning 1)"
        " select count(*) from moved"
    )
    async with service() as call:
        stolen = await call(SYNC_DATA_SOURCE, ref(theirs), eve)
        assert stolen.status == "unreachable"
        assert "cannot be decrypted" in stolen.status_detail
        assert (await call(SYNC_DATA_SOURCE, ref(mine), ada)).status == "ready"


async def test_another_key_cannot_open_a_connection_and_the_previous_key_can(service, ada, shop):
    async with service() as call:
        source = await call.source(ada, shop)
    async with service(secret_key="t" * 32) as call:
        unreadable = await call(SYNC_DATA_SOURCE, ref(source), ada)
        assert unreadable.status == "unreachable"
        assert "SECRET_KEY" in unreadable.status_detail
    async with service(secret_key="t" * 32, secret_key_previous="s" * 32) as call:
        assert (await call(SYNC_DATA_SOURCE, ref(source), ada)).status == "ready"


async def test_data_sources_are_paged_by_name(service, ada, shop):
    names = ["delta", "alpha", "charlie", "bravo", "Ünïcode " * 30, "echo"]
    async with service() as call:
        for name in names:
            await call.source(ada, shop, synced=False, name=name.strip())
        seen, cursor = [], None
        while True:
            page = await call(LIST_DATA_SOURCES, ListDataSources(limit=2, cursor=cursor), ada)
            seen += [source.name for source in page.data_sources]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert sorted(seen) == sorted(name.strip() for name in names)
        assert seen[:4] == ["alpha", "bravo", "charlie", "delta"]
        problem = await call.problem(LIST_DATA_SOURCES, ListDataSources(cursor="never made here"), ada)
        assert (problem.type, problem.errors[0].field) == ("invalid", "cursor")


async def test_a_large_schema_comes_in_pages_that_together_are_the_whole(service, ada, tmp_path):
    path = tmp_path / "large.db"
    columns = ", ".join(f"a_rather_long_column_name_{n} INTEGER" for n in range(60))
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("".join(f"CREATE TABLE t{n:04} ({columns});" for n in range(150)))
    async with service() as call:
        source = await call.source(ada, path)
        names, offset, pages = [], 0, 0
        while offset is not None:
            page = await call(GET_SCHEMA, GetSchema(data_source_id=source.data_source_id, offset=offset), ada)
            names += [table.name for table in page.tables]
            offset, pages = page.next_offset, pages + 1
        assert pages > 1
        assert sorted(names) == [f"t{n:04}" for n in range(150)]


async def test_deleting_a_source_takes_its_rules_and_patterns_along(
    service, ada, shop, model, says, others, events, eventually, rows
):
    await others.start()
    async with service(model=model) as call:
        source = await call.source(ada, shop)
        kept = NewRule(rule_id=uuid4(), rule_name="any", rule_type="preference", rule_content="short aliases")
        bound = kept.model_copy(update={"rule_id": uuid4(), "data_source_id": source.data_source_id})
        await call(CREATE_RULE, kept, ada)
        await call(CREATE_RULE, bound, ada)
        model.enqueue(says("SELECT COUNT(*) FROM orders"))
        asked = await call.ask(ada, "How many orders?")
        await call(DELETE_DATA_SOURCE, ref(source), ada)
        for method in (GET_DATA_SOURCE, SYNC_DATA_SOURCE, DELETE_DATA_SOURCE):
            assert (await call.problem(method, ref(source), ada)).type == "not-found"
        assert [rule.rule_id for rule in (await call(LIST_RULES, ListRules(), ada)).rules] == [kept.rule_id]
        assert (await call.problem(GET_QUERY, QueryRef(query_id=asked.query_id), ada)).type == "not-found"
        await eventually(lambda: "data_source.deleted" in kinds(events))
        assert await rows("select 1 from sql_generator.memori_query_patterns") == []


async def test_nothing_of_one_user_is_there_for_another(service, ada, eve, shop, model, says, others):
    await others.start()
    async with service(model=model) as call:
        source = await call.source(ada, shop)
        rule = NewRule(rule_id=uuid4(), rule_name="r", rule_type="preference", rule_content="short aliases")
        await call(CREATE_RULE, rule, ada)
        model.enqueue(says("SELECT COUNT(*) FROM orders"))
        asked = await call.ask(ada, "How many orders?")
        of_source = [(method, ref(source)) for method in (GET_DATA_SOURCE, SYNC_DATA_SOURCE, DELETE_DATA_SOURCE)]
        of_query = [(method, QueryRef(query_id=asked.query_id)) for method in (EXECUTE, GET_QUERY)]
        naming_it = [
            (GET_SCHEMA, GetSchema(data_source_id=source.data_source_id)),
            (GENERATE, Generate(query_id=uuid4(), question="How many?", data_source_id=source.data_source_id)),
            (CREATE_RULE, rule.model_copy(update={"rule_id": uuid4(), "data_source_id": source.data_source_id})),
        ]
        for method, request in [*of_source, *of_query, *naming_it]:
            problem = await call.problem(method, request, eve)
            assert (method.verb, problem.type) == (method.verb, "not-found")
        assert (await call(LIST_DATA_SOURCES, ListDataSources(), eve)).data_sources == ()
        assert (await call(LIST_RULES, ListRules(), eve)).rules == ()
        assert (await call(GET_DATA_SOURCE, ref(source), ada)).status == "ready"


async def test_the_services_role_sees_no_row_without_a_user(service, ada, shop, stack, rows, model, says, others):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        rule = NewRule(rule_id=uuid4(), rule_name="r", rule_type="preference", rule_content="short aliases")
        await call(CREATE_RULE, rule, ada)
        model.enqueue(says("SELECT COUNT(*) FROM orders"))
        await call.ask(ada, "How many orders?")
    for table in ("memori_data_sources", "memori_rules", "memori_query_patterns"):
        everything = await rows(f"select 1 from sql_generator.{table}")
        assert len(everything) == 1
        own_role = await rows(f"select 1 from {table}", url=stack.database_url("sql-generator"))
        assert own_role == []
        with pytest.raises(Exception, match="permission denied"):
            await rows(f"select 1 from {table}", url=stack.worker_url("sql-generator"))


async def test_a_sync_that_takes_too_long_ends_before_its_caller_stops_waiting(service, ada, shop, monkeypatch):
    async with service() as call:
        source = await call.source(ada, shop)
        monkeypatch.setattr("sql_generator.use_cases.data_sources._READ_SECONDS", 0.001)
        late = await call(SYNC_DATA_SOURCE, DataSourceRef(data_source_id=source.data_source_id), ada)
        assert (late.status, late.fingerprint) == ("unreachable", source.fingerprint)
        assert "could not be read in 0.001 s" in late.status_detail
