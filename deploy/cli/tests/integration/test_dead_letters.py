"""`memori dlq` against a real server: what is in it, what is not, and no server at all."""

import asyncio
import json
import threading

import nats
import pytest
from typer.testing import CliRunner

from contracts.dead_letters import RefusedCommand, drop_command_of, retry_command_of
from contracts.methods import Empty, ProblemError
from contracts.problems import problem
from memori_cli.main import app
from memori_cli.migrate import migrate_streams
from messaging import create_broker, serve
from messaging.dead_letters import ORIGIN, REASON

run = CliRunner().invoke


@pytest.fixture
def url(nats_server):
    async def empty():
        await migrate_streams(nats_server.url)
        client = await nats.connect(nats_server.url)
        await client.jetstream().purge_stream("DEAD_LETTERS")
        await client.jetstream().purge_stream("SQL_GENERATOR")
        await client.close()

    asyncio.run(empty())
    return nats_server.url


def bury(url, subject, body):
    async def publish():
        client = await nats.connect(url)
        ack = await client.jetstream().publish(
            "dead_letter.memory-store-sources", body, headers={REASON: "no such thing", ORIGIN: subject}
        )
        await client.close()
        return ack.seq

    return str(asyncio.run(publish()))


def test_an_empty_queue_says_so(url):
    result = run(app, ["dlq", "list", "--nats-url", url])
    assert (result.exit_code, result.output.strip()) == (0, "no dead letters")


def test_a_letter_is_listed_replayed_and_gone(url):
    body = json.dumps({"hello": "again"}).encode()
    sequence = bury(url, "data_source.deleted", body)
    listed = run(app, ["dlq", "list", "--nats-url", url])
    assert listed.output.split("\t") == [sequence, "memory-store-sources", "data_source.deleted", "no such thing\n"]
    assert run(app, ["dlq", "replay", "--nats-url", url, sequence]).exit_code == 0

    async def last():
        client = await nats.connect(url)
        message = await client.jetstream().get_last_msg("SQL_GENERATOR", "data_source.deleted")
        await client.close()
        return message.data

    assert asyncio.run(last()) == body
    assert run(app, ["dlq", "list", "--nats-url", url]).output.strip() == "no dead letters"


@pytest.fixture
def told(url):
    """A service that is told what to do with its command 7, in a thread of its own; what it was told."""
    seen, ready, done = [], threading.Event(), threading.Event()

    async def answer(request, identity):
        seen.append((request.outbox_id, identity.user_id))
        if request.outbox_id != 7:
            raise ProblemError(problem("not-found"))
        return Empty()

    async def run():
        broker = create_broker(url, service="sql-generator")
        serve(broker, retry_command_of("sql-generator"), answer)
        serve(broker, drop_command_of("sql-generator"), answer)
        await broker.start()
        ready.set()
        await asyncio.to_thread(done.wait, 60)
        await broker.stop()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert ready.wait(20)
    yield seen
    done.set()
    thread.join(20)


def command(outbox_id=7):
    refused = RefusedCommand(service="sql-generator", outbox_id=outbox_id, method="rpc.memory-store.create")
    return refused.model_dump_json().encode()


@pytest.mark.parametrize("verb", ["replay", "drop"])
def test_the_service_is_told_what_to_do_with_its_command(url, told, verb):
    sequence = bury(url, "rpc.memory-store.create", command())
    listed = run(app, ["dlq", "list", "--nats-url", url])
    assert listed.output.split("\t")[2:] == ["rpc.memory-store.create", "no such thing\n"]
    assert run(app, ["dlq", verb, "--nats-url", url, sequence]).exit_code == 0
    assert told == [(7, "migrator")]
    assert run(app, ["dlq", "list", "--nats-url", url]).output.strip() == "no dead letters"


@pytest.mark.parametrize("verb", ["replay", "drop"])
def test_the_letter_of_a_command_that_was_erased_goes_too(url, told, verb):
    sequence = bury(url, "rpc.memory-store.create", command(8))
    result = run(app, ["dlq", verb, "--nats-url", url, sequence])
    assert result.exit_code == 0
    assert "not there any more" in result.output
    assert run(app, ["dlq", "list", "--nats-url", url]).output.strip() == "no dead letters"


@pytest.mark.parametrize("verb", ["replay", "drop"])
def test_a_command_waits_while_its_service_is_away(url, verb):
    sequence = bury(url, "rpc.memory-store.create", command())
    result = run(app, ["dlq", verb, "--nats-url", url, sequence])
    assert result.exit_code == 1
    assert "sql-generator does not answer" in result.output
    assert sequence in run(app, ["dlq", "list", "--nats-url", url]).output


def test_a_command_that_an_older_version_kept_whole_can_be_dropped_only(url):
    sequence = bury(url, "rpc.memory-store.create", b'{"memories": []}')
    assert run(app, ["dlq", "replay", "--nats-url", url, sequence]).exit_code == 1
    assert run(app, ["dlq", "drop", "--nats-url", url, sequence]).exit_code == 0


def test_a_letter_is_dropped(url):
    sequence = bury(url, "data_source.deleted", b"{}")
    assert run(app, ["dlq", "drop", "--nats-url", url, sequence]).exit_code == 0
    assert run(app, ["dlq", "list", "--nats-url", url]).output.strip() == "no dead letters"


@pytest.mark.parametrize("verb", ["drop", "replay"])
def test_a_letter_that_is_not_there_is_named(url, verb):
    result = run(app, ["dlq", verb, "--nats-url", url, "999999"])
    assert result.exit_code == 1
    assert "there is no dead letter 999999" in result.output


def test_no_server_is_one_line(tmp_path):
    result = run(app, ["dlq", "list", "--nats-url", "nats://127.0.0.1:9"])
    assert result.exit_code == 1
    assert "is `memori up` running?" in result.output
    assert len(result.output.splitlines()) == 1
    nothing = run(app, ["dlq", "list", "--home", str(tmp_path)])
    assert nothing.exit_code == 1
    assert "start it with `memori up`" in " ".join(nothing.output.split())
