"""Servers that are no databases, or databases that are not to be trusted: whatever they say, it is an error of the port."""

import asyncio
import struct
import time
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sql_generator.sources import Limits, SourceError, SourceUnreachable
from sql_generator.sources.connect import ConnectPolicy, open_source

URLS = {
    "postgres": "postgresql://u:hunter2@localhost:{}/db?sslmode=disable",
    "mysql": "mysql://u:hunter2@localhost:{}/db",
}
KINDS = tuple(URLS)
SHORT = Limits(seconds=0.5)
_PLUGIN_AUTH, _SECURE_CONNECTION = 1 << 19, 1 << 15


@asynccontextmanager
async def server(kind, serve, *, url=None):
    """The source behind a server that serves each connection by `serve(reader, writer)`."""

    async def serve_and_go(reader, writer):
        with suppress(OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)
            if writer.can_write_eof():
                writer.write_eof()
        writer.close()

    listening = await asyncio.start_server(serve_and_go, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        yield open_source(kind, (url or URLS[kind]).format(port), policy=ConnectPolicy())


def packet(number, body):
    """A packet of MySQL's protocol."""
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


def greeting(plugin=b"mysql_native_password"):
    """What a MySQL server says first."""
    flags = 0xA205 | _SECURE_CONNECTION | _PLUGIN_AUTH
    low, high = flags & 0xFFFF, flags >> 16
    rest = struct.pack("<HBHHB10x", low, 45, 2, high, 21)
    return packet(0, b"\x0a8.4.0\0" + struct.pack("<I", 7) + b"saltsalt\0" + rest + b"moresaltsalt\0" + plugin + b"\0")


OK = b"\0\0\0\2\0\0\0"


async def logged_in(reader, writer):
    """Let a MySQL client in without a look at its password."""
    writer.write(greeting())
    await reader.read(4096)
    writer.write(packet(2, OK))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "answer", [b"", b"N", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 5_000, b"\0" * 5_000, b"\x00\x00\xff\xff" * 9]
)
async def test_what_is_no_database_is_unreachable(kind, answer):
    async def speak(reader, writer):
        writer.write(answer)
        await writer.drain()

    async with server(kind, speak) as source:
        with pytest.raises(SourceUnreachable) as caught:
            await source.test()
    assert caught.value.detail
    assert "hunter2" not in caught.value.detail


@pytest.mark.parametrize("kind", KINDS)
async def test_a_silent_host_is_given_up_at_the_time_limit(kind):
    async def hold(reader, writer):
        await reader.read()
        await reader.read()

    async with server(kind, hold) as source:
        started = time.monotonic()
        with pytest.raises(SourceError):
            await source.execute("SELECT 1", SHORT)
        assert time.monotonic() - started < 2.5


async def test_a_mysql_that_falls_silent_after_the_login_is_given_up_at_the_time_limit():
    async def fall_silent(reader, writer):
        await logged_in(reader, writer)
        while await reader.read(4096):
            pass

    async with server("mysql", fall_silent) as source:
        started = time.monotonic()
        with pytest.raises(SourceError):
            await source.execute("SELECT 1", SHORT)
        assert time.monotonic() - started < 2.5


packets = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            OK,
            b"\xfe\0\0\2\0",
            b"\x01",
            b"\x02",
            b"\xfb/etc/passwd",
            b"\xff\x28\x04",
            b"\xfe",
            b"\0\1\0\0\0\1\0\1\0\0\0\0",
        ]
    ),
)
messages = st.builds(
    lambda kind, body, wrong: bytes([kind]) + struct.pack("!i", len(body) + 4 + wrong) + body,
    st.sampled_from(b"RSZTDCE1t2nINAKGHVWvcd3sp"),
    st.one_of(st.binary(max_size=30), st.sampled_from([b"\0\0\0\0", b"SERROR\0C42601\0\0", b"\0\1x\0", b"I"])),
    st.sampled_from([0, 0, 0, -3, 2]),
)
LOGGED_IN_POSTGRES = b"R\0\0\0\x08\0\0\0\0S\0\0\0\x18server_version\x0016.1\0Z\0\0\0\5I"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.one_of(st.none(), st.binary(max_size=90)), said=st.lists(packets, min_size=1, max_size=8))
async def test_whatever_a_mysql_says_is_an_error_of_the_port(first, said):
    async def speak(reader, writer):
        if first is None:
            await logged_in(reader, writer)
            await reader.read(4096)
        else:
            writer.write(packet(0, first))
        for number, body in enumerate(said, 1):
            writer.write(packet(number, body))

    async with server("mysql", speak) as source:
        with pytest.raises(SourceError):
            await source.introspect()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lets_in=st.booleans(), said=st.lists(messages, min_size=1, max_size=6))
async def test_whatever_a_postgres_says_is_an_error_of_the_port(lets_in, said):
    async def speak(reader, writer):
        await reader.read(4096)
        if lets_in:
            writer.write(LOGGED_IN_POSTGRES)
            await reader.read(4096)
        writer.writelines(said)

    async with server("postgres", speak) as source:
        with pytest.raises(SourceError):
            await source.introspect()


@pytest.mark.parametrize(
    "said", [(b"N\0\0\0\4",), (b"t\0\0\0\6\0\0", b"T\0\0\0\6\0\1"), (b"D\0\0\0\6\0\1",), (b"C\0\0\0\4",)]
)
async def test_a_postgres_that_breaks_the_protocol_after_the_login_is_an_error_of_the_port(said):
    async def speak(reader, writer):
        await reader.read(4096)
        writer.write(LOGGED_IN_POSTGRES)
        await reader.read(4096)
        writer.writelines(said)

    async with server("postgres", speak) as source:
        with pytest.raises(SourceError):
            await source.execute("SELECT 1", Limits(seconds=2))


async def test_no_file_of_ours_is_sent_to_a_mysql_that_asks_for_one(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hunter3-in-a-file")
    heard = []

    async def ask_for_a_file(reader, writer):
        await logged_in(reader, writer)
        await reader.read(4096)
        writer.write(packet(1, b"\xfb" + str(secret).encode()))
        heard.append(await reader.read(4096))

    async with server("mysql", ask_for_a_file) as source:
        with pytest.raises(SourceUnreachable, match="protocol of MySQL"):
            await source.test()
    assert b"hunter3" not in b"".join(heard)


@pytest.mark.parametrize("asked_for", ["in the greeting", "afterwards"])
async def test_no_password_is_sent_in_the_clear_to_a_mysql_that_asks_for_it(asked_for):
    heard = []

    async def ask_for_the_password(reader, writer):
        writer.write(greeting(b"mysql_clear_password" if asked_for == "in the greeting" else b"mysql_native_password"))
        heard.append(await reader.read(4096))
        writer.write(packet(2, b"\xfemysql_clear_password\0"))
        heard.append(await reader.read(4096))

    async with server("mysql", ask_for_the_password) as source:
        with pytest.raises(SourceUnreachable):
            await source.test()
    assert b"hunter2" not in b"".join(heard)
    assert b"u\0" in heard[0]


async def test_where_tls_is_required_nothing_is_said_to_a_mysql_that_has_none(eventually):
    heard = []

    async def without_tls(reader, writer):
        writer.write(greeting())
        heard.append(await reader.read(4096))

    async with server("mysql", without_tls, url=f"{URLS['mysql']}?ssl-mode=REQUIRED") as source:
        with pytest.raises(SourceUnreachable, match="does not speak TLS"):
            await source.test()
        await eventually(lambda: heard == [b""])


async def test_a_mysql_that_sends_without_end_does_not_fill_our_memory():
    async def flood(reader, writer):
        await logged_in(reader, writer)
        await reader.read(4096)
        for number in range(1, 200):
            writer.write(struct.pack("<I", 0xFFFFFF)[:3] + bytes([number]))
            for _ in range(255):
                writer.write(b"x" * 0x10101)
                await writer.drain()

    async with server("mysql", flood) as source:
        started = time.monotonic()
        with pytest.raises(SourceError, match="more than 32 MiB"):
            await source.execute("SELECT 1", Limits(seconds=30))
        assert time.monotonic() - started < 20
