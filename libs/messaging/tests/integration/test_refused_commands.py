"""A command that is refused stays where its user can erase it, and an operator decides what becomes of it."""

import asyncio
from contextlib import asynccontextmanager
from uuid import uuid4

import nats
import pytest
from sqlalchemy import text

from contracts.dead_letters import CommandRef, RefusedCommand, drop_command_of, retry_command_of
from contracts.identity import Identity, service_identity
from contracts.memory_store import CREATE_CONVERSATION, CreateConversation
from contracts.methods import Empty, Method, ProblemError
from contracts.problems import problem
from messaging import RpcClient, create_broker, serve, serve_refused_commands
from messaging.dead_letters import ORIGIN, REASON

ADA = Identity("acme", "ada")
OPERATOR = service_identity("migrator")
SERVICE = "memory-store"
LETTERS = f"dead_letter.{SERVICE}-commands"
NOT_FOUND = (nats.js.errors.NotFoundError,)


class Asked:
    """Answers the command, with problems as long as there are any."""

    def __init__(self, *problems):
        self.problems = list(problems)
        self.requests = []

    async def __call__(self, request, _identity):
        self.requests.append(request)
        if self.problems:
            raise ProblemError(self.problems.pop(0))
        return Empty()


@asynccontextmanager
async def answering(nats_server, asked):
    broker = create_broker(nats_server.url, service=SERVICE)
    serve(broker, Method(SERVICE, "create_conversation", CreateConversation, Empty), asked)
    await broker.start()
    try:
        yield
    finally:
        await broker.stop()


@pytest.fixture
async def operator(nats_server, database, outbox):
    broker = create_broker(nats_server.url, service=SERVICE)
    serve_refused_commands(broker, SERVICE, database, outbox)
    await broker.start()
    yield RpcClient(broker)
    await broker.stop()


async def command(database, outbox, title=""):
    request = CreateConversation(conversation_id=uuid4(), title=title)
    async with database.worker_transaction() as transaction:
        await outbox.command(transaction, CREATE_CONVERSATION, request, ADA)
    return request


@pytest.fixture
def refused(database, streams, eventually):
    """A function to await: the letter of the command in the outbox, once it was put aside."""

    async def wait():
        async def put_aside():
            async with database.worker_transaction() as transaction:
                found = await transaction.execute(text("select id from memori_outbox where refused_at is not null"))
                (outbox_id,) = found.scalars()
            letter = await streams.get_last_msg("DEAD_LETTERS", LETTERS)
            assert RefusedCommand.model_validate_json(letter.data).outbox_id == outbox_id
            return letter

        return await eventually(put_aside, ignore=(*NOT_FOUND, ValueError))

    return wait


async def test_a_refused_command_stays_in_the_outbox_and_its_letter_says_only_where(
    relay, database, outbox, nats_server, streams, refused, pending
):
    async with answering(nats_server, Asked(problem("conflict", "already there"))):
        await command(database, outbox, title="what Ada thinks")
        letter = await refused()
    assert letter.headers[REASON] == "conflict: already there"
    assert letter.headers[ORIGIN] == CREATE_CONVERSATION.subject
    said = RefusedCommand.model_validate_json(letter.data)
    assert (said.service, said.method) == (SERVICE, CREATE_CONVERSATION.subject)
    whole = letter.data.decode() + str(letter.headers)
    assert "Ada" not in whole
    assert "ada" not in whole
    assert await pending() == 1


async def test_a_refused_command_is_not_asked_again_by_itself(
    relay, database, outbox, nats_server, refused, eventually
):
    asked = Asked(problem("conflict"))
    async with answering(nats_server, asked):
        first = await command(database, outbox)
        await refused()
        others = [await command(database, outbox) for _ in range(3)]
        await eventually(lambda: len(asked.requests) == 4)
        assert [request.conversation_id for request in asked.requests].count(first.conversation_id) == 1
        assert {request.conversation_id for request in asked.requests[1:]} == {each.conversation_id for each in others}


async def test_an_operator_has_a_refused_command_asked_again(
    relay, database, outbox, nats_server, refused, operator, pending, eventually
):
    asked = Asked(problem("conflict"))
    async with answering(nats_server, asked):
        sent = await command(database, outbox)
        letter = RefusedCommand.model_validate_json((await refused()).data)
        await operator.call(retry_command_of(SERVICE), CommandRef(outbox_id=letter.outbox_id), OPERATOR)

        async def done():
            assert await pending() == 0

        await eventually(done)
        assert asked.requests == [sent, sent]


async def test_an_operator_drops_a_refused_command(relay, database, outbox, nats_server, refused, operator, pending):
    async with answering(nats_server, Asked(problem("conflict"))):
        await command(database, outbox)
        ref = CommandRef(outbox_id=RefusedCommand.model_validate_json((await refused()).data).outbox_id)
        await operator.call(drop_command_of(SERVICE), ref, OPERATOR)
        assert await pending() == 0
        for method in (drop_command_of(SERVICE), retry_command_of(SERVICE)):
            with pytest.raises(ProblemError) as caught:
                await operator.call(method, ref, OPERATOR)
            assert caught.value.problem.type == "not-found"


async def test_a_command_that_waits_its_turn_is_neither_dropped_nor_hurried(database, outbox, operator, pending):
    await command(database, outbox)
    async with database.worker_transaction() as transaction:
        outbox_id = (await transaction.execute(text("select id from memori_outbox"))).scalar_one()
    for method in (drop_command_of(SERVICE), retry_command_of(SERVICE)):
        with pytest.raises(ProblemError):
            await operator.call(method, CommandRef(outbox_id=outbox_id), OPERATOR)
    assert await pending() == 1


async def test_a_command_that_its_service_always_fails_at_is_put_aside_in_the_end(
    relay, database, outbox, nats_server, refused, monkeypatch
):
    monkeypatch.setattr("messaging.relay._MAX_FAILURES", 2)
    asked = Asked(*[problem("failed")] * 9)
    async with answering(nats_server, asked):
        await command(database, outbox)
        assert (await refused()).headers[REASON] == "failed"
        assert len(asked.requests) == 2


async def test_a_service_that_is_away_is_waited_for_however_long(
    relay, database, outbox, nats_server, pending, eventually, monkeypatch
):
    monkeypatch.setattr("messaging.relay._MAX_FAILURES", 1)
    asked = Asked(problem("unavailable"), problem("timeout"), problem("limit-exceeded"))
    async with answering(nats_server, asked):
        await command(database, outbox)

        async def done():
            assert await pending() == 0

        await eventually(done, timeout=20)
        assert len(asked.requests) == 4


async def test_a_command_erased_while_it_is_asked_does_not_come_back(
    relay, database, outbox, nats_server, streams, pending, eventually
):
    arrived, erased = asyncio.Event(), asyncio.Event()

    async def refuse_late(_request, _identity):
        arrived.set()
        await erased.wait()
        raise ProblemError(problem("conflict"))

    async with answering(nats_server, refuse_late):
        await command(database, outbox)
        await arrived.wait()
        async with database.worker_transaction() as transaction:
            await transaction.execute(text("delete from memori_outbox"))
        erased.set()

        async def buried():
            await streams.get_last_msg("DEAD_LETTERS", LETTERS)

        await eventually(buried, ignore=NOT_FOUND)
        assert await pending() == 0
