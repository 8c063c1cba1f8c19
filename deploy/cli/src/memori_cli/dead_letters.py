"""Shows, replays and drops dead letters."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

import nats
import typer
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError

from contracts.methods import PROBLEM
from contracts.topology import MIGRATOR
from memori_cli.local.secrets import load
from messaging.dead_letters import ORIGIN, REASON, STREAM

_CONNECT_SECONDS = 5.0


def server(home: Path, url: str | None, password: str | None) -> tuple[str, str | None]:
    """The NATS server's URL and the migrator's password: as given, else those of the embedded server in `home`."""
    if url is not None:
        return url, password
    state = home / "nats" / "server.json"
    if not state.exists():
        _stop(f"no NATS runs in {home}: start it with `memori up`, or name one with NATS_URL")
    port = json.loads(state.read_text(encoding="utf-8"))["port"]
    return f"nats://127.0.0.1:{port}", load(home / "secrets.json").nats[MIGRATOR]


async def show(url: str, password: str | None) -> None:
    """Print a line for each dead letter, oldest first."""
    async with _connected(url, password) as client:
        jetstream = client.jetstream(timeout=10)
        state = (await jetstream.stream_info(STREAM)).state
        if not state.messages:
            typer.echo("no dead letters")
            return
        for sequence in range(state.first_seq, state.last_seq + 1):
            try:
                letter = await jetstream.get_msg(STREAM, sequence)
            except NotFoundError:
                continue
            headers = letter.headers or {}
            consumer = (letter.subject or "").removeprefix("dead_letter.")
            typer.echo(f"{sequence}\t{consumer}\t{headers.get(ORIGIN, '?')}\t{headers.get(REASON, '?')}")


async def replay(url: str, password: str | None, sequence: int) -> None:
    """Publish one again where it came from, then remove it.

    An event goes back to its stream; a command is asked of its service, and stays here unless it is answered.
    """
    async with _connected(url, password) as client:
        letter = await _letter(client, sequence)
        headers = letter.headers or {}
        origin, body = headers[ORIGIN], letter.data or b""
        carried = {name: value for name, value in headers.items() if name not in {ORIGIN, REASON}}
        if origin.startswith("rpc."):
            reply = await client.request(origin, body, timeout=10, headers=carried)
            if reply.headers and PROBLEM in reply.headers:
                _stop(f"refused again: {reply.data.decode()}")
        else:
            await client.jetstream(timeout=10).publish(origin, body, headers=carried)
        await client.jetstream(timeout=10).delete_msg(STREAM, sequence)
        typer.echo(f"replayed {sequence} on {origin}")


async def drop(url: str, password: str | None, sequence: int) -> None:
    """Remove one."""
    async with _connected(url, password) as client:
        await _letter(client, sequence)
        await client.jetstream(timeout=10).delete_msg(STREAM, sequence)
        typer.echo(f"dropped {sequence}")


@asynccontextmanager
async def _connected(url: str, password: str | None) -> AsyncIterator[Client]:
    credentials = {"user": MIGRATOR, "password": password} if password else {}
    try:
        # nats-py goes on trying to reach a server that has never answered.
        async with asyncio.timeout(_CONNECT_SECONDS):
            client = await nats.connect(url, allow_reconnect=False, error_cb=_quiet, **credentials)
    except (NatsError, OSError, TimeoutError):
        _stop(f"no NATS answers at {url}, or not to this password: is `memori up` running?")
    try:
        yield client
    finally:
        await client.close()


async def _quiet(_: Exception) -> None:
    """Errors are reported once, where they are raised."""


async def _letter(client: Client, sequence: int) -> RawStreamMsg:
    try:
        return await client.jetstream(timeout=10).get_msg(STREAM, sequence)
    except APIError:
        _stop(f"there is no dead letter {sequence}")


def _stop(reason: str) -> NoReturn:
    typer.echo(reason, err=True)
    raise typer.Exit(1)
