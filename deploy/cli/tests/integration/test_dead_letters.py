"""`memori dlq` against a real server: what is in it, what is not, and no server at all."""

import asyncio
import json

import nats
import pytest
from typer.testing import CliRunner

from memori_cli.main import app
from memori_cli.migrate import migrate_streams
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
