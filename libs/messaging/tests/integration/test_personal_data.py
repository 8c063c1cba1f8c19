"""Export and erase of a service of one table, and events of users who were erased."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Column, DateTime, MetaData, Table, Text, insert, select, text

from contracts.events import DataSourceDeleted, UserErased, event
from contracts.identity import Identity
from contracts.methods import Empty, ProblemError
from contracts.personal_data import ExportData, erase_of, export_of
from contracts.topology import ERASURES, FORGET_SOURCES
from messaging import Consumer, PersonalData, RpcClient, create_broker, each, unless_erased
from persistence.erasures import Erasures
from persistence.personal_data import Export
from runtime import background

ADA = Identity("acme", "ada")
EVE = Identity("acme", "eve")
SERVICE = "sql-generator"

notes = Table(
    "notes",
    MetaData(),
    Column("tenant_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("note", Text, primary_key=True),
    Column("created_at", DateTime(timezone=True)),
)


@pytest.fixture
async def tables(database):
    async with database.worker_transaction() as transaction:
        await transaction.execute(
            text("create table memori_erasures (user_key bytea primary key, erased_at timestamptz)")
        )
        await transaction.execute(
            text("create table notes (tenant_id text, user_id text, note text, created_at timestamptz default now())")
        )
    return database


@pytest.fixture
def erasures():
    return Erasures(["s" * 32], service=SERVICE)


@pytest.fixture
def forgotten():
    return []


@pytest.fixture
def personal(tables, erasures, forgotten):
    exported = [Export("notes", notes, leave_out={"created_at"})]
    return PersonalData(tables, erasures, exported=exported, erased=[notes], forget=forgotten.append)


@pytest.fixture
async def client(nats_server, personal):
    broker = create_broker(nats_server.url, service=SERVICE)
    personal.serve(broker, SERVICE)
    await broker.start()
    yield RpcClient(broker)
    await broker.stop()


async def write(database, note, owner=ADA, **values):
    row = {"tenant_id": owner.tenant_id, "user_id": owner.user_id, "note": note, **values}
    async with database.worker_transaction() as transaction:
        await transaction.execute(insert(notes).values(row))


async def read(database, owner=ADA):
    async with database.worker_transaction() as transaction:
        found = await transaction.execute(select(notes.c.note).where(notes.c.user_id == owner.user_id))
        return sorted(found.scalars())


async def test_a_user_gets_everything_and_erases_everything(client, tables, forgotten):
    await write(tables, "one")
    await write(tables, "two")
    await write(tables, "hers", EVE)
    page = await client.call(export_of(SERVICE), ExportData(), ADA)
    assert (page.kind, page.rows, page.next_cursor) == ("notes", ({"note": "one"}, {"note": "two"}), None)
    began = datetime.now(UTC)
    erased = await client.call(erase_of(SERVICE), Empty(), ADA)
    assert erased.rows == {"notes": 2}
    assert began <= erased.erased_at <= datetime.now(UTC)
    assert await read(tables) == []
    assert await read(tables, EVE) == ["hers"]
    assert [(owner.tenant_id, owner.user_id) for owner in forgotten] == [("acme", "ada")]
    again = await client.call(erase_of(SERVICE), Empty(), ADA)
    assert again.rows == {"notes": 0}
    assert again.erased_at > erased.erased_at


async def test_a_cursor_of_somebodys_own_making_is_refused(client):
    with pytest.raises(ProblemError) as caught:
        await client.call(export_of(SERVICE), ExportData(cursor="notes.AAAA"), ADA)
    assert (caught.value.problem.type, caught.value.problem.errors[0].field) == ("invalid", "cursor")


def erased_event(**changes):
    made = event(UserErased(erasure_id=uuid4()), tenant_id="acme", user_id="ada")
    return made.model_copy(update=changes)


async def test_the_event_erases_what_there_was_at_its_time_once_however_often_it_comes(personal, tables, forgotten):
    said = erased_event(time=datetime.now(UTC) - timedelta(minutes=1))
    await write(tables, "old", created_at=said.time)
    await write(tables, "of the user who came back")
    await personal.erased(said)
    assert await read(tables) == ["of the user who came back"]
    await write(tables, "from a backup", created_at=said.time - timedelta(days=1))
    await personal.erased(said)
    assert await read(tables) == ["from a backup", "of the user who came back"]
    assert len(forgotten) == 1


async def test_the_event_after_the_service_was_asked_itself_deletes_nothing_newer(personal, tables):
    reply = await personal.erase(Empty(), ADA)
    await write(tables, "new")
    await personal.erased(erased_event(time=reply.erased_at - timedelta(seconds=1)))
    await personal.erased(erased_event(time=reply.erased_at))
    assert await read(tables) == ["new"]


async def test_the_event_arrives_on_the_services_durable(nats_server, streams, personal, tables, eventually):
    await write(tables, "old")
    broker = create_broker(nats_server.url, service=SERVICE)
    await broker.start()
    async with background(Consumer(broker, ERASURES[SERVICE], each(personal.erased)).run()):
        said = erased_event()
        await streams.publish(said.type, said.model_dump_json().encode())

        async def gone():
            assert await read(tables) == []

        await eventually(gone)
    await broker.stop()


async def test_events_of_erased_users_are_done_with_and_all_others_handled(
    nats_server, streams, tables, erasures, personal, eventually
):
    seen = []

    async def handle(received):
        seen.append((received.userid, received.data.data_source_id))

    async def publish(owner):
        data = DataSourceDeleted(data_source_id=uuid4())
        made = event(data, tenant_id=owner.tenant_id, user_id=owner.user_id)
        await streams.publish(made.type, made.model_dump_json().encode())
        return owner.user_id, data.data_source_id

    for _ in range(3):
        await publish(ADA)
    of_another = await publish(EVE)
    await personal.erase(Empty(), ADA)
    after = await publish(ADA)
    broker = create_broker(nats_server.url, service=FORGET_SOURCES.service)
    await broker.start()
    async with background(Consumer(broker, FORGET_SOURCES, unless_erased(each(handle), erasures, tables)).run()):

        async def settled():
            info = await streams.consumer_info(FORGET_SOURCES.stream, FORGET_SOURCES.name)
            assert (info.num_pending, info.num_ack_pending) == (0, 0)
            assert seen == [of_another, after]

        await eventually(settled)
    await broker.stop()


async def test_events_wait_while_nobody_knows_whether_their_users_were_erased(
    nats_server, streams, database, erasures, eventually
):
    """There is no table of erasures yet: nothing is handled, and nothing lost."""
    seen = asyncio.Event()

    async def handle(_received):
        seen.set()

    made = event(DataSourceDeleted(data_source_id=uuid4()), tenant_id="acme", user_id="ada")
    await streams.publish(made.type, made.model_dump_json().encode())
    broker = create_broker(nats_server.url, service=FORGET_SOURCES.service)
    await broker.start()
    async with background(Consumer(broker, FORGET_SOURCES, unless_erased(each(handle), erasures, database)).run()):

        async def tried_in_vain():
            info = await streams.consumer_info(FORGET_SOURCES.stream, FORGET_SOURCES.name)
            assert info.num_redelivered >= 1
            assert not seen.is_set()

        await eventually(tried_in_vain)
        async with database.worker_transaction() as transaction:
            await transaction.execute(text("create table memori_erasures (user_key bytea, erased_at timestamptz)"))
        async with asyncio.timeout(10):
            await seen.wait()
    await broker.stop()
