"""The embedded Postgres: what it keeps, whom it lets in, what it says when it cannot start."""

import os
import pwd
import shutil
import stat
import sys
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

from memori_cli.local import postgres, unprivileged
from memori_cli.local.postgres import EmbeddedPostgres
from memori_cli.local.server import LocalServerError
from memori_cli.local.unprivileged import Account

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give up being root")


@asynccontextmanager
async def connected(url):
    connection = await asyncpg.connect(url, timeout=10)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def server(server_folder):
    made = EmbeddedPostgres(server_folder / "postgres", durable=False)
    yield made
    made.kill()


async def remember(url, word):
    async with connected(url) as connection:
        await connection.execute("create table if not exists words (word text)")
        await connection.execute("insert into words values ($1)", word)


async def words(url):
    async with connected(url) as connection:
        return [row["word"] for row in await connection.fetch("select word from words")]


async def test_data_outlive_a_restart_and_a_crash(server):
    server.start()
    url = server.create_database("kept")
    await remember(url, "first")
    server.stop()
    server.start()
    assert server.url("kept") == url, "the port changed while the server's owner lived on"
    await remember(url, "second")
    server.kill()
    server.start()
    assert await words(url) == ["first", "second"]


async def test_data_are_found_by_another_object_later(server, server_folder):
    with server:
        await remember(server.create_database("kept"), "first")
    with EmbeddedPostgres(server_folder / "postgres") as durable:
        assert await words(durable.url("kept")) == ["first"]
        async with connected(durable.admin_url) as connection:
            assert await connection.fetchval("show fsync") == "on"
            assert await connection.fetchval("show full_page_writes") == "on"


@pytest.mark.parametrize("password", ["", "guess"])
async def test_a_wrong_password_is_refused(postgres_server, password):
    parts = urlsplit(postgres_server.admin_url)
    with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InterfaceError)):
        await asyncpg.connect(
            host=parts.hostname, port=parts.port, user="postgres", database="postgres", password=password, ssl=False
        )


async def test_it_listens_on_loopback_only_and_asks_everyone_for_scram(postgres_server):
    async with connected(postgres_server.admin_url) as connection:
        assert await connection.fetchval("show listen_addresses") == "127.0.0.1"
        assert await connection.fetchval("show unix_socket_directories") == ""
        methods = await connection.fetch("select distinct auth_method from pg_hba_file_rules")
        assert [row["auth_method"] for row in methods] == ["scram-sha-256"]


async def test_text_is_utf_8_under_the_builtin_locale(postgres_database):
    async with connected(postgres_database) as connection:
        assert await connection.fetchval("show server_encoding") == "UTF8"
        assert await connection.fetchval("select lower('ÉCOLE')") == "école"


async def test_the_vector_extension_can_be_created(postgres_database):
    async with connected(postgres_database) as connection:
        await connection.execute("create extension vector")
        assert await connection.fetchval("select '[1,0]'::vector <=> '[0,1]'::vector") == 1.0


async def test_a_database_can_be_a_copy_and_its_name_any_text(server):
    with server:
        await remember(server.create_database('the "original"'), "copied")
        assert await words(server.create_database("copy; drop", template='the "original"')) == ["copied"]
        server.drop_database("copy; drop")
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await words(server.url("copy; drop"))


async def test_a_database_that_exists_is_an_error(server):
    with server:
        server.create_database("twice")
        with pytest.raises(LocalServerError, match=r'database "twice" already exists'):
            server.create_database("twice")


async def test_what_it_writes_is_for_its_owner_only(server):
    with server:
        assert stat.S_IMODE(server.data_dir.stat().st_mode) & 0o066 == 0
        for name in ("superuser.password", "server.log", "server.lock"):
            assert stat.S_IMODE((server.data_dir / name).stat().st_mode) == 0o600, name
        password = (server.data_dir / "superuser.password").read_text()
        assert password not in server.log_file.read_text()


def test_a_second_start_in_the_same_folder_is_refused_and_harms_nobody(server):
    with server:
        second = EmbeddedPostgres(server.data_dir)
        with pytest.raises(LocalServerError, match=rf"already running in .*started by process {os.getpid()}"):
            second.start()
        with pytest.raises(LocalServerError, match="already running"):
            server.start()
        assert server.pid is not None
        server.create_database("still_there")


def test_a_pid_file_whose_id_belongs_to_another_process_does_not_stop_it(server):
    with server:
        pid_file = server.data_dir / "cluster" / "postmaster.pid"
        lines = pid_file.read_text().splitlines(keepends=True)
    # What a killed container leaves behind; in the next one the id is somebody else's, here the parent of pytest.
    pid_file.write_text("".join([f"{os.getppid()}\n", *lines[1:]]))
    os.chown(pid_file, (server.data_dir / "cluster").stat().st_uid, -1)
    server.start()
    assert server.pid is not None


def test_a_half_made_cluster_is_made_again(server):
    draft = server.data_dir / "cluster.draft"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18")
    with server:
        assert server.create_database("works")
        assert not draft.exists()


def test_a_lost_password_is_said(server):
    with server:
        pass
    (server.data_dir / "superuser.password").unlink()
    with pytest.raises(LocalServerError, match=r"superuser\.password is missing"):
        server.start()


def test_a_failed_start_shows_the_end_of_the_log_and_frees_the_folder(server):
    with server:
        pass
    configuration = server.data_dir / "cluster" / "postgresql.conf"
    healthy = configuration.read_text()
    configuration.write_text(f"{healthy}\nno_such_setting = 1\n")
    with pytest.raises(LocalServerError, match=r"(?s)ended while starting.*no_such_setting"):
        server.start()
    assert server.pid is None
    configuration.write_text(healthy)
    server.start()


def test_a_port_in_use_is_said_when_it_was_asked_for(server, postgres_server, server_folder):
    clash = EmbeddedPostgres(server_folder / "clash", durable=False, port=postgres_server.port)
    with pytest.raises(LocalServerError, match=r"Address already in use"):
        clash.start()


def test_a_port_taken_at_the_last_moment_is_replaced(server, postgres_server, monkeypatch):
    ports = iter([postgres_server.port])
    real = postgres.child_process.free_port
    monkeypatch.setattr(postgres.child_process, "free_port", lambda: next(ports, None) or real())
    with server:
        assert server.port != postgres_server.port
        assert server.create_database("works")


@as_root
@pytest.mark.skipif(sys.platform != "linux", reason="user namespaces are Linux's")
async def test_root_serves_data_of_its_own_where_namespaces_are_allowed(server):
    if unprivileged.renamed_root() is None:
        pytest.skip("user namespaces are forbidden here")
    with server:
        assert (server.data_dir / "cluster").stat().st_uid == 0
        async with connected(server.admin_url) as connection:
            with pytest.raises(asyncpg.PostgresError, match="Permission denied"):
                await connection.fetchval("select pg_read_file('/proc/1/environ')")


@as_root
async def test_root_gives_the_data_to_a_system_user_where_namespaces_are_forbidden(server, monkeypatch):
    with server:
        await remember(server.create_database("kept"), "first")
    nobody = pwd.getpwnam("nobody")
    monkeypatch.setattr(unprivileged, "renamed_root", lambda: None)
    monkeypatch.setattr(unprivileged, "system_user", lambda: Account(nobody.pw_uid, nobody.pw_gid))
    with server:
        assert await words(server.url("kept")) == ["first"]
        assert (server.data_dir / "cluster").stat().st_uid == nobody.pw_uid
    monkeypatch.undo()
    with server:  # the data decide from now on whom Postgres runs as
        assert await words(server.url("kept")) == ["first"]
        assert (server.data_dir / "cluster" / "postmaster.pid").stat().st_uid == nobody.pw_uid
    shutil.rmtree(server.data_dir)
    with server:
        assert server.create_database("works")


@as_root
def test_a_folder_that_the_system_user_cannot_pass_through_is_named(server_folder, monkeypatch):
    nobody = pwd.getpwnam("nobody")
    monkeypatch.setattr(unprivileged, "renamed_root", lambda: None)
    monkeypatch.setattr(unprivileged, "system_user", lambda: Account(nobody.pw_uid, nobody.pw_gid))
    closed = server_folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(LocalServerError, match=rf"chmod o\+x {closed}`"):
        EmbeddedPostgres(closed / "postgres", durable=False).start()
