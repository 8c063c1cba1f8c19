"""What the topology allows is what a real NATS server allows: no more, and enough to work."""

import asyncio
from uuid import uuid4

import nats
import pytest

from contracts import memory_store
from contracts.events import DataSourceDeleted, MemoryCreated, event
from contracts.identity import Identity
from contracts.memory_store import ConversationRef, FetchContents, OwnedMemory
from contracts.methods import Empty, Method, ProblemError
from contracts.permissions import SUBSCRIBER, nats_authorization
from contracts.topology import FORGET_SOURCES, MIGRATOR, SERVICES
from memori_cli.local.nats import EmbeddedNats
from memori_cli.migrate import migrate_streams
from messaging import Consumer, RpcClient, create_broker, each, serve
from messaging.dead_letters import keep
from runtime import background

PASSWORDS = {user: f"password-of-{user}" for user in (*SERVICES, SUBSCRIBER, MIGRATOR)}
ADA = Identity("acme", "ada")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with EmbeddedNats(tmp_path_factory.mktemp("guarded"), nats_authorization(PASSWORDS), durable=False) as server:
        asyncio.run(migrate_streams(server.url, user=MIGRATOR, password=PASSWORDS[MIGRATOR]))
        yield server


@pytest.fixture
async def broker_of(guarded):
    made = []

    async def connect(service, prepare=lambda broker: None):
        broker = create_broker(guarded.url, service=service, password=PASSWORDS[service])
        prepare(broker)
        await broker.start()
        made.append(broker)
        return broker

    yield connect
    for broker in made:
        await broker.stop()


async def refused(client_or_broker, subject, *, subscribe=False):
    """Whether the server says that this is not allowed."""
    violated = asyncio.Event()

    async def remember(error):
        if "permissions violation" in str(error).lower():
            violated.set()

    options = client_or_broker
    client = await nats.connect(**options, error_cb=remember)
    if subscribe:
        await client.subscribe(subject)
    else:
        await client.publish(subject, b"{}")
    await client.flush()
    try:
        async with asyncio.timeout(5):
            await violated.wait()
    except TimeoutError:
        return False
    finally:
        await client.close()
    return True


def login(guarded, user):
    return {"servers": guarded.url, "user": user, "password": PASSWORDS[user]}


async def test_nobody_gets_in_without_a_password(guarded):
    with pytest.raises(nats.errors.Error):
        await nats.connect(guarded.url, max_reconnect_attempts=0, allow_reconnect=False)


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("gateway", "memory.created"),
        ("gateway", "rpc.memory-store.fetch_contents"),
        ("gateway", "rpc.memory-store.store_vectors"),
        ("embedding-worker", "memory.created"),
        ("embedding-worker", "rpc.sql-generator.execute"),
        ("memory-store", "query.executed"),
        ("entity-extractor", "$JS.API.STREAM.DELETE.MEMORY_STORE"),
        ("sql-generator", "dead_letter.embedding-worker-memories"),
        ("subscriber", "memory.created"),
        ("subscriber", "rpc.memory-store.get"),
        ("subscriber", "$JS.API.STREAM.PURGE.MEMORY_STORE"),
        ("subscriber", "$JS.API.CONSUMER.CREATE.MEMORY_STORE.embedding-worker-memories"),
        ("subscriber", "$JS.API.CONSUMER.MSG.NEXT.MEMORY_STORE.embedding-worker-memories"),
    ],
)
async def test_what_is_not_in_the_topology_cannot_be_published(guarded, user, subject):
    assert await refused(login(guarded, user), subject)


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("gateway", "rpc.memory-store.>"),
        ("memory-store", "_INBOX.>"),
        ("memory-store", "memory.created"),
        ("subscriber", "rpc.>"),
        ("subscriber", ">"),
        ("subscriber", "dead_letter.>"),
        ("subscriber", "_INBOX.gateway.>"),
    ],
)
async def test_what_is_not_in_the_topology_cannot_be_listened_to(guarded, user, subject):
    assert await refused(login(guarded, user), subject, subscribe=True)


async def test_a_service_asks_and_is_answered(broker_of):
    method = Method("memory-store", "delete_conversation", ConversationRef, Empty)

    async def answer(_request, _identity):
        return Empty()

    await broker_of("memory-store", lambda broker: serve(broker, method, answer))
    gateway = await broker_of("gateway")
    asked = ConversationRef(conversation_id=uuid4())
    assert await RpcClient(gateway).call(memory_store.DELETE_CONVERSATION, asked, ADA) == Empty()


async def test_a_call_that_is_not_in_the_topology_gets_no_answer(broker_of):
    async def answer(_request, _identity):
        raise AssertionError("must not be asked")

    await broker_of("memory-store", lambda broker: serve(broker, memory_store.FETCH_CONTENTS, answer))
    gateway = await broker_of("gateway")
    request = FetchContents(memories=(OwnedMemory(tenant_id="acme", user_id="ada", memory_id=uuid4()),))
    with pytest.raises(ProblemError):
        await RpcClient(gateway).call(memory_store.FETCH_CONTENTS, request, ADA, timeout_seconds=0.3)


async def test_a_service_publishes_and_another_consumes_and_buries(guarded, broker_of, eventually):
    seen = []

    async def handle(received):
        seen.append(received)

    sql_generator = await broker_of("sql-generator")
    memory = await broker_of("memory-store")
    async with background(Consumer(memory, FORGET_SOURCES, each(handle)).run()):
        sent = event(DataSourceDeleted(data_source_id=uuid4()), tenant_id="acme", user_id="ada")
        await sql_generator.connection.jetstream().publish(
            sent.type, sent.model_dump_json().encode(), stream="SQL_GENERATOR"
        )
        await eventually(lambda: seen == [sent])
    await keep(memory, consumer=FORGET_SOURCES.name, subject="x", body=b"{}", reason="r", headers={})


async def test_a_subscriber_hears_events_live_and_replays_them(guarded, broker_of):
    client = await nats.connect(**login(guarded, SUBSCRIBER), inbox_prefix=b"_INBOX.subscriber")
    live = await client.subscribe("memory.created")
    await client.flush()
    memory = await broker_of("memory-store")
    data = MemoryCreated(memory_id=uuid4(), memory_type="rule", content_version=1, content_hash="h")
    sent = event(data, tenant_id="acme", user_id="ada")
    await memory.connection.jetstream().publish(sent.type, sent.model_dump_json().encode(), stream="MEMORY_STORE")
    assert str(data.memory_id) in (await live.next_msg(timeout=5)).data.decode()
    info = await client.jetstream().stream_info("MEMORY_STORE")
    past = await client.jetstream().get_msg("MEMORY_STORE", info.state.last_seq, direct=True)
    assert past.data.decode() == sent.model_dump_json()
    await client.close()
