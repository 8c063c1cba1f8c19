"""The schema goes up, down and up again, and what was stored survives each way."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import memory_store
from contracts.events import MemoryCreated, event
from memory_store.tables import metadata
from persistence.migrations import migrate, migrator
from persistence.roles import bootstrap

SERVICE = "memory-store"
MIGRATIONS = Path(memory_store.__file__).parent / "migrations"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TALK, TURN, ARCHIVED, BOBS = (UUID(int=n) for n in range(1, 5))
NEW_TABLES = {"memori_messages", "memori_memory_history", "memori_erasures"}

DESCRIBED = """
    select c.relname, c.relkind::text, c.relrowsecurity, c.relforcerowsecurity, c.relacl::text,
        (select array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull
            order by a.attname)
         from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
        (select array_agg(concat_ws(' ', polname, polcmd::text, polroles::regrole[]::text,
            pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) order by polname)
         from pg_policy where polrelid = c.oid),
        (select array_agg(pg_get_constraintdef(oid) order by conname) from pg_constraint where conrelid = c.oid)
    from pg_class c where c.relnamespace = 'memory_store'::regnamespace and c.relname not like 'memori_schema_version%'
    order by c.relname"""


class Schema:
    """A database with the schema of one revision, and ways to move it to another."""

    def __init__(self, connection):
        self.connection = connection

    async def up(self, revision=None):
        return await self.connection.run_sync(migrate, SERVICE, MIGRATIONS, revision=revision)

    async def down(self, revision=None):
        return await self.connection.run_sync(migrate, SERVICE, MIGRATIONS, direction="downgrade", revision=revision)

    async def sql(self, statement, *rows):
        async with self.connection.begin():
            await self.connection.execute(text("set local search_path = memory_store, public"))
            if rows:
                await self.connection.execute(text(statement), list(rows))
                return []
            result = await self.connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []


@pytest.fixture
async def schema(postgres_database):
    """An empty schema."""
    async with migrator(postgres_database) as connection:
        async with connection.begin():
            await connection.execute(text("create extension vector schema public"))
            await connection.run_sync(bootstrap, SERVICE, {})
        yield Schema(connection)


def memory(memory_id, user_id, content, **fields):
    return {
        "memory_id": memory_id,
        "user_id": user_id,
        "content": content,
        "conversation_id": None,
        "content_version": 1,
        "expires_at": None,
        "is_archived": False,
        "archived_reason": None,
        "created_at": NOW - timedelta(days=30),
    } | fields


@pytest.fixture
async def filled(schema):
    """The first revision, with rows of two users in each of its tables."""
    await schema.up("0001")
    await schema.sql(
        "insert into memori_conversations (tenant_id, user_id, conversation_id, title) values ('acme', 'ada', :id, 't')",
        {"id": TALK},
    )
    await schema.sql(
        "insert into memori_memories (tenant_id, user_id, memory_id, conversation_id, content, content_version,"
        " content_hash, analyzer_version, length, memory_type, importance_score, context_tags, related_entities,"
        " metadata, expires_at, is_archived, archived_reason, created_at)"
        " values ('acme', :user_id, :memory_id, :conversation_id, :content, :content_version, 'hash', 1, 2,"
        " 'short_term', 0.4, '{a,b}', '{orders}', '{\"k\": [1]}', :expires_at, :is_archived, :archived_reason,"
        " :created_at)",
        memory(TURN, "ada", "net revenue", conversation_id=TALK, content_version=2, expires_at=NOW),
        memory(ARCHIVED, "ada", "売上 🍕", is_archived=True, archived_reason="unimportant"),
        memory(BOBS, "bob", "his revenue"),
    )
    await schema.sql(
        "insert into memori_memory_vectors (tenant_id, user_id, memory_id, model, dimensions, content_version,"
        " embedding) values ('acme', :user_id, :memory_id, :model, 2, :version, cast(:embedding as public.halfvec))",
        *(
            {"user_id": user, "memory_id": number, "model": model, "version": version, "embedding": embedding}
            for user, number, model, version, embedding in (
                ("ada", TURN, "current", 2, "[1,0]"),
                ("ada", TURN, "outdated", 1, "[0,1]"),
                ("ada", ARCHIVED, "current", 1, "[0.5,0.5]"),
                ("bob", BOBS, "current", 1, "[0,1]"),
            )
        ),
    )
    await schema.sql(
        "insert into memori_memory_usage (tenant_id, user_id, memory_id, access_count, last_accessed_at,"
        " importance_gain) values ('acme', :user_id, :memory_id, 7, :at, 0.07)",
        *({"user_id": user, "memory_id": number, "at": NOW} for user, number in (("ada", TURN), ("bob", BOBS))),
    )
    await schema.sql(
        "insert into memori_memory_terms (tenant_id, user_id, term, memory_id, frequency, length)"
        " values ('acme', :user_id, :term, :memory_id, 1, 2)",
        *(
            {"user_id": user, "memory_id": number, "term": term}
            for user, number, term in (
                ("ada", TURN, "net"),
                ("ada", TURN, "revenu"),
                ("ada", ARCHIVED, "売上"),
                ("ada", ARCHIVED, "🍕"),
                ("bob", BOBS, "revenu"),
            )
        ),
    )
    said = event(
        MemoryCreated(memory_id=TURN, memory_type="short_term", content_version=1, content_hash="hash"),
        tenant_id="acme",
        user_id="ada",
    )
    await schema.sql(
        "insert into memori_outbox (kind, subject, message_id, headers, body)"
        " values ('event', 'memory.created', :id, '{}', :body)",
        {"id": uuid4(), "body": said.model_dump_json().encode()},
    )
    return schema


TABLES_OF_THE_FIRST = {
    "memori_conversations": "*",
    "memori_memories": (
        "tenant_id, user_id, memory_id, conversation_id, content, content_version, content_hash, analyzer_version,"
        " length, memory_type, importance_score, context_tags, related_entities, metadata, expires_at, is_archived,"
        " archived_reason, created_at, updated_at"
    ),
    "memori_memory_vectors": "tenant_id, user_id, memory_id, model, dimensions, content_version, embedding::text, created_at",
    "memori_memory_usage": "tenant_id, user_id, memory_id, access_count, last_accessed_at, importance_gain",
    "memori_memory_terms": "tenant_id, user_id, term, memory_id, frequency, length",
    "memori_outbox": "id, kind, subject, message_id, headers, body, attempts, not_before, created_at",
}


async def rows_of_the_first(schema):
    """Everything that the first revision knew; the vectors of past contents, which it never used, left out."""
    newer = await schema.sql(
        "select 1 from information_schema.columns where table_schema = 'memory_store' and column_name = 'memory_no'"
    )
    found = {}
    for table, columns in TABLES_OF_THE_FIRST.items():
        joined = ""
        if newer and table in {"memori_memory_vectors", "memori_memory_usage", "memori_memory_terms"}:
            joined = f"(select {table}.*, memory_id from {table} join memori_memories"
            joined += " using (tenant_id, user_id, memory_no)) as"
        rows = await schema.sql(f"select {columns} from {joined} {table}")
        found[table] = sorted(map(repr, (row for row in rows if "outdated" not in row)))
    return found


async def test_migrations_run_down_and_up_again(schema):
    assert await schema.up() == ["0001", "0002"]
    before = await schema.sql(DESCRIBED)
    names = {row[0] for row in before if row[1] in "rp"}
    partitions = {f"memori_memory_vectors_{number}" for number in range(16)}
    assert names == set(metadata.tables) | partitions | {"memori_erasures"}
    columns = {(row[0], column.split(" ")[0]) for row in before for column in row[5] or ()}
    for table in metadata.tables.values():
        assert {(table.name, column.name) for column in table.columns} <= columns
    assert await schema.down() == ["0002", "0001"]
    assert await schema.sql(DESCRIBED) == []
    assert await schema.up() == ["0001", "0002"]
    assert await schema.up() == []
    assert await schema.sql(DESCRIBED) == before


async def test_going_back_to_the_first_leaves_what_the_first_made(schema):
    await schema.up("0001")
    before = await schema.sql(DESCRIBED)
    await schema.up()
    assert await schema.down("0001") == ["0002"]
    assert await schema.sql(DESCRIBED) == before


async def test_what_was_stored_survives_the_way_up_down_and_up_again(filled):
    before = await rows_of_the_first(filled)
    assert {table: len(rows) for table, rows in before.items()} == {
        "memori_conversations": 1,
        "memori_memories": 3,
        "memori_memory_vectors": 3,
        "memori_memory_usage": 2,
        "memori_memory_terms": 5,
        "memori_outbox": 1,
    }
    await filled.up()
    assert await rows_of_the_first(filled) == before
    await filled.down("0001")
    assert await rows_of_the_first(filled) == before
    await filled.up()
    assert await rows_of_the_first(filled) == before


async def test_what_is_new_begins_with_what_was_known(filled):
    await filled.up()
    memories = await filled.sql(
        "select occurred_at = created_at, visibility, sensitive, revision, change, changed_by, superseded_by,"
        " process_id, session_id from memori_memories"
    )
    assert memories == [(True, "private", False, 1, "created", "user", None, None, None)] * 3
    vectors = await filled.sql(
        "select memory_id, model, chunk, shared, live_until from memori_memory_vectors"
        " join memori_memories using (tenant_id, user_id, memory_no) where not is_archived order by memory_id"
    )
    assert [row[:4] for row in vectors] == [(TURN, "current", 0, False), (BOBS, "current", 0, False)]
    assert vectors[0][4] == NOW
    assert await filled.sql(
        "select is_archived from memori_memory_vectors join memori_memories using (tenant_id, user_id, memory_no)"
        " where live_until = '-infinity'"
    ) == [(True,)]
    assert await filled.sql("select distinct conversations from memori_memory_usage") == [([],)]
    assert await filled.sql("select distinct shared from memori_memory_terms") == [(False,)]
    assert await filled.sql("select tenant_id, user_id from memori_outbox") == [("acme", "ada")]


async def test_what_the_first_cannot_hold_goes_on_the_way_down(filled):
    await filled.up()
    await filled.sql(
        "update memori_memories set content = null, content_hash = null, sealed = 'x', sensitive = true,"
        " metadata = '{}', related_entities = '{}', length = 0 where user_id = 'bob'"
    )
    await filled.sql("delete from memori_memory_vectors where user_id = 'bob'")
    await filled.sql("delete from memori_memory_terms where user_id = 'bob'")
    await filled.down("0001")
    assert await filled.sql("select distinct user_id from memori_memories") == [("ada",)]
    assert await filled.sql("select distinct user_id from memori_memory_usage") == [("ada",)]
    tables = await filled.sql("select table_name from information_schema.tables where table_schema = 'memory_store'")
    assert not NEW_TABLES & {name for (name,) in tables}


async def test_the_app_role_finds_what_was_moved(filled, postgres_database):
    await filled.up()
    url = make_url(postgres_database).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.execute(text("set local role memory_store_app"))
        await connection.execute(text("set local search_path = memory_store, public"))
        await connection.execute(
            text("select set_config('app.tenant_id', 'acme', true), set_config('app.user_id', 'ada', true)")
        )
        for table, expected in {"memory_vectors": 2, "memory_terms": 4, "memory_usage": 1, "outbox": 1}.items():
            counted = await connection.execute(text(f"select count(tenant_id) from memori_{table}"))
            assert counted.scalar_one() == expected, table
    await engine.dispose()
