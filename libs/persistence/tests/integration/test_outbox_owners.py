"""An outbox whose rows know their user: old rows get theirs, and the app role reaches its own user's only."""

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import Column, DateTime, MetaData, Table, Text, delete, text
from sqlalchemy.exc import DBAPIError

from contracts.events import ConversationCreated, event
from contracts.identity import Identity
from contracts.methods import Empty
from persistence.personal_data import erase_rows

ADA = Identity("acme: ü", "ada/%2F ☃", ("user",), "request-1")
EVE = Identity("acme: ü", "eve")
COUNT = "select count(*) from toy_service.memori_outbox"


@pytest.fixture
async def old(toy):
    """The service with the outbox it had before, with an event and a command in it."""
    toy.revision("create_outbox('toy_service', 'toy_service')", "drop_outbox('toy_service')")
    toy.revision("own_outbox('toy_service')", "disown_outbox('toy_service')")
    await toy.migrate(revision="0001")
    said = event(ConversationCreated(conversation_id=uuid4()), tenant_id=ADA.tenant_id, user_id=ADA.user_id)
    await add(toy, "event", {}, said.model_dump_json())
    await add(toy, "command", EVE.headers(), Empty().model_dump_json())
    return toy


async def add(toy, kind, headers, body):
    await toy.admin(
        "insert into toy_service.memori_outbox (kind, subject, message_id, headers, body)"
        " values (:kind, 's', gen_random_uuid(), cast(:headers as jsonb), :body)",
        kind=kind,
        headers=json.dumps(headers),
        body=body.encode(),
    )


async def test_what_waits_already_gets_the_user_it_is_of(old):
    await old.migrate()
    found = await old.admin("select kind, tenant_id, user_id from toy_service.memori_outbox order by kind desc")
    assert found == [("event", ADA.tenant_id, ADA.user_id), ("command", EVE.tenant_id, EVE.user_id)]


async def test_the_app_role_erases_what_waits_of_its_own_user_and_reads_none_of_it(old):
    await old.migrate()
    created_at = Column("created_at", DateTime(timezone=True))
    outbox = Table("memori_outbox", MetaData(), Column("tenant_id", Text), Column("user_id", Text), created_at)
    async with old.database() as app:
        async with app.transaction(tenant_id=ADA.tenant_id, user_id=ADA.user_id) as transaction:
            assert await erase_rows(transaction, EVE, [outbox]) == {"memori_outbox": 0}
            assert await erase_rows(transaction, ADA, [outbox], before=datetime.now(UTC)) == {"memori_outbox": 1}
        async with app.worker_transaction() as transaction:
            assert (await transaction.execute(delete(outbox))).rowcount == 0
        for column in ("body", "headers", "*"):
            with pytest.raises(DBAPIError, match="permission denied"):
                await select(app, column)
    assert await old.admin(COUNT) == [(1,)]


async def select(database, column):
    async with database.transaction(tenant_id=ADA.tenant_id, user_id=ADA.user_id) as transaction:
        await transaction.execute(text(f"select {column} from memori_outbox"))


async def test_a_row_for_somebody_else_cannot_be_added_but_by_the_worker(old):
    await old.migrate()
    new = text(
        "insert into memori_outbox (kind, subject, message_id, headers, body, tenant_id, user_id)"
        " values ('event', 's', gen_random_uuid(), '{}', '', 'acme', 'somebody')"
    )

    async def add_as(database):
        async with database.transaction(tenant_id=ADA.tenant_id, user_id=ADA.user_id) as transaction:
            await transaction.execute(new)

    async with old.database() as app, old.database("worker") as worker:
        with pytest.raises(DBAPIError, match="row-level security"):
            await add_as(app)
        await add_as(worker)
        async with worker.worker_transaction() as transaction:
            assert (await transaction.execute(text("update memori_outbox set attempts = 1"))).rowcount == 3
            assert (await transaction.execute(text("delete from memori_outbox"))).rowcount == 3


async def test_undone_it_is_as_it_was_and_nothing_is_lost(old):
    shape = """
        select a.attname, a.attnotnull, a.attacl::text, c.relacl::text, c.relrowsecurity, c.relforcerowsecurity,
            (select array_agg(pg_get_indexdef(indexrelid) order by 1) from pg_index where indrelid = c.oid),
            (select count(*) from pg_policy where polrelid = c.oid)
        from pg_class c join pg_attribute a on a.attrelid = c.oid
        where c.oid = 'toy_service.memori_outbox'::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum"""
    before = await old.admin(shape)
    assert await old.migrate() == ["0002"]
    assert await old.admin(shape) != before
    assert await old.migrate(direction="downgrade", revision="0001") == ["0002"]
    assert await old.admin(shape) == before
    assert await old.admin(COUNT) == [(2,)]
    assert await old.migrate() == ["0002"]
