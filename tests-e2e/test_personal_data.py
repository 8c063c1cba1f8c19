"""A user takes everything out, then has everything erased: nothing is left, nothing comes back, nobody else notices."""

import asyncio
import io
import json
import zipfile
from datetime import datetime, timedelta

import asyncpg
import nats
import pytest

from contracts.topology import DURABLES, MIGRATOR, OUTBOXES, OWNERS, stream_of

WORD = "qvxz"
"""The beginning of made-up words that only what Ada says contains."""


def in_database(system, function):
    async def run():
        connection = await asyncpg.connect(system.admin_url)
        try:
            return await function(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def rows_with(system, *words):
    """How many rows of each table of each schema hold one of the words, as text or as bytes."""
    patterns = [f"%{pattern}%" for word in words for pattern in (word, word.encode().hex())]

    async def search(connection):
        tables = await connection.fetch(
            "select format('%I.%I', schemaname, tablename) as name from pg_tables"
            " where schemaname not in ('pg_catalog', 'information_schema')"
        )
        found = {}
        for table in tables:
            sql = f"select count(*) from only {table['name']} t where t::text ilike any($1)"
            if count := await connection.fetchval(sql, patterns):
                found[table["name"]] = count
        return found

    return in_database(system, search)


def connected(system, function):
    """What a function makes of NATS as the operator sees it."""

    async def run():
        client = await nats.connect(system.nats.url, user=MIGRATOR, password=system.secrets.nats[MIGRATOR])
        try:
            return await function(client.jetstream())
        finally:
            await client.close()

    return asyncio.run(run())


def events_of(system, user):
    """Every event of a user that is in the log, as it was published."""

    async def read(jetstream):
        found = []
        for stream in map(stream_of, OUTBOXES):
            state = (await jetstream.stream_info(stream)).state
            for sequence in range(state.first_seq, state.last_seq + 1):
                message = await jetstream.get_msg(stream, sequence)
                if json.loads(message.data)["userid"] == user.user_id:
                    found.append((message.subject, message.data))
        return found

    return connected(system, read)


def publish(system, events):
    async def send(jetstream):
        for subject, body in events:
            await jetstream.publish(subject, body)

    connected(system, send)


def settled(system):
    """Whether every consumer has handled every event."""

    async def check(jetstream):
        for durable in DURABLES:
            info = await jetstream.consumer_info(durable.stream, durable.name)
            assert (info.num_pending, info.num_ack_pending) == (0, 0), durable.name

    connected(system, check)
    return True


def export(user):
    answer = user.http.get("/api/users/me/export")
    assert answer.status_code == 200, answer.text
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    files = {
        name: [json.loads(line) for line in archive.read(name).decode().split("\n") if line]
        for name in archive.namelist()
        if name.endswith(".jsonl")
    }
    return archive, files


def erase(user):
    answer = user.http.delete("/api/users/me/data")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def told(shop, wait):
    """Has a user say and ask everything there is to say and ask; returns what they said."""

    def tell(user):
        conversation = user.post("/api/conversations", {"title": f"{WORD}title"}, 201)["conversation_id"]
        turns = [{"role": "user", "content": f"{WORD}turn of mine"}, {"role": "assistant", "content": f"{WORD}answer"}]
        user.post(f"/api/conversations/{conversation}/messages", {"messages": turns}, {200, 201})
        user.remember(f"Our {WORD}fact is known", conversation_id=conversation, metadata={"note": f"{WORD}note"})
        user.remember(f"Prefers aliases for {WORD}rule tables", memory_type="rule")
        user.remember(f"My {WORD}secret", sensitive=True)
        source = {"name": f"{WORD}shop", "kind": "sqlite", "connection": shop}
        source_id = user.post("/api/data-sources", source, 201)["data_source_id"]
        user.post(f"/api/data-sources/{source_id}/sync", status=200)
        answered = user.ask("How many orders are there per status?", data_source_id=source_id, execute=True)
        assert answered["status"] == "executed", answered
        user.ask(f"How many {WORD}question are there?", data_source_id=source_id)
        wait(lambda: len(user.get("/api/rules")["rules"]) == 1)
        wait(lambda: user.get(f"/api/memories/{answered['query_id']}"))
        wait(
            lambda: len(user.get("/api/relationships", params={"relationship_type": "groups_by"})["relationships"]) > 0
        )
        return {
            f"{WORD}{said}"
            for said in ("title", "turn", "answer", "fact", "note", "rule", "secret", "shop", "question")
        }

    return tell


@pytest.fixture
def nothing_left(system, wait):
    """Fails unless no row of any table names a user, or holds a word that only they said."""

    def check(user):
        def nothing():
            assert rows_with(system, user.user_id, WORD) == {}

        wait(nothing)

    return check


def test_a_user_takes_out_everything_in_plain_text_and_nobody_else_any_of_it(ada, new_user, told, shop):
    said = told(ada)
    archive, files = export(ada)
    text = b"".join(archive.read(name) for name in archive.namelist()).decode()
    for word in said:
        assert word in text, word
    assert any(f"{WORD}secret" in row["content"] for row in files["memory-store/memories.jsonl"])
    assert {row["entity_name"] for row in files["entity-extractor/entities.jsonl"]} >= {"customers", "orders"}
    assert len(files["sql-generator/queries.jsonl"]) == 2
    assert shop not in text
    manifest = json.loads(archive.read("manifest.json"))
    assert manifest["user_id"] == ada.user_id
    assert {file["service"] for file in manifest["files"]} == set(OWNERS)
    assert manifest["left_out"]
    _, hers = export(new_user("eve"))
    assert not any(hers.values())
    erase(ada)


def test_an_erased_user_leaves_no_row_in_any_table_and_nobody_else_is_touched(
    system, ada, new_user, told, with_shop, wait, nothing_left
):
    eve = new_user("eve")
    with_shop(eve)
    eve.remember("Revenue is net of returns")
    wait(lambda: len(eve.get("/api/entities")["entities"]) > 0)
    told(ada)
    wait(lambda: settled(system))
    before, hers = rows_with(system, ada.user_id, WORD), rows_with(system, eve.user_id)
    assert {name.split(".")[0] for name in before} == {service.replace("-", "_") for service in OWNERS}
    receipt = erase(ada)
    assert receipt["pending"] == []
    assert set(receipt["services"]) == set(OWNERS)
    for service, rows in receipt["services"].items():
        assert sum(rows.values()) > 0, service
    erased_at = datetime.fromisoformat(receipt["erased_at"])
    assert datetime.fromisoformat(receipt["event_log_until"]) == erased_at + timedelta(days=7)
    nothing_left(ada)
    assert rows_with(system, eve.user_id) == hers
    _, files = export(ada)
    assert not any(files.values())


def test_nothing_that_is_said_of_the_past_brings_an_erased_user_back(system, ada, told, wait, nothing_left):
    told(ada)
    wait(lambda: settled(system))
    past = events_of(system, ada)
    assert {"memory.created", "data_source.synced", "query.executed"} <= {subject for subject, _ in past}
    erase(ada)
    nothing_left(ada)
    publish(system, [*past, *reversed(past)])
    wait(lambda: settled(system))
    nothing_left(ada)


def test_who_was_erased_may_come_back_and_the_erasure_does_not_come_after_them(system, ada, told, wait):
    told(ada)
    erase(ada)

    def announced():
        found = [event for event in events_of(system, ada) if event[0] == "user.erased"]
        assert len(found) == 1
        return found

    erasure = wait(announced)
    wait(lambda: settled(system))
    stored = ada.remember("I am back, and I like maps", memory_type="rule")

    def at_home_again():
        (hit,) = ada.search("maps")["results"]
        assert hit["memory_id"] == stored["memory_id"]
        assert "vector" in hit["matched_by"]
        assert len(ada.get("/api/rules")["rules"]) == 1

    wait(at_home_again)
    publish(system, erasure)
    wait(lambda: settled(system))
    at_home_again()
    _, files = export(ada)
    assert [row["content"] for row in files["memory-store/memories.jsonl"]] == ["I am back, and I like maps"]
    assert len(files["sql-generator/rules.jsonl"]) == 1


def test_a_service_that_was_away_erases_when_it_is_back(system, ada, told, wait, nothing_left):
    told(ada)
    wait(lambda: settled(system))
    system.supervisor.stop("entity-extractor")
    try:
        assert ada.http.get("/api/users/me/export").status_code == 503
        receipt = erase(ada)
        assert receipt["pending"] == ["entity-extractor"]
        assert set(rows_with(system, ada.user_id)) >= {"entity_extractor.memori_entities"}
    finally:
        system.supervisor.start("entity-extractor")
        system.supervisor.wait_ready("entity-extractor", timeout=60)
    nothing_left(ada)
    assert erase(ada)["pending"] == []


def test_only_a_keyed_hash_of_an_erased_user_stays(system, ada):
    ada.remember("a word")
    erase(ada)

    async def columns(connection):
        return await connection.fetch(
            "select table_schema, column_name from information_schema.columns where table_name = 'memori_erasures'"
        )

    found = in_database(system, columns)
    assert {row["column_name"] for row in found} == {"user_key", "erased_at"}
    assert {row["table_schema"] for row in found} == {service.replace("-", "_") for service in OWNERS}
