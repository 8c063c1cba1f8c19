"""Shows, replays and drops dead letters."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
import typer
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError
from pydantic import ValidationError

from contracts.dead_letters import CommandRef, RefusedCommand, drop_command_of, retry_command_of
from contracts.identity import service_identity
from contracts.methods import PROBLEM, Empty, Method
from contracts.problems import Problem
from contracts.topology import MIGRATOR
from memori_cli.operator import CONNECT_SECONDS, no_answer, stop
from messaging.dead_letters import ORIGIN, REASON, STREAM


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
    """Have one handled again, then remove it.

    An event goes back to its stream. A command waits in the outbox of its service, which asks it again; it is another
    letter when it is refused again.
    """
    async with _connected(url, password) as client:
        letter = await _letter(client, sequence)
        headers = letter.headers or {}
        origin, body = headers[ORIGIN], letter.data or b""
        if (command := _command(body)) is not None:
            await _ask(client, retry_command_of(command.service), command)
        elif origin.startswith("rpc."):
            stop("an older version kept this command whole: it can only be dropped")
        else:
            carried = {name: value for name, value in headers.items() if name not in {ORIGIN, REASON}}
            await client.jetstream(timeout=10).publish(origin, body, headers=carried)
        await client.jetstream(timeout=10).delete_msg(STREAM, sequence)
        typer.echo(f"replayed {sequence} on {origin}")


async def drop(url: str, password: str | None, sequence: int) -> None:
    """Remove one; of a command, what waits in the outbox of its service too."""
    async with _connected(url, password) as client:
        letter = await _letter(client, sequence)
        if (command := _command(letter.data or b"")) is not None:
            await _ask(client, drop_command_of(command.service), command)
        await client.jetstream(timeout=10).delete_msg(STREAM, sequence)
        typer.echo(f"dropped {sequence}")


@asynccontextmanager
async def _connected(url: str, password: str | None) -> AsyncIterator[Client]:
    credentials = {"user": MIGRATOR, "password": password} if password else {}
    try:
        # nats-py goes on trying to reach a server that has never answered.
        async with asyncio.timeout(CONNECT_SECONDS):
            client = await nats.connect(url, allow_reconnect=False, error_cb=_quiet, **credentials)
    except (NatsError, OSError, TimeoutError):
        no_answer(url)
    try:
        yield client
    finally:
        await client.close()


async def _quiet(_: Exception) -> None:
    """Errors are reported once, where they are raised."""


def _command(body: bytes) -> RefusedCommand | None:
    """The command a letter is about; None where it holds an event."""
    try:
        return RefusedCommand.model_validate_json(body)
    except ValidationError:
        return None


async def _ask(client: Client, method: Method[CommandRef, Empty], command: RefusedCommand) -> None:
    """Tell a service what to do with its command; one that is gone is done with."""
    headers = service_identity(MIGRATOR).headers()
    try:
        reply = await client.request(method.subject, command.model_dump_json().encode(), timeout=10, headers=headers)
    except (NatsError, TimeoutError):
        stop(f"{command.service} does not answer: the command waits in its outbox until it runs again")
    if reply.headers and PROBLEM in reply.headers:
        found = Problem.model_validate_json(reply.data)
        if found.type != "not-found":
            stop(f"{command.service} could not do it: {found.title}")
        typer.echo("the command is not there any more: its user was erased, or somebody was faster")


async def _letter(client: Client, sequence: int) -> RawStreamMsg:
    try:
        return await client.jetstream(timeout=10).get_msg(STREAM, sequence)
    except APIError:
        stop(f"there is no dead letter {sequence}")
