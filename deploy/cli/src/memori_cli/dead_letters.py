"""Shows, replays and drops dead letters."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
import typer
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from contracts.permissions import MIGRATOR
from messaging.dead_letters import ORIGIN, REASON, STREAM


@asynccontextmanager
async def _jetstream(url: str, password: str | None) -> AsyncIterator[JetStreamContext]:
    credentials = {"user": MIGRATOR, "password": password} if password else {}
    client = await nats.connect(url, connect_timeout=5, max_reconnect_attempts=1, **credentials)
    try:
        yield client.jetstream(timeout=10)
    finally:
        await client.close()


async def show(url: str, password: str | None) -> None:
    """Print a line for each dead letter, oldest first."""
    async with _jetstream(url, password) as jetstream:
        state = (await jetstream.stream_info(STREAM)).state
        if not state.messages:
            typer.echo("no dead letters")
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
    async with _jetstream(url, password) as jetstream:
        letter = await jetstream.get_msg(STREAM, sequence)
        headers = letter.headers or {}
        origin, body = headers[ORIGIN], letter.data or b""
        carried = {name: value for name, value in headers.items() if name not in {ORIGIN, REASON}}
        if origin.startswith("rpc."):
            reply = await jetstream._nc.request(origin, body, timeout=10, headers=carried)  # noqa: SLF001  # its own client
            if reply.headers and "Memori-Problem" in reply.headers:
                raise typer.BadParameter(f"refused again: {reply.data.decode()}")
        else:
            await jetstream.publish(origin, body, headers=carried)
        await jetstream.delete_msg(STREAM, sequence)
        typer.echo(f"replayed {sequence} on {origin}")


async def drop(url: str, password: str | None, sequence: int) -> None:
    """Remove one."""
    async with _jetstream(url, password) as jetstream:
        await jetstream.delete_msg(STREAM, sequence)
        typer.echo(f"dropped {sequence}")
