"""The embedded NATS server: what it keeps, whom it lets in, what it says when it cannot start."""

import os
import stat
from contextlib import asynccontextmanager

import nats
import pytest
from nats.errors import Error
from nats.js.api import StorageType

from memori_cli.local.http_probe import probe
from memori_cli.local.nats import EmbeddedNats
from memori_cli.local.server import LocalServerError

USERS = 'authorization { users = [ { user: "reader", password: "s3cret", permissions: { publish: "allowed.>" } } ] }'


@asynccontextmanager
async def connected(url, **options):
    async def ignore(error):
        """The client logs what it also raises."""

    client = await nats.connect(url, allow_reconnect=False, connect_timeout=5, error_cb=ignore, **options)
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
def server(server_folder):
    made = EmbeddedNats(server_folder / "nats")
    yield made
    made.kill()


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_messages_outlive_a_restart_and_a_crash_at_the_same_address(server, end):
    server.start()
    url = server.url
    async with connected(url) as client:
        await client.jetstream().add_stream(name="kept", subjects=["kept"], storage=StorageType.FILE)
        await client.jetstream().publish("kept", b"a word")
    getattr(server, end)()
    assert server.pid is None
    server.start()
    assert server.url == url
    async with connected(url) as client:
        assert (await client.jetstream().get_msg("kept", seq=1)).data == b"a word"


async def test_a_given_port_is_used(server, server_folder):
    server.start()
    server.stop()
    with EmbeddedNats(server_folder / "other", port=server.port) as other:
        assert other.url == f"nats://127.0.0.1:{server.port}"


async def test_users_of_the_given_configuration_are_asked_for_their_password(server_folder):
    with EmbeddedNats(server_folder / "nats", USERS, durable=False) as server:
        assert stat.S_IMODE((server.data_dir / "nats.conf").stat().st_mode) == 0o600
        for credentials in ({}, {"user": "reader", "password": "guess"}):
            with pytest.raises(Error, match="Authorization Violation"):
                async with connected(server.url, **credentials):
                    pass
        async with connected(server.url, user="reader", password="s3cret") as client:
            assert client.is_connected


def test_it_is_healthy_once_started(server):
    with server:
        assert probe(f"{server.monitoring_url}/healthz").ok
    assert probe(f"{server.monitoring_url}/healthz").status == 0


def test_a_second_start_in_the_same_folder_is_refused_and_harms_nobody(server):
    with server:
        with pytest.raises(LocalServerError, match=rf"already running in .*started by process {os.getpid()}"):
            EmbeddedNats(server.data_dir).start()
        assert probe(f"{server.monitoring_url}/healthz").ok


def test_a_faulty_configuration_is_shown_and_frees_the_folder(server_folder):
    with pytest.raises(LocalServerError, match=r"(?s)NATS ended while starting.*no_such_option"):
        EmbeddedNats(server_folder / "nats", "no_such_option: 1").start()
    with EmbeddedNats(server_folder / "nats") as mended:
        assert mended.pid is not None


async def test_each_acknowledged_message_is_on_disk_when_durable(server, server_folder):
    with server, EmbeddedNats(server_folder / "fast", durable=False) as fast:
        assert '"sync_always": true' in probe(f"{server.monitoring_url}/jsz?config=1").text
        assert '"sync_always": true' not in probe(f"{fast.monitoring_url}/jsz?config=1").text
