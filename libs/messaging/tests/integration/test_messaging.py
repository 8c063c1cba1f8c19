"""The plumbing on real Postgres and NATS: a service of three lines, with an outbox of its own."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import nats
import pytest
from sqlalchemy import text

from contracts.events import ConversationCreated, DataSourceDeleted, MemoryCreated, event
from contracts.identity import Identity
from contracts.memory_store import CREATE_CONVERSATION, GET_CONVERSATION, ConversationRef, CreateConversation
from contracts.methods import Empty, Method, ProblemError
from contracts.problems import problem
from contracts.topology import FORGET_SOURCES
from messaging import Consumer, GiveUp, Relay, RetryLater, RpcClient, create_broker, each, serve
from messaging.dead_letters import ORIGIN, REASON
from messaging.provisioning import provision
from runtime import background

ADA = Identity("acme", "ada", ("user",), "request-1")
PING = Method("memory-store", "get_conversation", ConversationRef, Empty)


async def test_provisioning_can_be_repeated_and_run_at_once(nats_server, streams):
    await asyncio.gather(*(provision(streams) for _ in range(3)))
    info = await streams.consumer_info(FORGET_SOURCES.stream, FORGET_SOURCES.name)
    assert info.config.max_deliver == FORGET_SOURCES.max_deliver
    assert info.config.ack_wait == FORGET_SOURCES.ack_wait


async def test_provisioning_updates_a_durable_that_exists(streams):
    await provision(streams, durables=[replace(FORGET_SOURCES, max_deliver=7)])
    info = await streams.consumer_info(FORGET_SOURCES.stream, FORGET_SOURCES.name)
    assert info.config.max_deliver == 7


async def test_an_event_is_published_after_the_commit_and_never_after_a_rollback(relay, database, outbox, streams):
    subscription = await streams._nc.subscribe("conversation.created")
    rolled_back, committed = uuid4(), uuid4()

    async def roll_back():
        async with database.worker_transaction() as transaction:
            await outbox.emit(transaction, ConversationCreated(conversation_id=rolled_back), identity=ADA)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await roll_back()
    async with database.worker_transaction() as transaction:
        await outbox.emit(transaction, ConversationCreated(conversation_id=committed), identity=ADA)
    message = await subscription.next_msg(timeout=5)
    assert str(committed) in message.data.decode()
    assert message.headers["Nats-Msg-Id"]
    with pytest.raises(nats.errors.TimeoutError):
        await subscription.next_msg(timeout=0.2)


async def test_many_events_arrive_in_order_and_leave_the_outbox(relay, database, outbox, streams, eventually, pending):
    ids = [uuid4() for _ in range(1_200)]
    async with database.worker_transaction() as transaction:
        await outbox.emit(transaction, *(ConversationCreated(conversation_id=i) for i in ids), identity=ADA)

    async def all_published():
        assert (await streams.stream_info("MEMORY_STORE")).state.messages == len(ids)
        assert await pending() == 0

    await eventually(all_published)
    subscription = await streams.pull_subscribe("conversation.created", stream="MEMORY_STORE")
    seen = []
    while len(seen) < len(ids):
        for message in await subscription.fetch(400, timeout=2):
            seen.append(message.data)
            await message.ack()
    assert [str(i) in body.decode() for i, body in zip(ids, seen, strict=True)] == [True] * len(ids)


async def test_a_command_is_asked_until_it_is_answered(
    relay, database, outbox, broker, nats_server, eventually, pending
):
    conversation = uuid4()
    async with database.worker_transaction() as transaction:
        await outbox.command(transaction, CREATE_CONVERSATION, CreateConversation(conversation_id=conversation), ADA)

    async def postponed():
        async with database.worker_transaction() as transaction:
            assert (await transaction.execute(text("select attempts from memori_outbox"))).scalar_one() >= 1

    await eventually(postponed)
    seen = []
    other = create_broker(nats_server.url, service="memory-store")

    async def create(request, identity):
        seen.append((request.conversation_id, identity))
        return Empty()

    serve(other, Method("memory-store", "create_conversation", CreateConversation, Empty), create)
    await other.start()
    try:

        async def answered():
            assert await pending() == 0

        await eventually(answered, timeout=20)
        assert seen == [(conversation, ADA)]
    finally:
        await other.stop()


async def test_a_command_that_hangs_does_not_hold_up_events(relay, database, outbox, nats_server, streams, eventually):
    other = create_broker(nats_server.url, service="memory-store")
    asked, released = asyncio.Event(), asyncio.Event()

    async def stall(_request, _identity):
        asked.set()
        await released.wait()
        return Empty()

    serve(other, Method("memory-store", "create_conversation", CreateConversation, Empty), stall)
    await other.start()
    try:
        async with database.worker_transaction() as transaction:
            await outbox.command(transaction, CREATE_CONVERSATION, CreateConversation(conversation_id=uuid4()), ADA)
        async with asyncio.timeout(5):
            await asked.wait()
        async with database.worker_transaction() as transaction:
            await outbox.emit(transaction, ConversationCreated(conversation_id=uuid4()), identity=ADA)

        async def published():
            assert (await streams.stream_info("MEMORY_STORE")).state.messages == 1

        await eventually(published, timeout=3)
    finally:
        released.set()
        await other.stop()


async def test_a_reply_and_the_identity_travel(nats_server):
    server = create_broker(nats_server.url, service="memory-store")
    client = create_broker(nats_server.url, service="gateway")
    seen = []

    async def handler(request, identity):
        seen.append(identity)
        return ConversationRef(conversation_id=request.conversation_id)

    method = Method("memory-store", "get_conversation", ConversationRef, ConversationRef)
    serve(server, method, handler)
    await server.start()
    await client.start()
    try:
        asked = ConversationRef(conversation_id=uuid4())
        assert await RpcClient(client).call(method, asked, ADA) == asked
        assert seen == [ADA]
    finally:
        await client.stop()
        await server.stop()


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (ProblemError(problem("not-found", "no such conversation")), "not-found"),
        (ZeroDivisionError("secret detail"), "failed"),
        (TimeoutError(), "timeout"),
        (ConnectionRefusedError(), "unavailable"),
    ],
)
async def test_an_error_travels_as_a_problem_without_its_text(nats_server, raised, kind):
    server = create_broker(nats_server.url, service="memory-store")

    async def handler(_request, _identity):
        raise raised

    serve(server, PING, handler)
    await server.start()
    client = create_broker(nats_server.url, service="gateway")
    await client.start()
    try:
        with pytest.raises(ProblemError) as caught:
            await RpcClient(client).call(PING, ConversationRef(conversation_id=uuid4()), ADA)
        assert caught.value.problem.type == kind
        assert "secret" not in caught.value.problem.model_dump_json()
    finally:
        await client.stop()
        await server.stop()


async def test_nobody_listening_is_unavailable_and_a_stalled_service_times_out(nats_server, broker):
    with pytest.raises(ProblemError) as caught:
        await RpcClient(broker).call(GET_CONVERSATION, ConversationRef(conversation_id=uuid4()), ADA)
    assert (caught.value.problem.type, caught.value.problem.retry_after) == ("unavailable", 2)

    server = create_broker(nats_server.url, service="memory-store")
    cancelled = asyncio.Event()

    async def stall(_request, _identity):
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    serve(server, PING, stall)
    await server.start()
    try:
        with pytest.raises(ProblemError) as caught:
            await RpcClient(broker).call(PING, ConversationRef(conversation_id=uuid4()), ADA, timeout_seconds=0.2)
        assert caught.value.problem.type == "timeout"
        async with asyncio.timeout(5):
            await cancelled.wait()
    finally:
        await server.stop()


async def publish(streams, data):
    made = event(data, tenant_id="acme", user_id="ada")
    await streams.publish(made.type, made.model_dump_json().encode())
    return made


@asynccontextmanager
async def consuming(nats_server, handler, durable=FORGET_SOURCES):
    broker = create_broker(nats_server.url, service=durable.service)
    await broker.start()
    async with background(Consumer(broker, durable, handler).run()):
        yield
    await broker.stop()


async def test_an_event_is_handled_once_and_acknowledged(nats_server, streams, eventually):
    seen = []

    async def handle(received):
        seen.append(received)

    async with consuming(nats_server, each(handle)):
        sent = await publish(streams, DataSourceDeleted(data_source_id=uuid4()))

        async def acknowledged():
            info = await streams.consumer_info(FORGET_SOURCES.stream, FORGET_SOURCES.name)
            assert (info.num_pending, info.num_ack_pending) == (0, 0)
            assert seen == [sent]

        await eventually(acknowledged)


async def test_a_passing_fault_is_tried_again_later(nats_server, streams, eventually):
    tries = []

    async def handle(received):
        tries.append(received)
        if len(tries) < 3:
            raise RetryLater("the owner is away", delay=0.05)

    async with consuming(nats_server, each(handle)):
        await publish(streams, DataSourceDeleted(data_source_id=uuid4()))

        async def handled():
            assert len(tries) == 3
            info = await streams.consumer_info(FORGET_SOURCES.stream, FORGET_SOURCES.name)
            assert info.num_ack_pending == 0

        await eventually(handled)


async def test_a_permanent_fault_becomes_a_dead_letter_with_its_body_and_reason(nats_server, streams, eventually):
    async def handle(_received):
        raise GiveUp("this source never existed")

    async with consuming(nats_server, each(handle)):
        sent = await publish(streams, DataSourceDeleted(data_source_id=uuid4()))

        async def buried():
            letter = await streams.get_last_msg("DEAD_LETTERS", f"dead_letter.{FORGET_SOURCES.name}")
            assert letter.data == sent.model_dump_json().encode()
            assert "this source never existed" in letter.headers[REASON]
            assert letter.headers[ORIGIN] == "data_source.deleted"
            info = await streams.consumer_info(FORGET_SOURCES.stream, FORGET_SOURCES.name)
            assert info.num_ack_pending == 0

        await eventually(buried, ignore=(nats.js.errors.NotFoundError,))


async def test_what_is_not_an_event_is_buried_too(nats_server, streams, eventually):
    async def handle(_received):
        raise AssertionError("must not be called")

    async with consuming(nats_server, each(handle)):
        await streams.publish("data_source.deleted", b"\xff not json")

        async def buried():
            letter = await streams.get_last_msg("DEAD_LETTERS", f"dead_letter.{FORGET_SOURCES.name}")
            assert letter.data == b"\xff not json"

        await eventually(buried, ignore=(nats.js.errors.NotFoundError,))


async def test_one_poison_message_does_not_hold_up_its_batch(nats_server, streams, eventually):
    durable = replace(FORGET_SOURCES, batch=10)
    handled = set()
    poison = uuid4()

    async def handle(deliveries):
        if any(delivery.event.data.data_source_id == poison for delivery in deliveries):
            raise GiveUp("poison")
        handled.update(delivery.event.data.data_source_id for delivery in deliveries)

    good = {uuid4() for _ in range(9)}
    for source in [*list(good)[:4], poison, *list(good)[4:]]:
        await publish(streams, DataSourceDeleted(data_source_id=source))
    async with consuming(nats_server, handle, durable):

        async def settled():
            assert handled == good
            info = await streams.consumer_info(durable.stream, durable.name)
            assert (info.num_pending, info.num_ack_pending) == (0, 0)
            assert (await streams.stream_info("DEAD_LETTERS")).state.messages == 1

        await eventually(settled)


async def test_a_message_that_keeps_failing_ends_as_a_dead_letter(nats_server, streams, eventually):
    durable = replace(FORGET_SOURCES, max_failures=3)
    await provision(streams, durables=[durable])

    async def handle(_received):
        raise ZeroDivisionError("always the same")

    async with consuming(nats_server, each(handle), durable):
        await publish(streams, DataSourceDeleted(data_source_id=uuid4()))

        async def buried():
            letter = await streams.get_last_msg("DEAD_LETTERS", f"dead_letter.{durable.name}")
            assert letter.headers[REASON] == "ZeroDivisionError"

        await eventually(buried, ignore=(nats.js.errors.NotFoundError,))


async def test_events_of_other_types_are_not_delivered(nats_server, streams, eventually):
    seen = []

    async def handle(received):
        seen.append(received.type)

    async with consuming(nats_server, each(handle)):
        await publish(
            streams, MemoryCreated(memory_id=uuid4(), memory_type="rule", content_version=1, content_hash="x")
        )
        await publish(streams, DataSourceDeleted(data_source_id=uuid4()))
        await eventually(lambda: seen == ["data_source.deleted"])


async def test_a_relay_ends_when_it_is_cancelled_whatever_it_is_doing(database, broker, outbox, streams):
    clock = asyncio.get_running_loop().time
    for moment in range(150):
        relay = Relay("memory-store", database, broker, outbox)
        task = asyncio.create_task(relay.run())
        until = clock() + moment * 0.000_1
        while clock() < until:
            relay._wake()  # never at rest, so that each of its statements is interrupted at some moment
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5)
        assert done, f"still running after it was cancelled at moment {moment}"
    async with database.worker_transaction() as transaction:
        locks = await transaction.execute(text("select count(*) from pg_locks where locktype = 'advisory'"))
        assert locks.scalar_one() == 0


async def test_events_wait_for_as_long_as_what_they_need_is_away(nats_server, streams, eventually):
    durable = replace(FORGET_SOURCES, max_failures=2, batch=10)
    tries, back = [], asyncio.Event()

    async def handle(deliveries):
        tries.append(len(deliveries))
        if not back.is_set():
            raise RetryLater("away", delay=0.02)

    for _ in range(5):
        await publish(streams, DataSourceDeleted(data_source_id=uuid4()))
    async with consuming(nats_server, handle, durable):
        await eventually(lambda: sum(tries) >= 50)
        back.set()

        async def settled():
            info = await streams.consumer_info(durable.stream, durable.name)
            assert (info.num_pending, info.num_ack_pending) == (0, 0)
            assert (await streams.stream_info("DEAD_LETTERS")).state.messages == 0

        await eventually(settled)


@pytest.mark.parametrize("delay", [float("inf"), float("nan"), -5.0])
async def test_a_delay_that_makes_no_sense_is_not_followed(nats_server, streams, eventually, delay):
    tries = []

    async def handle(received):
        tries.append(received)
        if len(tries) == 1:
            raise RetryLater("away", delay=delay)

    async with consuming(nats_server, each(handle)):
        await publish(streams, DataSourceDeleted(data_source_id=uuid4()))
        await eventually(lambda: len(tries) == 2)


async def test_a_nonsense_reply_is_the_services_failure_not_the_callers_mistake(nats_server, broker):
    server = create_broker(nats_server.url, service="memory-store")

    async def nonsense(_request, _identity):
        return Empty()

    serve(server, PING, nonsense)
    await server.start()
    try:
        method = Method("memory-store", "get_conversation", ConversationRef, ConversationRef)
        with pytest.raises(ProblemError) as caught:
            await RpcClient(broker).call(method, ConversationRef(conversation_id=uuid4()), ADA)
        assert caught.value.problem.type == "failed"
        assert caught.value.problem.errors == ()
    finally:
        await server.stop()
